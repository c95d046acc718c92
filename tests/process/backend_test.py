# SPDX-License-Identifier: Apache-2.0
"""`tidegatectl test` and `retry` on a real Dovecot: what is wrong with a back-end is said in one sentence with what to do, and
what was mended is tried at once."""
import unittest

import stage as st

USER = "alice@example.com"


class Backends(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        cls.right = right = stage.start_dovecot(USER)
        with open(right["password_file"]) as text:
            cls.password = text.read()
        cls.store_password = stage.write("store.password", "not this one\n")
        wrong_password = stage.write("wrong.password", "neither\n")
        folder = stage.dovecot_folder
        stage.write_gateway_ini({**right, "password_file": cls.store_password})
        cls.sections = {
            "right": {},
            "encrypted-later": {"port": stage.dovecot["imap"], "tls": "starttls"},
            "wrong-password": {"password_file": wrong_password},
            "no-password": {"password_file": stage.path("nowhere")},
            "wrong-host": {"host": "no-such-host.invalid"},
            "wrong-port": {"port": st.free_port()},
            "wrong-authority": {"ca_file": folder + "/foreign-ca.pem"},
            "plain-port": {"port": stage.dovecot["imap"]},
            "no-smtp": {"smtp_host": "localhost", "smtp_port": st.free_port()},
        }
        with open(stage.gateway_ini, "a") as ini:
            for name, other in cls.sections.items():
                ini.write(f"[backend:{name}]\n" + "".join(f"{k} = {v}\n" for k, v in {**right, **other}.items()))
        stage.start_gateway()
        stage.register()
        stage.add_user()

    def ask(self, *words):
        return self.stage.run_tool("tidegatectl", "--socket", self.stage.control, "test", *words, check=False)

    def test_a_what_is_right_is_said_to_be(self):
        for name in ("right", "encrypted-later"):
            done = self.ask(name, "--user", USER)
            self.assertEqual((done.returncode, done.stdout.strip()), (0, f"{name} answers, and lets {USER} in."), done.stderr)
            done = self.ask(name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Nobody is served from it yet", done.stdout)

    def test_b_what_is_wrong_is_said_with_what_to_do(self):
        says = {
            "wrong-password": "refused name or password: check the account's settings",
            "no-password": "nowhere doesn't exist; check its name, owner and mode",
            "wrong-host": "No address is known for no-such-host.invalid: check the name and the name servers",
            "wrong-port": "refused the connection: is the service running, and the port right?",
            "wrong-authority": "which is not trusted here: if that is your own authority set its certificate as the CA file",
            "plain-port": "speaks no TLS: check the port, and whether TLS is to be used there",
            "no-smtp": "refused the connection: is the service running, and the port right?",
        }
        for name, sentence in says.items():
            with self.subTest(name):
                done = self.ask(name, "--user", USER)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(sentence, done.stderr)
                self.assertEqual(len(done.stderr.strip().splitlines()), 1)

    def test_c_a_user_without_a_mailbox_is_no_fault_of_the_password(self):
        done = self.ask("right", "--user", "nobody@example.com")
        self.assertEqual(done.returncode, 1)
        self.assertIn("may not act for this user, or there is no such mailbox", done.stderr)

    def test_d_a_name_that_is_none_is_answered_with_those_that_are(self):
        done = self.ask("stor")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there are encrypted-later, ", done.stderr)
        done = self.stage.ctl("retry", "nobody@example.com", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("neither a user nor a back-end", done.stdout)

    def state(self):
        return self.stage.ctl_rows("user", "list")[0]["state"]

    def test_e_a_mended_password_is_tried_at_once(self):
        st.wait_for("the refused password", lambda: "refused name or password" in self.state())
        self.assertIn("refused name or password", self.ask("store").stderr)
        self.stage.write("store.password", self.password)
        self.assertIn("lets " + USER + " in", self.ask("store").stdout, "the first user is taken")
        self.assertIn("refused", self.state(), "left alone it waits for minutes")
        self.assertIn("are tried now: 1", self.stage.ctl("retry", USER).stdout)
        st.wait_for("the mailbox", lambda: self.state() == "served")

    def test_f_or_the_whole_back_end(self):
        self.stage.write("store.password", "wrong again\n")
        self.stage.gateway.end()
        self.stage.start_gateway()
        st.wait_for("the refused password", lambda: "refused name or password" in self.state())
        self.stage.write("store.password", self.password)
        self.assertIn("are tried now: 1", self.stage.ctl("retry", "store").stdout)
        st.wait_for("the mailbox", lambda: self.state() == "served")


if __name__ == "__main__":
    unittest.main()
