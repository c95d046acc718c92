# SPDX-License-Identifier: Apache-2.0
"""A mailbox from an Exchange server to a device's Maildir through gateway and relay, sealed, beside exchangelib reading the same from
the same server in the same run."""
import hashlib
import json
import os
import random
import subprocess

import backfill
import ews_peer
import loopback
import process_memory as memory
import stage as st

SENTENCE = "20,000 messages from a scripted Exchange server to a device's Maildir, beside exchangelib reading the same"
GROUPS = ["test"]
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/ews.so"]
GOALS = {"items_per_s": (">=", 5, "exchangelib_items_per_s")}
USER = "alice@example.com"
PYTHON = "/usr/bin/python3"  # Debian's, who has exchangelib


def exchangelib(stage, peer, messages):
    """What it says of itself: its own start is not in its seconds."""
    done = subprocess.run([PYTHON, os.path.join(os.path.dirname(__file__), "ews_reader.py"), peer.url, USER], capture_output=True,
                          text=True, timeout=3600, env=st.environment(REQUESTS_CA_BUNDLE=stage.ca))
    if done.returncode != 0:
        raise loopback.BenchError(f"exchangelib ended with {done.returncode}: {done.stderr[-2000:]}")
    said = json.loads(done.stdout)
    if (said["count"], said["octets"]) != (len(messages), sum(map(len, messages))):
        raise loopback.BenchError(f"exchangelib read {said} of {len(messages)} messages")
    return said


def tidegate(stage, peer, messages):
    """Seconds of a first sync, and the gateway's peak of memory."""
    device, took = loopback.first_sync(stage, USER, peer.backend(stage))
    here = device.files()  # and notices of pairing
    if any(here.get(hashlib.sha256(each).hexdigest()) != 1 for each in messages):
        raise loopback.BenchError("what came to the device is not what is in the mailbox")
    return took, memory.peak_kib(stage.gateway.child.pid)


def run(quick):
    count = 300 if quick else 20_000
    if not os.path.exists(PYTHON) or subprocess.run([PYTHON, "-c", "import exchangelib"], capture_output=True).returncode != 0:
        raise loopback.BenchError("exchangelib is not installed (package python3-exchangelib)")
    dice = random.Random(1)
    messages = [backfill.message(dice, number) for number in range(count)]
    with st.Stage() as stage:
        peer = ews_peer.Peer(stage.certificate, stage.key, {USER: messages})
        try:
            took, rss = tidegate(stage, peer, messages)
            ours, asked = peer.cpu_s(), peer.counts()
            said = exchangelib(stage, peer, messages)
            theirs = peer.cpu_s() - ours
        finally:
            peer.close()
    figures = {"items_per_s": count / took, "rss_mib": rss / 1024, "server_share": ours / took,
               "requests_per_item": sum(asked.values()) / count}
    reference = {"exchangelib_items_per_s": count / said["seconds"], "exchangelib_rss_mib": said["rss_kib"] / 1024,
                 "server_share_of_exchangelib": theirs / said["seconds"]}
    notes = [f"{count:,} messages of 2 to 30 KB, a third with attachments; TLS; octets compared at the end",
             "ours: from `user add` over pairing and discovery of folders to the last message fsynced on a device, and the gateway's peak RSS",
             "exchangelib: SyncFolderItems (ids), then GetItem of MIME and flags, 100 at a time; nothing written; its peak RSS",
             "server's share: processor time of the scripted server by the time measured; 1 would mean that only it was measured"]
    return figures, reference, notes
