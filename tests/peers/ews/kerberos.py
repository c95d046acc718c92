# SPDX-License-Identifier: Apache-2.0
"""The server's side of Negotiate (RFC 4559) by Kerberos, of a client that needs one token."""


def principal(token, keytab):
    """Who a first token proves somebody to be, as name@realm in small letters, or None."""
    import gssapi  # only where the scheme is offered
    try:
        credentials = gssapi.Credentials(usage="accept", store={"keytab": keytab})
        context = gssapi.SecurityContext(creds=credentials, usage="accept")
        context.step(token)
        return str(context.initiator_name).lower() if context.complete else None
    except gssapi.exceptions.GSSError:
        return None
