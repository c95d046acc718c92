# SPDX-License-Identifier: Apache-2.0
"""The scripted EWS server held against another client that nobody here wrote: DavMail, which serves by IMAP, CalDAV and CardDAV what it reads and
writes by EWS. It asks for MAPI properties where others ask for fields. Skipped where davmail-server is not installed."""
import base64
import http.client
import imaplib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import stage as st
from ews.schema import T
from ews.server import Server

DAVMAIL = "/usr/share/davmail/davmail.jar"
if not os.path.exists(DAVMAIL) or not shutil.which("java") or not shutil.which("keytool"):
    print("davmail-server or Java is not installed: skipped")
    sys.exit(77)

ALICE, CONTACTS = "alice@example.com", "/users/alice@example.com/contacts/"
MAIL = ("From: Bob <bob@example.com>\r\nTo: alice@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {0}\r\n"
        "Message-ID: <{0}@example.com>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nHällo {0}\r\n")
CARD = ("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c1\r\nFN:Jürgen Groß\r\nN:Groß;Jürgen;;;\r\nEMAIL;TYPE=work:j@example.com\r\n"
        "TEL;TYPE=cell:+49 1\r\nADR;TYPE=home:;;Straße 1;Köln;;50667;DE\r\nORG:Firma\r\nBDAY:1970-01-02\r\nCATEGORIES:Freunde\r\n"
        "END:VCARD\r\n")
TASK = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VTODO\r\nUID:t1\r\nDTSTAMP:20261130T060000Z\r\n"
        "DUE:20261207T090000Z\r\nSUMMARY:Käse\r\nEND:VTODO\r\nEND:VCALENDAR\r\n")
EVENT = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:{0}\r\nDTSTAMP:20261130T060000Z\r\n"
         "SUMMARY:Käse\r\n{1}END:VEVENT\r\n{2}END:VCALENDAR\r\n")
NINE = "DTSTART:20261207T080000Z\r\nDTEND:20261207T090000Z\r\n"  # in Berlin
CALENDAR = "/users/alice@example.com/calendar/"
QUERY = ('<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/></d:prop><c:filter>'
         '<c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"/></c:comp-filter></c:filter></c:calendar-query>')


def mail(number):
    return MAIL.format(number).encode()


