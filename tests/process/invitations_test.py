# SPDX-License-Identifier: Apache-2.0
"""An invitation that comes by mail is answered on the device: the organizer gets one iMIP REPLY (RFC 6047) through a real
Exim and a real Dovecot, and the calendar has the event once, with the answer, also where the gateway is killed."""
import email
import email.message
import email.policy
import glob
import json
import os
import shutil
import sys
import tempfile
import unittest

import exim
import exim_case
import stage as st
from exim_case import ALICE, BOB


def event(uid, sequence=0, partstat="NEEDS-ACTION", organizer=BOB):
    return (f"BEGIN:VEVENT\r\nUID:{uid}\r\nSEQUENCE:{sequence}\r\nDTSTAMP:20260101T000000Z\r\n"
            "DTSTART;TZID=Europe/Berlin:20900301T100000\r\nDTEND;TZID=Europe/Berlin:20900301T110000\r\n"
            f"SUMMARY:Pläne für {uid}\r\nORGANIZER;CN=Bob:mailto:{organizer}\r\n"
            f"ATTENDEE;CN=Alice;RSVP=TRUE;PARTSTAT={partstat}:mailto:{ALICE}\r\nX-KEPT:yes\r\nEND:VEVENT\r\n")


def calendar(inside, method=""):
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stage//test\r\n{method}{inside}END:VCALENDAR\r\n"


