# SPDX-License-Identifier: Apache-2.0
"""Reads one mailbox with exchangelib, as a program that synchronises does: SyncFolderItems for the ids, then GetItem with MIME and
flags in batches; nothing is kept. A process of its own, whose memory is counted. ews_reader.py URL ADDRESS
Says JSON: how many came, how many octets, seconds, and the most memory (KiB) it had."""
import json
import logging
import os
import resource
import sys
import time

os.environ["NO_PROXY"] = "*"
import exchangelib as ex  # noqa: E402

logging.getLogger("exchangelib").setLevel(logging.CRITICAL)
FIELDS = ["mime_content", "is_read", "message_id", "datetime_received", "size", "is_draft", "item_class"]


def main():
    url, address = sys.argv[1:]
    began = time.monotonic()
    account = ex.Account(address, access_type=ex.IMPERSONATION, autodiscover=False, default_timezone=ex.UTC, config=ex.Configuration(
        service_endpoint=url, credentials=ex.Credentials("gateway", "secret"), auth_type="basic",
        version=ex.Version(ex.Build(15, 1, 2507, 6)), max_connections=4))
    inbox = account.inbox
    ids = [item for _, item in inbox.sync_items(only_fields=["id", "changekey"], max_changes_returned=512)]
    count = octets = 0
    for item in account.fetch(ids, folder=inbox, only_fields=FIELDS, chunk_size=int(os.environ.get("CHUNK", "100"))):
        count += 1
        octets += len(item.mime_content)
    print(json.dumps({"count": count, "octets": octets, "seconds": time.monotonic() - began,
                      "rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


main()
