# SPDX-License-Identifier: Apache-2.0
"""A device of Alice's behind a real Exim (AUTH, STARTTLS) and a real Dovecot, and a look into everybody's mailboxes."""
import email
import email.header
import imaplib
import json
import os
import re
import ssl
import subprocess
import unittest

import exim
import stage as st

ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


class ThroughExim(unittest.TestCase):
    gateway_words = {}  # of write_gateway_ini

    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini(argon2_memory="1 MiB", argon2_passes=1)
        stage.add_licence()
        stage.start_relay()
        cls.backend = stage.start_dovecot(ALICE, BOB, CAROL)
        cls.exim = exim.Exim(stage.dovecot["lmtp"], (ALICE, BOB, CAROL), "gateway", "pw-gateway", stage.dovecot_folder)
        cls.addClassCleanup(cls.exim.close)
        cls.exim.start()
        cls.write_ini()
        cls.device = stage.first_device()

    @classmethod
    def write_ini(cls, **smtp):
        cls.stage.write_gateway_ini({**cls.backend, "smtp_host": "localhost", "smtp_port": cls.exim.starttls, "smtp_tls": "starttls",
                                     **smtp}, **cls.gateway_words)

    def restart(self, **smtp):
        self.write_ini(**smtp)
        self.stage.gateway.end()
        self.stage.start_gateway()
        self.stage.wait_open()

    def send(self, octets, *words):
        """As a mail program does: lines end with LF."""
        done = subprocess.run([self.stage.program("tidegate-device"), "send", "--state", self.device.state, "-i", *words],
                              input=octets.replace(b"\r\n", b"\n"), capture_output=True, timeout=st.DEADLINE, env=st.environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def queue(self):
        return json.loads(self.stage.run_tool("tidegate-device", "queue", "--json", "--state", self.device.state).stdout)

    def with_state(self, mark, state):
        """The one entry of the queue that came to be so."""
        def found():
            return [row for row in self.queue() if row["state"] == state]
        try:
            return st.wait_for(f"{mark} to be '{state}'", found)[0]
        except st.StageError as error:
            self.told(error)

    def told(self, error):
        self.fail(f"{error}\n--- queue {self.queue()}\n--- exim\n{self.exim.tail()}\n--- gateway\n{self.stage.gateway.tail(30)}")

    def everything(self, user, folder="INBOX"):
        """Every message of a folder."""
        context = ssl.create_default_context(cafile=os.path.join(self.stage.dovecot_folder, "ca.pem"))
        with imaplib.IMAP4_SSL("localhost", int(self.stage.dovecot["imaps"]), ssl_context=context) as imap:
            imap.login(user, "pw-" + user)
            imap.select(folder, readonly=True)
            uids = imap.uid("search", "ALL")[1][0].split()
            parts = imap.uid("fetch", b",".join(uids), "(BODY.PEEK[])")[1] if uids else []
        return [part[1] for part in parts if isinstance(part, tuple)]

    def octets(self, user, mark, folder="INBOX"):
        """Every message of that Subject in a folder."""
        def subject(octets):
            return str(email.header.make_header(email.header.decode_header(email.message_from_bytes(octets)["Subject"] or "")))
        return [octets for octets in self.everything(user, folder) if subject(octets) == mark]

    def waiting(self):
        """What the gateway has said so far about changes that wait."""
        return re.findall(r": a change of a device waits: (.*)", self.stage.gateway.tail(10_000))

    def waits_since(self, before):
        return st.wait_for("the gateway to say why it waits", lambda: self.waiting()[len(before):])[0]

    def settled(self):
        """Nothing waits on the device, in Exim or on its way to Dovecot: what has not come by now never comes."""
        def empty():
            return not any(row["state"].startswith(("waiting", "sent,")) for row in self.queue()) and self.exim.idle()
        try:
            st.wait_for("all to be sent", empty)
        except st.StageError as error:
            self.told(error)

    def arrives(self, mark, user=BOB):
        try:
            return st.wait_for(f"{mark} to arrive", lambda: self.octets(user, mark))
        except st.StageError as error:
            self.told(error)

    def forget(self, row):
        self.stage.run_tool("tidegate-device", "queue", "--drop", str(row["id"]), "--state", self.device.state)
        self.assertEqual(self.queue(), [])
