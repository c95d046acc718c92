# SPDX-License-Identifier: Apache-2.0
"""A mailbox from Dovecot to a device's Maildir through gateway and relay, sealed, beside mbsync on the same mailbox in the
same run, with its default fsync and without."""
import base64
import hashlib
import imaplib
import os
import random
import shutil
import ssl
import subprocess
import time

import loopback
import stage as st

SENTENCE = "20,000 messages from Dovecot to a device's Maildir, beside mbsync with fsync and without"
GROUPS = ["dovecot"]
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/imap.so"]
GOALS = {"ratio_durable": (">=", 4, None), "ratio_nosync": (">=", 0.5, None)}
USER = "alice@example.com"
FIRST = 1767225600  # received, unix; a second apart
CODECS = ["zstd", "deflate", "none"]
WORDS = ("the of harbour tide gate meeting Thursday budget attached please regards invoice number schedule project river quay "
         "minutes agenda follow forward reply week contract draft report figures again tomorrow office kindly between").split()


def text(dice, size):
    words, length = [], 0
    while length < size:
        words.append(dice.choice(WORDS))
        length += len(words[-1]) + 1
    lines = [" ".join(words[n:n + 12]) for n in range(0, len(words), 12)]
    return "\r\n".join(lines)[:size]


def message(dice, number):
    """2 to 30 KB; a third carry an attachment, which is most of them."""
    size = dice.randrange(2_000, 30_000)
    head = (f"Return-Path: <bob@example.org>\r\nReceived: from mx.example.org by mail.example.com; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            f"From: Bob <bob@example.org>\r\nTo: <{USER}>\r\nSubject: message {number}\r\nMessage-ID: <{number}@bench.example>\r\n"
            f"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\n")
    if number % 3:
        return (head + "Content-Type: text/plain\r\n\r\n" + text(dice, size) + "\r\n").encode()
    attached = base64.encodebytes(dice.randbytes(size * 5 // 8)).replace(b"\n", b"\r\n").decode()
    return (head + "Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\nContent-Type: text/plain\r\n\r\n"
            + text(dice, size // 8) + "\r\n--part\r\nContent-Type: application/octet-stream\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\n" + attached + "--part--\r\n").encode()


def fill(stage, count):
    """Into Dovecot's Maildir before it first looks. Returns SHA-256 of each message."""
    root = os.path.join(stage.dovecot_folder, "mail", USER)
    owner, dice, hashes = os.stat(root), random.Random(1), set()
    inbox = os.path.join(root, "store")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(inbox, sub))
    for number in range(count):
        octets = message(dice, number)
        path = os.path.join(inbox, "cur", f"{FIRST + number}.M{number}.bench:2,S")
        with open(path, "wb") as out:
            out.write(octets)
        os.utime(path, (FIRST + number, FIRST + number))
        hashes.add(hashlib.sha256(octets).hexdigest())
    subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", inbox], check=True)
    make_index(stage, count)
    return hashes


def make_index(stage, count):
    """What Dovecot keeps of each message is made by a bare client, so that whoever comes first does not pay for it."""
    context = ssl.create_default_context(cafile=os.path.join(stage.dovecot_folder, "ca.pem"))
    with imaplib.IMAP4_SSL("localhost", int(stage.dovecot["imaps"]), ssl_context=context) as imap:
        imap.login(USER, "pw-" + USER)
        imap.select("INBOX")
        found = imap.uid("fetch", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
        if sum(isinstance(part, tuple) for part in found) != count:
            raise loopback.BenchError(f"Dovecot shows {len(found)} of {count} messages")


def mbsync(stage, fsync, count):
    """Seconds until mbsync ends."""
    folder = stage.path("mbsync")
    os.makedirs(folder)
    config = stage.write("mbsyncrc", f"""FSync {"yes" if fsync else "no"}

IMAPStore far
Host localhost
Port {stage.dovecot["imaps"]}
User {USER}
Pass pw-{USER}
SSLType IMAPS
CertificateFile {stage.dovecot_folder}/ca.pem

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
""")
    began = time.monotonic()
    done = subprocess.run(["mbsync", "-q", "-c", config, "all"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3600)
    took = time.monotonic() - began
    there = sum(st.maildir_hashes(folder).values())
    if done.returncode != 0 or there < count:
        raise loopback.BenchError(f"mbsync: exit code {done.returncode}, {there} of {count} messages\n{done.stderr}")
    shutil.rmtree(folder)
    return took


def tidegate(stage, backend, codec, wanted):
    """Seconds of a first sync."""
    device, took = loopback.first_sync(stage, USER, backend, "--compression", codec)
    here = device.files()  # and notices of pairing
    if any(here.get(each) != 1 for each in wanted):
        raise loopback.BenchError("what came to the device is not what is in the mailbox")
    device.process.end()
    stage.gateway.end()
    stage.relay.end()
    for name in ("device", "gateway", "relay"):
        shutil.rmtree(stage.path(name), ignore_errors=True)
    return took


def run(quick):
    count = 500 if quick else 20_000
    if shutil.which("mbsync") is None:
        raise loopback.BenchError("mbsync is not installed (package isync)")
    with st.Stage() as stage:
        backend = stage.start_dovecot(USER)
        wanted = fill(stage, count)
        per_s = {codec: count / tidegate(stage, backend, codec, wanted) for codec in CODECS}
        durable, nosync = (count / mbsync(stage, fsync, count) for fsync in (True, False))
    best = max(per_s.values())
    figures = {"messages_per_s": best, "ratio_durable": best / durable, "ratio_nosync": best / nosync,
               **{f"messages_per_s_{codec}": value for codec, value in per_s.items()}}
    reference = {"mbsync_messages_per_s": durable, "mbsync_nosync_messages_per_s": nosync}
    notes = [f"{count:,} messages of 2 to 30 KB, a third with attachments; TLS everywhere; every octet compared at the end",
             "ours: from `user add` over pairing to the last message fsynced; messages_per_s is the fastest codec"]
    return figures, reference, notes
