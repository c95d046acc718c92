# SPDX-License-Identifier: Apache-2.0
"""What `tidegate-device send` sends goes through a real Exim (AUTH, STARTTLS) to a real Dovecot: once, as it was, with one
copy in Sent. A refusal is said, and a kill of the gateway in the middle never makes two of one."""
import os
import re
import sys
import unittest

import exim
import exim_case
from exim_case import ALICE, BOB, CAROL


def letter(mark, more=b""):
    return (f"From: <{ALICE}>\r\nTo: <{BOB}>\r\nSubject: {mark}\r\nDate: Sun, 29 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{mark}.{os.getpid()}@example.com>\r\n").encode() + more + b"\r\n"


class Smtp(exim_case.ThroughExim):
    def test_octets_arrive_once_and_are_filed_once(self):
        lines = [b".", b"..", b".dot at the start", b"...", b"From here", b"gr\xfc\xdfe in Latin-1", "grüße in UTF-8".encode(),
                 bytes(range(0x80, 0x100)), b"x" * 998, b"." * 998, b"blanks at the end  ", b"\ttab", b"", b"", b".", b""]
        sent = letter("octets", b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nX-Folded: one\r\n  two\r\n") + b"\r\n".join(lines)
        self.send(sent, BOB, CAROL)
        self.arrives("octets", BOB)
        self.arrives("octets", CAROL)
        self.settled()
        for user in (BOB, CAROL):
            found = self.octets(user, "octets")
            self.assertEqual(len(found), 1, user)
            self.assertTrue(found[0].endswith(sent), found[0])
            trace = found[0].removesuffix(sent)  # what a server puts on top, and nothing else
            self.assertRegex(trace, rb"\A((Return-Path|Delivered-To|Received|Envelope-to|Delivery-date): .*\r\n([ \t].*\r\n)*)+\Z")
            self.assertIn(b"Return-Path: <" + ALICE.encode() + b">", trace)
        self.assertEqual(self.octets(ALICE, "octets", "Sent"), [sent])
        self.assertEqual(self.octets(ALICE, "octets"), [])
        self.assertEqual(self.queue(), [])
        session = [line for line in self.exim.log().splitlines() if f"<= {ALICE} " in line][-1]
        self.assertRegex(session, rf" P=esmtpsa X=TLS\S+ .*A=plain:{re.escape(ALICE)} ")  # encrypted, and logged in for her

    def test_tls_from_the_first_octet_and_hidden_recipients(self):
        self.addCleanup(self.restart)
        self.restart(smtp_tls="implicit", smtp_port=self.exim.implicit)
        sent = letter("hidden", f"Bcc: <{CAROL}>\r\n".encode()) + b"see you\r\n"
        self.send(sent, "-t")
        shown = letter("hidden") + b"see you\r\n"
        for user in (BOB, CAROL):
            self.assertTrue(self.arrives("hidden", user)[0].endswith(shown))
        self.settled()
        self.assertEqual([len(self.octets(user, "hidden")) for user in (BOB, CAROL)], [1, 1])
        self.assertEqual(self.octets(ALICE, "hidden", "Sent"), [shown])

    def test_a_refused_recipient_is_said_and_nobody_gets_it(self):
        self.send(letter("refused") + b"x\r\n", BOB, "nobody@example.com")
        row = self.with_state("refused", "failed")
        self.assertIn("Refused: nobody@example.com.", row["text"])
        self.assertIn("check it", row["text"])
        self.settled()
        self.assertEqual((self.octets(BOB, "refused"), self.octets(ALICE, "refused", "Sent")), ([], []))
        self.forget(row)

    def test_a_server_that_is_away_costs_nothing(self):
        waits = self.waiting()
        self.exim.stop()
        self.send(letter("away") + b"x\r\n", BOB)
        self.assertIn("refused the connection", self.waits_since(waits))
        self.exim.start()
        self.arrives("away")
        self.settled()
        self.assertEqual((len(self.octets(BOB, "away")), len(self.octets(ALICE, "away", "Sent"))), (1, 1))

    def test_refused_for_now_it_is_sent_later(self):
        with self.exim.busy() as refused:
            self.send(letter("busy") + b"x\r\n", BOB)
            refused()
        self.arrives("busy")
        self.settled()
        self.assertEqual((len(self.octets(BOB, "busy")), len(self.octets(ALICE, "busy", "Sent"))), (1, 1))

    def test_the_server_is_lost_after_the_dot(self):
        with self.exim.held("dot") as waits:
            self.send(letter("lost") + b"x\r\n", BOB)
            waits()
            self.exim.lose()
        row = self.with_state("lost", "may have been sent")
        self.settled()
        self.assertEqual((self.octets(BOB, "lost"), self.octets(ALICE, "lost", "Sent")), ([], []))
        self.forget(row)

    def test_a_wrong_password_is_said_and_the_mail_waits(self):
        waits = self.waiting()
        self.stage.write("smtp.password", "guessed-wrongly\n")
        self.restart(smtp_password_file=self.stage.path("smtp.password"))
        self.send(letter("waits") + b"x\r\n", BOB)
        self.assertIn("refused name or password: check smtp settings", self.waits_since(waits))
        self.assertNotIn("guessed-wrongly", self.stage.gateway.tail(1000))
        self.restart()  # it would come by itself, but so as to lock nobody out: after minutes
        self.arrives("waits")
        self.settled()
        self.assertEqual((len(self.octets(BOB, "waits")), len(self.octets(ALICE, "waits", "Sent"))), (1, 1))

    def test_killed_before_the_dot_it_is_sent_once(self):
        with self.exim.held("recipient") as waits:
            self.send(letter("early") + b"x\r\n", BOB)
            waits()
            self.stage.gateway.kill()
        self.stage.start_gateway()
        self.arrives("early")
        self.settled()
        self.assertEqual((len(self.octets(BOB, "early")), len(self.octets(ALICE, "early", "Sent"))), (1, 1))
        self.assertEqual(self.queue(), [])

    def test_killed_after_the_dot_it_may_have_been_sent(self):
        # Exim answers into a connection that nobody reads any more, and delivers; or it sees the end first, and does not.
        for mark, arrive in (("taken", 1), ("dropped", 0)):
            with self.subTest(mark):
                with self.exim.held("dot") as waits:
                    self.send(letter(mark) + b"x\r\n", BOB)
                    waits()
                    if arrive:
                        self.stage.gateway.halt()
                    else:
                        self.stage.gateway.kill()
                if arrive:
                    self.arrives(mark)
                    self.stage.gateway.kill()
                self.stage.start_gateway()
                row = self.with_state(mark, "may have been sent")
                self.assertIn("look into Sent", row["text"])
                self.settled()
                self.assertEqual(len(self.octets(BOB, mark)), arrive)
                self.assertEqual(self.octets(ALICE, mark, "Sent"), [])
                self.forget(row)


if __name__ == "__main__":
    if os.getuid() != 0 or not os.path.exists(exim.PROGRAM):
        print("skipped: needs Exim (Debian's exim4-daemon-light) and root, for whom alone it listens")
        sys.exit(77)
    unittest.main()
