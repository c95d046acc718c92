# SPDX-License-Identifier: Apache-2.0
"""Kerberos: the gateway logs in to an Exchange server (the scripted one) with the ticket of its keytab, from a real KDC."""
import hashlib
import unittest

import stage as st
from ews.server import Server
from realm import Realm

ALICE, GATEWAY = "alice@example.com", "gateway@example.com"
LETTER = f"From: <bob@example.com>\r\nTo: <{ALICE}>\r\nSubject: by ticket\r\nMessage-ID: <ticket@example.com>\r\n\r\nText.\r\n".encode()


class ByTicket(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.write_relay_ini(argon2_memory="1 MiB", argon2_passes=1)
        stage.add_licence()
        stage.start_relay()
        self.realm = Realm(stage)
        self.addCleanup(self.realm.close)
        self.server = server = Server(*st.make_certificate(stage.folder, "ews"), schemes=("negotiate",)).start()
        self.addCleanup(server.stop)
        server.regenerates = False
        server.keytab = self.realm.keytab("HTTP/localhost")
        server.add(ALICE).deliver(LETTER)
        server.add(GATEWAY, service=True)
        stage.write_gateway_ini({"plugin": "ews", "url": server.url, "ca_file": stage.ca, "proxy": "none", "scheme": "negotiate"})

    def start(self, keytab):
        env = {"KRB5_CLIENT_KTNAME": keytab, "KRB5CCNAME": "MEMORY:gateway", **self.realm.env}
        self.stage.start_gateway(env=env)
        self.stage.register()

    def asked(self):
        done = self.stage.ctl("test", "store", check=False)
        return done.returncode, done.stdout + done.stderr

    def test_mail_comes_by_the_ticket_of_a_keytab(self):
        self.start(self.realm.keytab("gateway"))
        self.assertEqual(self.asked()[0], 0, self.asked()[1])
        self.stage.add_user()
        device = self.stage.pair_device()
        device.start()
        st.wait_for("the letter on the device", lambda: hashlib.sha256(LETTER).hexdigest() in device.files())
        self.assertEqual({actor for _, actor, _ in self.server.requests} & {ALICE}, {ALICE})
        self.assertEqual(self.server.crashes, [])

    def test_without_a_ticket_the_fault_says_what_to_do(self):
        self.start(self.stage.path("no such keytab"))
        code, said = self.asked()
        self.assertNotEqual(code, 0)
        self.assertIn("KRB5_CLIENT_KTNAME", said)
        self.assertEqual(self.server.requests, [])

    def test_somebody_without_rights_reads_nobodys_mail(self):
        self.server.add("mallory@example.com")
        self.start(self.realm.keytab("mallory"))
        self.stage.add_user()
        row = st.wait_for("the account's trouble", lambda: next((each for each in self.stage.ctl_rows("user", "list")
                                                                if "mpersonat" in str(each)), None))
        self.assertIn(ALICE, str(row))


if __name__ == "__main__":
    unittest.main()