class OnDavmail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="tdm-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        trust = os.path.join(cls.folder, "trust")
        subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", st.make_authority(cls.folder), "-keystore", trust,
                        "-storepass", "changeit", "-storetype", "PKCS12"], check=True, capture_output=True, timeout=60)
        cls.server = Server(*st.make_certificate(cls.folder, "ews"), schemes=("basic",)).start()
        cls.addClassCleanup(cls.server.stop)
        cls.alice = cls.server.add(ALICE, "Alice")
        cls.ports = {kind: st.free_port() for kind in ("imap", "caldav")}
        settings = {"server": "true", "mode": "EWS", "url": cls.server.url, "enableKerberos": "false", "allowRemote": "false",
                    "bindAddress": "127.0.0.1", "disableUpdateCheck": "true", "enableProxy": "false", "caldavPastDelay": "0",
                    "imapAutoExpunge": "false", "logFilePath": os.path.join(cls.folder, "log"), "popPort": "", "smtpPort": "",
                    "ldapPort": "", **{f"{kind}Port": port for kind, port in cls.ports.items()}}
        path = os.path.join(cls.folder, "davmail.properties")
        with open(path, "w", encoding="ascii") as out:
            out.writelines(f"davmail.{key}={value}\n" for key, value in settings.items())
        java = ["java", f"-Djavax.net.ssl.trustStore={trust}", "-Djavax.net.ssl.trustStorePassword=changeit", "-Xmx256m", "-jar", DAVMAIL,
                "-server", path]
        with open(os.path.join(cls.folder, "out"), "wb") as out:
            process = subprocess.Popen(java, stdout=out, stderr=out, cwd=cls.folder)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)
        for port in cls.ports.values():
            st.wait_for("DavMail", lambda port=port: cls.listens(port))

    @staticmethod
    def listens(port):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
            return True
        except OSError:
            return False

    def setUp(self):
        for folder in [*self.alice.by_name.values()]:
            for item in [*folder.items.values()]:
                self.alice.remove(item)
        self.addCleanup(lambda: self.assertEqual(self.server.crashes, []))

    # --- mail ---
    def login(self):
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        client.login(ALICE, "secret")
        self.addCleanup(client.logout)
        return client

    def ask(self, client, name, *words):
        status, lines = getattr(client, name)(*words)
        self.assertEqual(status, "OK", lines)
        return [line if isinstance(line, bytes) else b"".join(line) for line in lines if line]

    def items(self, folder="inbox"):
        return {item.word("InternetMessageId").strip("<>").split("@")[0]: item for item in self.alice.by_name[folder].items.values()}

    def test_folders(self):
        client = self.login()
        listed = b"\n".join(self.ask(client, "list"))
        for name in (b'"INBOX"', rb'(\Sent \HasNoChildren) "/" "Sent"', rb'(\Drafts \HasNoChildren) "/" "Drafts"'):
            self.assertIn(name, listed)
        self.assertNotIn(b"Journal", listed, "it has a class of its own")
        self.ask(client, "create", '"M&APw-ll"')
        self.ask(client, "create", '"M&APw-ll/unten"')
        self.assertIn(rb'(\HasChildren) "/" "M&APw-ll"', self.ask(client, "list"))
        self.ask(client, "rename", '"M&APw-ll/unten"', '"M&APw-ll/oben"')
        self.assertEqual({folder.name for folder in self.alice.folders.values() if not folder.distinguished}, {"Müll", "oben"})
        self.ask(client, "delete", '"M&APw-ll"')

    def test_mail_is_listed_read_and_found(self):
        for number in range(3):
            self.alice.deliver(mail(number), read=number == 0)
        client = self.login()
        self.assertEqual(self.ask(client, "select", "INBOX"), [b"3"])
        rows = self.ask(client, "uid", "fetch", "1:*", "(UID FLAGS RFC822.SIZE)")
        self.assertEqual([b"\\Seen" in row for row in rows], [True, False, False])
        self.assertIn("Hällo 1".encode(), b"".join(self.ask(client, "uid", "fetch", rows[1].split()[2].decode(), "(BODY.PEEK[])")))
        for words, found in ((["UNSEEN"], 2), (["HEADER", "Message-ID", "<2@example.com>"], 1), (["SUBJECT", "Gr"], 3),
                             (["SINCE", "01-Nov-2026"], 3), (["LARGER", "100000"], 0), (["FROM", "bob"], 3), (["TEXT", "llo 1"], 1)):
            with self.subTest(words):
                self.assertEqual(len(b"".join(self.ask(client, "uid", "search", *words)).split()), found)

    def test_flags_are_those_of_the_schema(self):
        self.alice.deliver(mail(1))
        client = self.login()
        self.ask(client, "select", "INBOX")
        self.ask(client, "store", "1", "+FLAGS", r"(\Seen \Flagged \Answered Arbeit)")
        item = self.items()["1"]
        self.assertEqual((item.is_read, item.values["Flag"][0].text, item.values["Categories"][0].text), (True, "Flagged", "Arbeit"))
        item.set(T.Categories(T.String("Arbeit"), T.String("Heim")))
        self.alice.changed(item)
        self.ask(client, "select", "INBOX")
        self.assertIn(b"Heim", self.ask(client, "fetch", "1", "(FLAGS)")[0])
        self.ask(client, "store", "1", "-FLAGS", r"(\Flagged \Seen)")
        self.assertEqual((item.is_read, item.values["Flag"][0].text), (False, "NotFlagged"))

    def test_what_is_appended_was_read_or_not_as_its_flags_say(self):
        client = self.login()
        for number, flags in enumerate((r"(\Seen)", "()")):
            self.ask(client, "append", "INBOX", flags, '"02-Nov-2026 12:00:00 +0000"', mail(number))
        self.ask(client, "append", "Drafts", r"(\Draft \Seen)", '"02-Nov-2026 12:00:00 +0000"', mail(2))
        made = self.items()
        self.assertEqual([(made[each].is_read, made[each].draft) for each in "01"], [(True, False), (False, False)])
        self.assertTrue(self.items("drafts")["2"].draft)
        self.assertEqual(made["0"].received.isoformat(), "2026-11-02T12:00:00+00:00")

    def test_copy_move_and_expunge(self):
        for number in range(3):
            self.alice.deliver(mail(number))
        client = self.login()
        self.ask(client, "select", "INBOX")
        self.ask(client, "copy", "1", "Trash")
        self.ask(client, "uid", "MOVE", self.ask(client, "fetch", "2", "(UID)")[0].split()[2].strip(b")").decode(), "Trash")
        self.assertEqual(sorted(self.items("deleteditems")), ["0", "1"])
        self.ask(client, "select", "INBOX")
        self.ask(client, "store", "1", "+FLAGS", r"(\Deleted)")
        self.ask(client, "expunge")
        self.assertEqual(sorted(self.items()), ["2"])

    # --- contacts and tasks ---
    def dav(self, method, path, body="", kind="text/vcard"):
        client = http.client.HTTPConnection("127.0.0.1", self.ports["caldav"], timeout=60)
        self.addCleanup(client.close)
        login = base64.b64encode(f"{ALICE}:secret".encode()).decode()
        client.request(method, path, body.encode(), {"Authorization": "Basic " + login, "Content-Type": kind + "; charset=utf-8"})
        reply = client.getresponse()
        return reply.status, reply.read().decode()

    def test_a_contact_is_one_by_fields_and_by_properties(self):
        self.assertEqual(self.dav("PUT", CONTACTS + "c1.vcf", CARD)[0], 201)
        made = next(iter(self.alice.by_name["contacts"].items.values()))
        self.assertEqual([made.word(name) for name in ("Surname", "GivenName", "DisplayName", "CompanyName", "Birthday")],
                         ["Groß", "Jürgen", "Jürgen Groß", "Firma", "1970-01-02T00:00:00Z"])
        self.assertEqual([(each.get("Key"), each.text) for each in made.values["PhoneNumbers"]], [("MobilePhone", "+49 1")])
        self.assertEqual("".join(made.values["PhysicalAddresses"].itertext()).count("Köln"), 1)
        made.set(T.JobTitle("Käser"))
        self.alice.changed(made)
        status, card = self.dav("GET", CONTACTS + "c1.vcf")
        self.assertEqual(status, 200, card)
        for word in ("N:Groß;Jürgen", "TITLE:Käser", "BDAY:1970-01-02", "Köln", "+49 1", "j@example.com", "Freunde"):
            self.assertIn(word, card)
        self.assertEqual(self.dav("DELETE", CONTACTS + "c1.vcf")[0], 200)
        self.assertEqual(len(self.alice.by_name["contacts"].items), 0)

    def test_a_task_has_its_subject_and_its_day(self):
        self.assertEqual(self.dav("PUT", "/users/alice@example.com/tasks/t1.ics", TASK, "text/calendar")[0], 201)
        made = next(iter(self.alice.by_name["tasks"].items.values()))
        self.assertEqual((made.word("Subject"), made.word("DueDate")[:10]), ("Käse", "2026-12-07"))

    # --- calendars: MIME, both ways ---
    def put(self, name, more, others=""):
        """→ the item that came of it"""
        path = f"{CALENDAR}{name}.ics"
        status, said = self.dav("PUT", path, EVENT.format(name, more, others), "text/calendar")
        self.assertIn(status, (200, 201), said)
        return next(item for item in self.alice.by_name["calendar"].items.values() if item.word("UID") == name)

    def get(self, name, kind="ics"):
        status, said = self.dav("GET", f"{CALENDAR}{name}.{kind}")
        self.assertEqual(status, 200, said)
        return said

    def test_an_event_comes_and_goes_and_changes(self):
        made = self.put("one", NINE + "LOCATION:Büro\r\nDESCRIPTION:Zeile\\nzwei\r\n")
        self.assertEqual([made.word(name) for name in ("Subject", "Start", "End", "Location", "Body", "IsAllDayEvent")],
                         ["Käse", "2026-12-07T08:00:00Z", "2026-12-07T09:00:00Z", "Büro", "Zeile\nzwei", "false"])
        said = self.get("one")
        for word in ("20261207T090000", "LOCATION:Büro", "DESCRIPTION:Zeile\\nzwei", "TZOFFSETTO:+0200"):
            self.assertIn(word, said)
        self.assertEqual(self.dav("REPORT", CALENDAR, QUERY, "text/xml")[1].count("<D:response>"), 1)
        self.assertIn("SUMMARY:Käse", self.get(next(iter(self.alice.by_name["calendar"].items))[:-1] + "%3D", "EML"), "by its id, as listed")
        zone = ";TZID=W. Europe Standard Time:20261207T"
        made = self.put("one", f"DTSTART{zone}070000\r\nDTEND{zone}100000\r\n")
        self.assertEqual((made.word("Start"), made.word("Location")), ("2026-12-07T06:00:00Z", ""), "it sends the zone's own time")
        self.assertEqual(self.dav("DELETE", CALENDAR + "one.ics")[0], 200)
        self.assertEqual(len(self.alice.by_name["calendar"].items), 0)

    def test_a_whole_day(self):
        made = self.put("day", "DTSTART;VALUE=DATE:20261210\r\nDTEND;VALUE=DATE:20261211\r\n")
        self.assertEqual([made.word(name) for name in ("Start", "End", "IsAllDayEvent")],
                         ["2026-12-09T23:00:00Z", "2026-12-10T23:00:00Z", "true"])
        self.assertIn("DTSTART;VALUE=DATE:20261210", self.get("day"))

    def test_a_series_has_its_exceptions(self):
        moved = ("BEGIN:VEVENT\r\nUID:many\r\nDTSTAMP:20261130T060000Z\r\nRECURRENCE-ID:20261221T080000Z\r\nSUMMARY:später\r\n"
                 "DTSTART:20261221T100000Z\r\nDTEND:20261221T110000Z\r\nEND:VEVENT\r\n")
        made = self.put("many", NINE + "RRULE:FREQ=WEEKLY;COUNT=5;BYDAY=MO\r\nEXDATE:20261214T080000Z\r\n", moved)
        self.assertEqual(made.removed, {"2026-12-14T08:00:00Z"})
        self.assertEqual({original: (item.word("Subject"), item.word("Start")) for original, item in made.exceptions.items()},
                         {"2026-12-21T08:00:00Z": ("später", "2026-12-21T10:00:00Z")})
        said = self.get("many")
        for word in ("RRULE:FREQ=WEEKLY;INTERVAL=1;COUNT=5;BYDAY=MO", "20261214T090000", "SUMMARY:später", "RECURRENCE-ID"):
            self.assertIn(word, said)


if __name__ == "__main__":
    unittest.main()