def invitation(uid, method="REQUEST", **more):
    mail = email.message.EmailMessage(email.policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = BOB, ALICE, f"Invitation {uid}"
    mail["Message-ID"] = f"<{uid}.{method}.{more.get('sequence', 0)}.{os.getpid()}@example.com>"
    mail.set_content("Come!\n")
    mail.add_alternative(calendar(event(uid, **more), f"METHOD:{method}\r\n"), subtype="calendar", params={"method": method})
    return bytes(mail)


class Invitations(exim_case.ThroughExim):
    @classmethod
    def setUpClass(cls):
        store = tempfile.mkdtemp(prefix="tdg-calendars-")
        cls.addClassCleanup(shutil.rmtree, store, ignore_errors=True)
        cls.events = os.path.join(store, ALICE, "calendars/default")
        os.makedirs(cls.events)
        cls.gateway_words = {"parts": "mail calendar=events", "more": {"events": {"plugin": "mock", "root": store}}}
        super().setUpClass()

    def tool(self, *words, check=True):
        return self.stage.run_tool("tidegate-device", *words, "--state", self.device.state, check=check)

    def invited(self, uid, octets=None):
        """The gid of the invitation when it is on the device."""
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail(BOB, [ALICE], octets or invitation(uid))

        def listed():
            return [row for row in json.loads(self.tool("respond", "--all", "--json").stdout) if row["uid"] == uid]
        return st.wait_for("the invitation on the device", listed)[0]

    def answers(self, word, uid):
        """When the organizer has got it."""
        try:
            return st.wait_for(f"{word}: {uid} to arrive", lambda: self.replies(word, uid))
        except st.StageError as error:
            self.told(error)

    def replies(self, word, uid):
        """What the organizer has got: the iTIP objects."""
        found = []
        for octets in self.octets(BOB, f"{word}: Pläne für {uid}"):
            mail = email.message_from_bytes(octets, policy=email.policy.default)
            self.assertEqual((mail["From"], mail["To"]), (ALICE, BOB))
            parts = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
            self.assertEqual([part.get_param("method") for part in parts], ["REPLY"])
            found += [part.get_content().replace("\r\n ", "") for part in parts]
        return found

    def in_calendar(self, uid):
        found = []
        for path in glob.glob(os.path.join(self.events, "*.ics")):
            with open(path, encoding="utf-8", newline="") as text:
                octets = text.read()
            if f"UID:{uid}\r\n" in octets:
                found.append(octets)
        return found

    def test_accepted_it_is_in_the_calendar_and_the_organizer_knows(self):
        row = self.invited("plain")
        self.assertEqual((row["state"], row["organizer"], row["title"]), ("open", BOB, "Pläne für plain"))
        said = self.tool("respond", row["gid"], "accept", "--comment", "gern; bis bald").stdout
        self.assertEqual(said, "to be answered: Pläne für plain\n")
        self.answers("Accepted", "plain")
        st.wait_for("the event in the calendar", lambda: self.in_calendar("plain"))
        self.settled()
        replies, events = self.replies("Accepted", "plain"), self.in_calendar("plain")
        self.assertEqual((len(replies), len(events)), (1, 1))
        for line in ("METHOD:REPLY", "UID:plain", "SEQUENCE:0", "COMMENT:gern\\; bis bald", "ORGANIZER;CN=Bob:mailto:" + BOB):
            self.assertIn(line + "\r\n", replies[0])
        self.assertRegex(replies[0], f"ATTENDEE;.*PARTSTAT=ACCEPTED.*:mailto:{ALICE}\r\n")
        self.assertNotIn("X-KEPT", replies[0])
        self.assertRegex(events[0], f"ATTENDEE;.*PARTSTAT=ACCEPTED.*:mailto:{ALICE}\r\n")
        self.assertIn("X-KEPT:yes", events[0])
        self.assertNotIn("METHOD", events[0])
        self.assertEqual(len(self.octets(ALICE, "Accepted: Pläne für plain", "Sent")), 1)
        # And it comes back to the device, which shows it and has nothing left to ask.
        st.wait_for("the event on the device", lambda: "10:00-11:00  Pläne für plain" in self.tool(
            "agenda", "--from", "2090-03-01", "--days", "1", "--zone", "Europe/Berlin").stdout)
        self.assertEqual([row["state"] for row in json.loads(self.tool("respond", "--all", "--json").stdout) if row["uid"] == "plain"],
                         ["answered"])
        # The same once more is no second message; another answer is, and changes what the calendar has.
        self.tool("respond", "plain", "accept", "--comment", "gern; bis bald")
        self.settled()
        self.tool("respond", row["path"], "decline")
        self.answers("Declined", "plain")
        st.wait_for("it in the calendar", lambda: "PARTSTAT=DECLINED" in self.in_calendar("plain")[0])
        self.settled()
        self.assertEqual((len(self.replies("Accepted", "plain")), len(self.replies("Declined", "plain"))), (1, 1))
        self.assertEqual(len(self.in_calendar("plain")), 1)

    def test_declined_it_is_not_put_there(self):
        self.invited("declined")
        self.tool("respond", "declined", "decline")
        self.answers("Declined", "declined")
        self.settled()
        self.assertEqual((len(self.replies("Declined", "declined")), self.in_calendar("declined")), (1, []))

    def test_cancellations_and_proposals_are_shown(self):
        self.invited("off")
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail(BOB, [ALICE], invitation("off", "CANCEL", sequence=1))
        st.wait_for("the cancellation", lambda: [row for row in json.loads(self.tool("respond", "--all", "--json").stdout)
                                                 if row["uid"] == "off" and "cancelled" in row["state"]])
        refused = self.tool("respond", "off", "accept", check=False)
        self.assertEqual((refused.returncode, refused.stderr), (1, "tidegate-device: It was cancelled; there is nothing to answer.\n"))
        self.invited("other", invitation("other", "COUNTER"))
        self.assertIn("(proposes another time)", self.tool("respond").stdout)

    def test_a_cancellation_that_is_acknowledged_reaches_the_calendar(self):
        self.invited("called")
        self.tool("respond", "called", "accept")
        self.answers("Accepted", "called")

        def on_the_device():
            return "Pläne für called" in self.tool("agenda", "--from", "2090-03-01", "--days", "1", "--zone", "Europe/Berlin").stdout
        st.wait_for("the event on the device", on_the_device)
        self.settled()
        forged = invitation("called", "CANCEL", sequence=1).replace(f"From: {BOB}".encode(), b"From: carol@example.com")
        for octets in (forged, invitation("called", "CANCEL", sequence=2)):
            with self.stage.lmtp() as lmtp:
                lmtp.sendmail(BOB, [ALICE], octets)

            def listed():
                return [row for row in json.loads(self.tool("respond", "--json").stdout) if row["uid"] == "called"]
            sequence = 1 if octets is forged else 2
            row = st.wait_for("the cancellation", lambda: [each for each in listed() if each["sequence"] == sequence])[0]
            self.assertEqual(row["state"], "cancelled by its organizer")
            self.assertEqual(self.tool("respond", row["gid"], "acknowledge").stdout, "to be taken over: Pläne für called\n")
            if octets is forged:
                refused = self.with_state("taking over", "failed")
                self.assertIn("does not come from who organizes it (bob@example.com)", refused["text"])
                self.assertNotIn("STATUS", self.in_calendar("called")[0])
                self.tool("queue", "--drop", str(refused["id"]))
        st.wait_for("it in the calendar", lambda: "STATUS:CANCELLED\r\n" in self.in_calendar("called")[0])
        self.settled()
        st.wait_for("the agenda to say so", lambda: "(cancelled)" in self.tool(
            "agenda", "--from", "2090-03-01", "--days", "1", "--zone", "Europe/Berlin").stdout)
        self.assertEqual((len(self.in_calendar("called")), len(self.replies("Accepted", "called"))), (1, 1))
        self.assertEqual(listed(), [])

    def test_killed_before_the_dot_it_is_answered_once(self):
        self.invited("early")
        with self.exim.held("recipient") as waits:
            self.tool("respond", "early", "accept")
            waits()
            self.stage.gateway.kill()
        self.stage.start_gateway()
        self.answers("Accepted", "early")
        self.settled()
        self.assertEqual((len(self.replies("Accepted", "early")), len(self.in_calendar("early"))), (1, 1))
        self.assertEqual(self.queue(), [])

    def test_killed_after_the_dot_it_is_not_sent_again(self):
        self.invited("late")
        with self.exim.held("dot") as waits:
            self.tool("respond", "late", "accept")
            waits()
            self.stage.gateway.halt()
        self.answers("Accepted", "late")
        self.stage.gateway.kill()
        self.stage.start_gateway()
        row = self.with_state("late", "failed")
        self.assertIn("It is not sent again", row["text"])
        self.settled()
        self.assertEqual((len(self.replies("Accepted", "late")), len(self.in_calendar("late"))), (1, 1))
        self.tool("respond", "late", "accept")  # by another command neither
        st.wait_for("that to be said, too", lambda: len(self.queue()) == 2)
        self.settled()
        self.assertEqual((len(self.replies("Accepted", "late")), len(self.in_calendar("late"))), (1, 1))
        for row in self.queue():
            self.tool("queue", "--drop", str(row["id"]))


if __name__ == "__main__":
    if os.getuid() != 0 or not os.path.exists(exim.PROGRAM):
        print("skipped: needs Exim (Debian's exim4-daemon-light) and root, for whom alone it listens")
        sys.exit(77)
    unittest.main()
