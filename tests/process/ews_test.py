# SPDX-License-Identifier: Apache-2.0
"""The mail of an Exchange mailbox (the scripted server of tests/peers/ews) through gateway and relay to a device, and what is
done there back: through a server that is busy, that forgets its SyncStates and subscriptions, and through kill -9 of the gateway."""
import base64
import email
import os
import subprocess
import unittest

import stage as st
from ews.schema import T
from ews.server import Server

ALICE, BOB = "alice@example.com", "bob@example.com"


def letter(mark, more=""):
    return (f"From: <{BOB}>\r\nTo: <{ALICE}>\r\nSubject: {mark}\r\nDate: Sun, 29 Nov 2026 09:00:00 +0000\r\n"
            f"Message-ID: <{mark}.{os.getpid()}@example.com>\r\n{more}\r\nThe text of {mark}.\r\n").encode()


def mails(root):
    """Subject → [(folder, path)] of every message below a Maildir++ root."""
    found = {}
    for at, _, names in os.walk(root):
        folder, sub = os.path.split(os.path.relpath(at, root))
        if sub in ("new", "cur"):
            for name in names:
                path = os.path.join(at, name)
                try:
                    with open(path, "rb") as message:
                        subject = email.message_from_binary_file(message)["Subject"]
                except FileNotFoundError:  # renamed meanwhile
                    continue
                found.setdefault(subject, []).append((folder, path))
    return found


def letters(path):
    return os.path.basename(path).partition(":2,")[2]


class OnExchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini(argon2_memory="1 MiB", argon2_passes=1)
        stage.add_licence()
        stage.start_relay()
        cls.server = server = Server(*st.make_certificate(stage.folder, "ews")).start()
        cls.addClassCleanup(server.stop)
        cls.alice, cls.bob = server.add(ALICE), server.add(BOB)
        server.add("gateway@example.com", service=True, password="all of it")
        for number in range(30):
            cls.alice.deliver(letter(f"old {number}"))
        stage.write_gateway_ini({"plugin": "ews", "url": server.url, "ca_file": stage.ca, "admin": "gateway@example.com", "proxy": "none",
                                 "password_file": stage.write("ews.password", "all of it\n")},
                                gateway={"alive": "2s"}, parts="mail contacts tasks calendar notes")
        cls.device = stage.first_device()

    def setUp(self):
        self.addCleanup(lambda: self.assertEqual([crash[-800:] for crash in self.server.crashes], []))

    def wait(self, what, condition):
        try:
            return st.wait_for(what, condition)
        except st.StageError as error:
            raise AssertionError(f"{error}\non the device: {sorted(map(str, mails(self.device.maildir)))}\non the server: {self.there()}\n"
                                 f"{self.device.process.tail(40)}\n{self.stage.gateway.tail(60)}") from None

    def here(self, subject):
        """(folder, path) of the one message of that subject on the device."""
        found = mails(self.device.maildir).get(subject, [])
        return found[0] if len(found) == 1 else None

    def there(self):
        """Subject → the server's items."""
        with self.server.lock:
            found = {}
            for item in self.alice.items.values():
                found.setdefault(item.word("Subject"), []).append(item)
            return found

    def one(self, subject):
        found = self.there().get(subject, [])
        return found[0] if len(found) == 1 else None

    def arrive(self, *subjects):
        self.wait(f"{subjects} on the device", lambda: all(self.here(each) for each in subjects))

    def subscribed(self):
        self.wait("a stream", lambda: self.server.subscriptions and sum(self.server.hanging.values()))

    def folder(self, name):
        """Of the server's that folder, on the device."""
        return next(each for each in os.listdir(self.device.maildir) if each.startswith(".") and name.replace(" ", "") in each.replace(" ", ""))

    def flag(self, subject, wanted):
        folder, path = self.here(subject)
        os.rename(path, os.path.join(self.device.maildir, folder, "cur", os.path.basename(path).partition(":2,")[0] + ":2," + wanted))

    def move(self, subject, to):
        _, path = self.here(subject)
        name = os.path.basename(path)
        os.rename(path, os.path.join(self.device.maildir, to, "cur", name if ":2," in name else name + ":2,"))

    def create(self, octets, folder=""):
        root = os.path.join(self.device.maildir, folder)
        name = f"{os.getpid()}.{os.urandom(6).hex()}.here"
        with open(os.path.join(root, "tmp", name), "wb") as out:
            out.write(octets)
        os.rename(os.path.join(root, "tmp", name), os.path.join(root, "new", name))

    def send(self, mark):
        octets = letter(mark).replace(b"From: <bob", b"From: <alice").replace(b"To: <alice", b"To: <bob")
        done = subprocess.run([self.stage.program("tidegate-device"), "send", "--state", self.device.state, "-i", BOB],
                              input=octets, capture_output=True, timeout=st.DEADLINE, env=st.environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def received(self, mark):
        with self.server.lock:
            return [item for item in self.bob.items.values() if item.word("Subject") == mark]

    def test_a_all_of_it_arrives_and_what_comes_is_told_at_once(self):
        self.arrive(*(f"old {number}" for number in range(30)))
        self.subscribed()
        with self.server.lock:
            self.alice.deliver(letter("news"))
        self.arrive("news")
        with open(self.here("news")[1], "rb") as message:
            self.assertIn(b"The text of news.", message.read())

    def test_b_what_another_client_does(self):
        self.arrive("old 0", "old 1", "old 2")
        with self.server.lock:
            self.alice.remove(self.one("old 0"))
            read = self.one("old 1")
            read.is_read = True
            self.alice.changed(read, only_read=True)
            self.alice.move(self.one("old 2"), self.alice.by_name["deleteditems"])
        trash = self.folder("Deleted")
        self.wait("a removal, a flag and a move", lambda: (
            not self.here("old 0") and "S" in letters((self.here("old 1") or ("", ""))[1]) and (self.here("old 2") or ("",))[0] == trash))

    def test_c_flags_a_move_a_removal_and_a_new_mail_go_up(self):
        self.arrive("old 3", "old 4", "old 5")
        self.flag("old 3", "FS")
        self.move("old 4", self.folder("Deleted"))
        os.remove(self.here("old 5")[1])
        self.create(letter("made here"), self.folder("Drafts"))

        def done():
            flagged, moved, made = self.one("old 3"), self.one("old 4"), self.one("made here")
            return (flagged and flagged.is_read and moved and moved.folder is self.alice.by_name["deleteditems"]
                    and "old 5" not in self.there() and made and made.folder is self.alice.by_name["drafts"])
        self.wait("all of it on the server", done)
        self.arrive("old 3", "old 4", "made here")

    def test_d_a_mail_is_sent_once_and_filed(self):
        self.send("sent once")
        self.wait("it at Bob's", lambda: self.received("sent once"))
        self.wait("its copy", lambda: self.one("sent once") and self.one("sent once").folder is self.alice.by_name["sentitems"])
        self.arrive("sent once")
        self.assertEqual(self.here("sent once")[0], self.folder("Sent"))
        self.assertEqual(len(self.received("sent once")), 1)

    def test_e_a_busy_server_loses_nothing(self):
        self.arrive("old 6", "old 7")
        for what in ({"do": "busy"}, {"do": "inner"}, {"do": "http", "status": 503}, {"do": "cut"}):
            for operation in ("UpdateItem", "SyncFolderItems", "GetItem"):
                self.server.misfortunes.add(operation=operation, milliseconds=200, **what)
        with self.server.lock:
            for number in range(5):
                self.alice.deliver(letter(f"while busy {number}"))
        self.flag("old 6", "FS")
        self.flag("old 7", "R")
        self.arrive(*(f"while busy {number}" for number in range(5)))
        self.wait("the flags on the server", lambda: self.one("old 6").is_read and any(
            dict(key).get("PropertyName") == "tidegate-answered" for key in self.one("old 7").extended))
        self.wait("an end of it", lambda: not [each for each in self.server.misfortunes.coming if each.what["operation"] != "UpdateItem"])

    def test_f_forgotten_states_and_subscriptions_lose_nothing(self):
        self.arrive("old 8", "old 9")
        kept = set(mails(self.device.maildir)) - {"old 9"}
        self.server.expire_states(ALICE)
        self.server.lose_subscriptions()
        with self.server.lock:
            self.alice.remove(self.one("old 9"))
            self.alice.deliver(letter("after all was forgotten"))
        self.arrive("after all was forgotten")
        self.wait("the removal", lambda: not self.here("old 9"))
        self.assertLessEqual(kept, set(mails(self.device.maildir)))

    def test_g_the_gateway_is_killed_in_between(self):
        self.arrive("old 10", "old 11", "old 12")
        # What it did is done, and it does not know: the answers never come.
        for operation in ("MoveItem", "CreateItem", "SendItem"):
            self.server.misfortunes.add(operation=operation, do="cut", octets=0)
        self.move("old 10", self.folder("Junk"))
        self.create(letter("made before the kill"), self.folder("Drafts"))
        self.send("sent before the kill")
        self.wait("the three to be under way", lambda: len(self.server.misfortunes.coming) < 3)
        self.stage.gateway.kill()
        with self.server.lock:
            self.alice.deliver(letter("while it was dead"))
            self.alice.remove(self.one("old 11"))
        os.remove(self.here("old 12")[1])
        self.stage.start_gateway()
        self.arrive("while it was dead", "old 10", "made before the kill", "sent before the kill")
        self.wait("both removals", lambda: not self.here("old 11") and "old 12" not in self.there())
        self.wait("the mail at Bob's", lambda: self.received("sent before the kill"))
        self.wait("the move", lambda: self.one("old 10") and self.one("old 10").folder is self.alice.by_name["junkemail"])
        self.wait("nothing twice", lambda: self.one("made before the kill") and self.one("sent before the kill"))
        self.assertEqual(len(self.received("sent before the kill")), 1)
        # A draft that was sent leaves Drafts by a page of its own.
        self.wait("nothing twice on the device", lambda: all(len(copies) == 1 for copies in mails(self.device.maildir).values()))

    def pim(self, kind, uid):
        """(path, octets) of the one object of that UID on the device."""
        found = []
        for at, _, names in os.walk(os.path.join(self.device.state, "pim")):
            for name in names:
                if not name.endswith(kind) or name.startswith("."):
                    continue
                try:
                    with open(os.path.join(at, name), "rb") as file:
                        octets = file.read()
                except FileNotFoundError:  # renamed meanwhile
                    continue
                if uid.encode() in octets:
                    found.append((os.path.join(at, name), octets))
        return found[0] if len(found) == 1 else None

    def put(self, folder, name, octets):
        """As khard and todoman do: a file beside, then renamed."""
        path = os.path.join(self.device.state, "pim", folder, name)
        with open(path + ".tmp", "wb") as out:
            out.write(octets)
        os.rename(path + ".tmp", path)

    def made_here(self, folder, kind, **words):
        with self.server.lock:
            item = self.alice.new_item(kind)
            for name, value in words.items():
                item.set(value if not isinstance(value, str) else getattr(T, name)(value))
            return self.alice.add(item, self.alice.by_name[folder])

    def item_with(self, folder, name, value):
        with self.server.lock:
            found = [item for item in self.alice.by_name[folder].items.values() if item.word(name) == value]
        return found[0] if len(found) == 1 else None

    def test_h_contacts_go_both_ways_and_what_the_device_can_not_show_stays(self):
        self.made_here("contacts", "Contact", DisplayName="Carol Other", GivenName="Carol", Surname="Other", Mileage="9",
                       PhoneNumbers=T.PhoneNumbers(T.Entry("+1 2", Key="MobilePhone")))
        path, octets = self.wait("the card", lambda: self.pim(".vcf", "Carol Other"))
        self.assertIn(b"+1 2", octets)
        edited = octets.replace(b"+1 2", b"+3 4").replace(b"END:VCARD", b"NICKNAME:Caz\nX-MINE:kept\nEND:VCARD")
        self.put(os.path.dirname(os.path.relpath(path, os.path.join(self.device.state, "pim"))), os.path.basename(path), edited)
        self.wait("the edit on the server", lambda: self.item_with("contacts", "Nickname", "Caz"))
        item = self.item_with("contacts", "Nickname", "Caz")
        self.assertEqual((item.word("Mileage"), item.values["PhoneNumbers"][0].text), ("9", "+3 4"))
        with self.server.lock:
            item.set(T.JobTitle("Chief"))
            self.alice.changed(item)
        self.wait("another client's change beside it", lambda: b"Chief" in (self.pim(".vcf", "Carol Other") or ("", b""))[1])
        self.assertIn(b"X-MINE:kept", self.pim(".vcf", "Carol Other")[1])
        os.remove(self.pim(".vcf", "Carol Other")[0])
        self.wait("its end on the server", lambda: not self.item_with("contacts", "Nickname", "Caz"))

    def test_h_photos_go_both_ways(self):
        item = self.made_here("contacts", "Contact", DisplayName="Pia Portrait")
        with self.server.lock:
            photo = self.server.attachment("ContactPicture.jpg", "image/jpeg", b"\xff\xd8\xff first", False, "")
            photo.photo = True
            item.attachments.append(photo)
            item.attachments.append(self.server.attachment("notes.txt", "text/plain", b"not a photo", False, ""))
            self.alice.changed(item)
        code = base64.b64encode(b"\xff\xd8\xff first")
        self.wait("the card with its photo", lambda: code in (self.pim(".vcf", "Pia Portrait") or ("", b""))[1].replace(b"\r\n ", b""))
        path, octets = self.pim(".vcf", "Pia Portrait")
        lines = octets.replace(b"\r\n ", b"").split(b"\r\n")
        another = b"PHOTO;ENCODING=b;TYPE=PNG:" + base64.b64encode(b"\x89PNG second")
        edited = b"\r\n".join(another if line.startswith(b"PHOTO") else line for line in lines)
        folder = os.path.dirname(os.path.relpath(path, os.path.join(self.device.state, "pim")))
        self.server.misfortunes.add(operation="CreateAttachment", do="cut", octets=0)
        self.put(folder, os.path.basename(path), edited)

        def kept():
            with self.server.lock:
                return sorted((each.photo, each.content) for each in item.attachments)
        # The answer to the new one is lost: it is not made twice, and the old one goes all the same.
        self.wait("the other photo", lambda: kept() == [(False, b"not a photo"), (True, b"\x89PNG second")])
        edited = b"\r\n".join(line for line in edited.split(b"\r\n") if not line.startswith(b"PHOTO"))
        self.put(folder, os.path.basename(path), edited)
        self.wait("its end", lambda: kept() == [(False, b"not a photo")])

    def test_i_tasks_go_both_ways(self):
        self.made_here("tasks", "Task", Subject="Mow the lawn", Status="NotStarted", DueDate="2026-12-01T23:00:00Z")
        path, octets = self.wait("the task", lambda: self.pim(".ics", "Mow the lawn"))
        self.assertIn(b"DUE;VALUE=DATE:20261202", octets)
        folder = os.path.dirname(os.path.relpath(path, os.path.join(self.device.state, "pim")))
        self.put(folder, "made.ics", b"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VTODO\nUID:made-here\nDTSTAMP:20260101T000000Z\n"
                 b"SUMMARY:Made here\nPRIORITY:1\nX-MINE:kept\nEND:VTODO\nEND:VCALENDAR\n")
        self.wait("it on the server", lambda: self.item_with("tasks", "Subject", "Made here"))
        item = self.item_with("tasks", "Subject", "Made here")
        self.assertEqual(item.word("Importance"), "High")
        with self.server.lock:
            item.set(T.Status("Completed"))
            self.alice.changed(item)
        self.wait("it done on the device", lambda: b"STATUS:COMPLETED" in (self.pim(".ics", "made-here") or ("", b""))[1])
        self.assertIn(b"X-MINE:kept", self.pim(".ics", "made-here")[1])

    def test_i_notes_go_both_ways(self):
        self.made_here("notes", "Message", ItemClass="IPM.StickyNote", Subject="Shopping", Body="Shopping\r\nmilk")
        path, octets = self.wait("the note", lambda: self.pim(".ics", "Shopping"))
        for line in (b"BEGIN:VJOURNAL", b"SUMMARY:Shopping", b"DESCRIPTION:milk"):
            self.assertIn(line, octets)
        folder = os.path.dirname(os.path.relpath(path, os.path.join(self.device.state, "pim")))
        self.assertEqual(folder.split("/")[0], "notes")
        self.put(folder, os.path.basename(path), octets.replace(b"milk", b"milk\\, bread\nX-MINE:kept"))
        self.wait("the edit on the server", lambda: self.item_with("notes", "Body", "Shopping\nmilk, bread"))
        self.put(folder, "made.ics", b"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VJOURNAL\nUID:note-here\nDTSTAMP:20260101T000000Z\n"
                 b"SUMMARY:Made here\nCOLOR:blue\nEND:VJOURNAL\nEND:VCALENDAR\n")
        self.wait("another one there", lambda: self.item_with("notes", "Subject", "Made here"))
        item = self.item_with("notes", "Subject", "Made here")
        self.assertEqual((item.item_class(), item.draft), ("IPM.StickyNote", False))
        with self.server.lock:
            item.set(T.Body("Made here\nand changed there", BodyType="Text"))
            self.alice.changed(item)
        self.wait("the change there", lambda: b"DESCRIPTION:and changed there" in (self.pim(".ics", "note-here") or ("", b""))[1])
        self.assertIn(b"COLOR:blue", self.pim(".ics", "note-here")[1])
        os.remove(self.pim(".ics", "Shopping")[0])
        self.wait("its end on the server", lambda: not self.item_with("notes", "Subject", "Shopping"))

    def test_j_events_go_both_ways_with_their_exceptions(self):
        weekly = T.Recurrence(T.WeeklyRecurrence(T.Interval("1"), T.DaysOfWeek("Monday")),
                              T.NumberedRecurrence(T.StartDate("2026-11-30"), T.NumberOfOccurrences("9")))
        self.made_here("calendar", "CalendarItem", Subject="Weekly round", Start="2026-11-30T08:00:00Z", End="2026-11-30T09:00:00Z",
                       UID="round-1", StartTimeZone=T.StartTimeZone(Id="W. Europe Standard Time"), Recurrence=weekly)
        path, octets = self.wait("the series", lambda: self.pim(".ics", "round-1"))
        for line in (b"DTSTART;TZID=Europe/Berlin:20261130T090000", b"RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=9", b"BEGIN:VTIMEZONE"):
            self.assertIn(line, octets)
        # The device takes one out, changes one, and adds what Exchange has no field for.
        end = octets.replace(b"\r\n", b"\n").rindex(b"END:VCALENDAR")
        octets = octets.replace(b"\r\n", b"\n")
        octets = octets[:end] + (b"BEGIN:VEVENT\nUID:round-1\nDTSTAMP:20260101T000000Z\nRECURRENCE-ID;TZID=Europe/Berlin:20261214T090000\n"
                                 b"DTSTART;TZID=Europe/Berlin:20261214T110000\nDTEND;TZID=Europe/Berlin:20261214T120000\nSUMMARY:Later round\n"
                                 b"END:VEVENT\n") + octets[end:]
        octets = octets.replace(b"SUMMARY:W", b"X-MINE:kept\nEXDATE;TZID=Europe/Berlin:20261207T090000\nSUMMARY:W", 1)
        self.put(os.path.dirname(os.path.relpath(path, os.path.join(self.device.state, "pim"))), os.path.basename(path), octets)
        master = lambda: self.item_with("calendar", "UID", "round-1")
        self.wait("both on the server", lambda: master() and master().removed and master().exceptions)
        with self.server.lock:
            self.assertEqual(master().removed, {"2026-12-07T08:00:00Z"})
            (original, changed), = master().exceptions.items()
            self.assertEqual((original, changed.word("Start"), changed.word("Subject")),
                             ("2026-12-14T08:00:00Z", "2026-12-14T10:00:00Z", "Later round"))
            changed_by_another = master()
            changed_by_another.set(T.Location("Harbour"))
            self.alice.changed(changed_by_another)
        self.wait("another client's change", lambda: b"LOCATION:Harbour" in (self.pim(".ics", "round-1") or ("", b""))[1])
        octets = self.pim(".ics", "round-1")[1]
        for line in (b"X-MINE:kept", b"EXDATE;TZID=Europe/Berlin:20261207T090000", b"SUMMARY:Later round"):
            self.assertIn(line, octets)


    def test_k_files_of_events_go_both_ways(self):
        item = self.made_here("calendar", "CalendarItem", Subject="With files", Start="2026-12-03T08:00:00Z", End="2026-12-03T09:00:00Z",
                              UID="files-1")
        with self.server.lock:
            for name, octets, inline in (("plan.txt", b"the plan", False), ("logo.png", b"inline", True), ("film", bytes(9 << 20), False)):
                item.attachments.append(self.server.attachment(name, "text/plain", octets, inline, ""))
            self.alice.changed(item)
        plan, mine = base64.b64encode(b"the plan"), base64.b64encode(b"mine")
        unfolded = lambda: (self.pim(".ics", "files-1") or ("", b""))[1].replace(b"\r\n", b"\n").replace(b"\n ", b"")
        self.wait("its file", lambda: plan in unfolded())
        octets = unfolded()
        self.assertIn(b"ATTACH;FMTTYPE=text/plain;FILENAME=plan.txt;VALUE=BINARY;ENCODING=BASE64:" + plan, octets)
        self.assertIn(b"SIZE=%d:film" % (9 << 20), octets)
        self.assertNotIn(b"logo", octets)

        def kept():
            with self.server.lock:
                return sorted(each.name for each in item.attachments)
        folder = os.path.dirname(os.path.relpath(self.pim(".ics", "files-1")[0], os.path.join(self.device.state, "pim")))
        more = b"ATTACH;FILENAME=mine.txt;VALUE=BINARY;ENCODING=BASE64:" + mine + b"\nEND:VEVENT"
        self.server.misfortunes.add(operation="CreateAttachment", do="cut", octets=0)
        self.put(folder, os.path.basename(self.pim(".ics", "files-1")[0]), octets.replace(b"END:VEVENT", more))
        self.wait("another file", lambda: "mine.txt" in kept())
        # Its answer was lost: it is not made twice, the edit is no conflict, and the device has it as the server does, in its order.
        self.wait("it back", lambda: mine in unfolded() and unfolded().index(mine) < unfolded().index(b"SIZE="))
        with self.server.lock:
            item.set(T.Location("Harbour"))
            self.alice.changed(item)
        self.wait("another client's change", lambda: b"Harbour" in unfolded())
        self.assertEqual(kept(), ["film", "logo.png", "mine.txt", "plan.txt"])
        without = b"\n".join(line for line in unfolded().split(b"\n") if plan not in line)
        self.put(folder, os.path.basename(self.pim(".ics", "files-1")[0]), without)
        self.wait("the end of one", lambda: kept() == ["film", "logo.png", "mine.txt"])
        self.assertFalse(os.path.exists(os.path.join(self.device.state, "pim", "Conflicts")))


if __name__ == "__main__":
    unittest.main()
