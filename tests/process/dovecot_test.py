# SPDX-License-Identifier: Apache-2.0
"""The whole on a real Dovecot: LMTP in, Maildir on the device out; flags, removals, folders made by another client."""
import imaplib
import os
import ssl
import unittest

import stage as st

USER = "alice@example.com"


class OnDovecot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        backend = stage.start_dovecot(USER)
        stage.write_gateway_ini(backend, gateway={"poll_folders": "1s", "pairing": "mail"})
        cls.device = stage.first_device()

    def deliver(self, octets):
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail("bob@example.org", [USER], octets)

    def client(self):
        context = ssl.create_default_context(cafile=self.stage.dovecot_folder + "/ca.pem")
        imap = imaplib.IMAP4_SSL("localhost", int(self.stage.dovecot["imaps"]), ssl_context=context)
        imap.login(USER, "pw-" + USER)
        self.addCleanup(imap.logout)
        return imap

    def equal(self):
        def same():
            return self.device.files() == self.stage.dovecot_hashes(USER)
        try:
            st.wait_for("device and Dovecot to be equal", same)
        except st.StageError as error:
            raise AssertionError(f"{error}\n{self.device.process.tail()}\n{self.stage.gateway.tail()}") from None

    def test_a_the_welcome_mail_is_in_the_mailbox(self):
        self.equal()
        subjects = [e["subject"] for e in list(self.device.events.queue) if e.get("event") == "item"]
        st.wait_for("the welcome mail", lambda: len(self.device.files()) >= 1)
        self.assertIsInstance(subjects, list)

    def test_b_every_sample_arrives(self):
        for _, octets in st.samples():
            self.deliver(octets)
        self.equal()

    def test_c_changes_by_another_client(self):
        for number in range(5):
            self.deliver(st.small_message(number))
        self.equal()
        imap = self.client()
        imap.create("Projekte/&AMk-t&AOk-")
        imap.select("INBOX")
        imap.uid("copy", "1:2", "Projekte/&AMk-t&AOk-")
        imap.store("3", "+FLAGS", r"(\Seen \Flagged)")
        imap.store("4", "+FLAGS", r"(\Deleted)")
        imap.expunge()
        self.equal()

    def test_d_uidvalidity_change_brings_nothing_twice(self):
        imap = self.client()
        imap.create("Fleeting")
        imap.append("Fleeting", None, None, st.small_message(77))
        self.equal()
        imap.delete("Fleeting")
        imap.create("Fleeting")
        imap.append("Fleeting", None, None, st.small_message(78))
        self.equal()

    def test_e_large_mail_comes_whole(self):
        self.deliver(st.small_message(90, 3_000_000))
        self.deliver(st.small_message(91, 256 * 1024))
        self.equal()

    def test_f_mail_of_1970_is_mail(self):
        imap = self.client()
        imap.append("INBOX", None, '"01-Jan-1970 00:00:00 +0000"', st.small_message(92))
        imap.append("INBOX", None, '"01-Jan-1965 00:00:00 +0000"', st.small_message(93))
        self.equal()

    def file_of(self, number):
        wanted = f"Subject: message {number}\r\n".encode()
        for folder, _, names in os.walk(self.device.maildir):
            for name in names:
                try:
                    with open(os.path.join(folder, name), "rb") as message:
                        if wanted in message.read():
                            return os.path.join(folder, name)
                except FileNotFoundError:  # renamed meanwhile
                    continue
        return ""

    def letters(self, number):
        return self.file_of(number).partition(":2,")[2]

    def test_g_keywords_are_letters_both_ways(self):
        imap = self.client()
        for number in (94, 95):
            imap.append("INBOX", None, None, st.small_message(number))
        imap.select("INBOX")
        self.equal()
        first, second = imap.uid("search", "ALL")[1][0].split()[-2:]
        imap.uid("store", first, "+FLAGS", "(Project-X $Label1)")
        st.wait_for("two letters", lambda: len(self.letters(94)) == 2)
        with open(os.path.join(self.device.maildir, "dovecot-keywords"), encoding="utf-8") as table:
            words = {word: chr(ord("a") + int(number)) for number, word in (line.split() for line in table)}
        self.assertEqual(self.letters(94), "".join(sorted(words[word] for word in ("Project-X", "$Label1"))))
        # A mail program: one keyword less on the first, one more on the second.
        path = self.file_of(94)
        os.rename(path, path.partition(":2,")[0] + ":2," + words["$Label1"])
        path = self.file_of(95)
        base = os.path.basename(path).partition(":2,")[0]
        os.rename(path, os.path.join(self.device.maildir, "cur", base + ":2," + words["Project-X"]))

        def keywords(uid):
            imap.noop()
            flags = imaplib.ParseFlags(imap.uid("fetch", uid, "(FLAGS)")[1][0])
            return {flag.decode() for flag in flags} - {"\\Recent"}
        st.wait_for("the keyword gone", lambda: keywords(first) == {"$Label1"})
        st.wait_for("the keyword set", lambda: keywords(second) == {"Project-X"})


if __name__ == "__main__":
    unittest.main()
