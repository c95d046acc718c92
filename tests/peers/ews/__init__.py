# SPDX-License-Identifier: Apache-2.0
"""A scripted Exchange Web Services server for tests: mailboxes in memory, TLS, Basic and NTLM, impersonation, streaming,
and faults on demand. It checks requests against the published schema (MS-OXWS*) and is meant to be honest enough for
clients that know nothing of it."""
