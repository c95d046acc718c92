# SPDX-License-Identifier: Apache-2.0
"""khal, khard and todoman on a device's vdir, with a real Radicale and a real Xandikos at the other end: what they make, edit,
move and remove is on the server what was meant, and nothing else there has changed."""
import glob
import os
import unittest

import dav
import stage as st
from pim_tools import Tools, difference, says, write

USER = "alice@example.com"
ZONE = ("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:DAYLIGHT\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\n"
        "DTSTART:19810329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\nBEGIN:STANDARD\r\n"
        "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\nDTSTART:19961027T030000\r\n"
        "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n")


def vevent(uid, summary, times, more=""):
    return (f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n{times}SUMMARY:{summary}\r\nLOCATION:Quay 7\\, left\r\n"
            f"X-KEPT-BY-ALL;X-HOW=well:yes\r\n{more}END:VEVENT\r\n")


def calendar(inside):
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//test//EN\r\n{ZONE}{inside}END:VCALENDAR\r\n".encode()


def at(day, hour=10, name="DTSTART"):
    return f"{name};TZID=Europe/Berlin:202603{day:02}T{hour:02}0000\r\n"


ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Soon\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\n"
PLAIN = calendar(vevent("plain", "Plain", at(2) + at(2, 11, "DTEND"), ALARM))
SERIES = calendar(
    vevent("series", "Weekly", at(3) + at(3, 11, "DTEND"), "RRULE:FREQ=WEEKLY;COUNT=8\r\n" + at(24, 10, "EXDATE") + ALARM) +
    vevent("series", "Special week", at(10, 14) + at(10, 15, "DTEND"), at(10, 10, "RECURRENCE-ID")))
CARD = ("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:bob\r\nFN:Bob Builder\r\nN:Builder;Bob;;;\r\nEMAIL;TYPE=work:bob@example.org\r\n"
        "TEL;TYPE=cell:+49 1\r\nTEL;TYPE=cell:+49 2\r\nitem1.URL:https://example.org/bob\r\nitem1.X-ABLabel:harbour\r\n"
        "X-KEPT-BY-ALL:yes\r\nPHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=\r\nCATEGORIES:crew,night\r\nEND:VCARD\r\n").encode()
TASK = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//test//EN\r\nBEGIN:VTODO\r\nUID:paint\r\nDTSTAMP:20260101T000000Z\r\n"
        "SUMMARY:Paint the pier\r\nPRIORITY:5\r\nX-KEPT-BY-ALL:yes\r\nEND:VTODO\r\nEND:VCALENDAR\r\n").encode()

# As a calendar program with windows does it: the instance as an override of its own.
EDIT_INSTANCE = """
import sys, icalendar, copy, datetime
with open(sys.argv[1], 'rb') as file: whole = icalendar.Calendar.from_ical(file.read())
master = next(each for each in whole.walk('VEVENT') if 'RRULE' in each)
own = copy.deepcopy(master)
for name in ('RRULE', 'EXDATE', 'DTSTART', 'DTEND'): own.pop(name, None)
own.subcomponents = []
zone = master['DTSTART'].dt.tzinfo
day = datetime.datetime(2026, 3, 17)
for name, hour in (('RECURRENCE-ID', 10), ('DTSTART', 16), ('DTEND', 17)):
    own.add(name, day.replace(hour=hour).replace(tzinfo=zone) if not hasattr(zone, 'localize') else zone.localize(day.replace(hour=hour)))
own['SUMMARY'] = icalendar.vText('Later this week')
whole.add_component(own)
with open(sys.argv[1] + '.draft', 'wb') as file: file.write(whole.to_ical())
import os
os.rename(sys.argv[1] + '.draft', sys.argv[1])
"""
# ikhal's "delete this instance", which the command line does not have.
DELETE_INSTANCE = """
import sys, datetime, os
from khal.khalendar.event import Event
import khal.khalendar.vdir as vdir, pytz
zone = pytz.timezone('Europe/Berlin')
locale = dict(local_timezone=zone, default_timezone=zone, timeformat='%H:%M', dateformat='%Y-%m-%d', longdateformat='%Y-%m-%d',
              datetimeformat='%Y-%m-%d %H:%M', longdatetimeformat='%Y-%m-%d %H:%M', unicode_symbols=False, firstweekday=0, weeknumbers=False)
folder, name = os.path.split(sys.argv[1])
storage = vdir.Vdir(folder, '.ics')
item, etag = storage.get(name)
event = Event.fromString(item.raw, locale=locale, calendar='home', href=name, etag=etag)
event.delete_instance(zone.localize(datetime.datetime(2026, 3, 31, 10)))
storage.update(name, vdir.Item(event.raw), etag)
"""


class OnDav:
    """For each kind of server; see the classes at the end."""
    Server = None

    @classmethod
    def setUpClass(cls):
        if not cls.Server.there():
            raise unittest.SkipTest(cls.Server.kind + " is not installed")
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        cls.server = server = cls.Server(stage, USER)
        cls.work, cls.team, cls.chores = (server.calendars() + name for name in ("work/", "team/", "chores/"))
        cls.friends = server.cards() + "friends/"
        server.make(cls.work, "Work")
        server.make(cls.team, "Team")
        server.make(cls.chores, "Chores", component="VTODO")
        server.make(cls.friends, "Friends", cards=True)
        server.put(cls.work + "plain.ics", PLAIN)
        server.put(cls.work + "series.ics", SERIES)
        server.put(cls.friends + "bob.vcf", CARD)
        server.put(cls.chores + "paint.ics", TASK)
        stage.write_gateway_ini({**server.backend(), "poll_quiet": "1s"}, parts="calendar contacts tasks")
        cls.device = stage.first_device()
        cls.pim = os.path.join(cls.device.state, "pim")
        for part, name in (("calendars/Work", "plain.ics"), ("calendars/Work", "series.ics"), ("contacts/Friends", "bob.vcf"),
                           ("calendars/Chores", "paint.ics"), ("calendars/Team", "displayname")):
            st.wait_for(f"{name} on the device", lambda: os.path.exists(os.path.join(cls.pim, part, name)))
        cls.tools = Tools(stage, cls.pim, events="Work", tasks="Chores", cards="Friends")

    def there(self, path):
        """What the server has, or None."""
        status, _, octets = self.server.ask("GET", path)
        self.assertIn(status, (200, 404, 410))
        return octets if status == 200 else None

    def names(self, collection):
        """{text of the object: path} of all in it."""
        body = "<?xml version='1.0'?><D:propfind xmlns:D='DAV:'><D:prop><D:getetag/></D:prop></D:propfind>"
        said = self.server.must("PROPFIND", collection, body, Depth="1", Content_Type="application/xml")[1].decode()
        paths = [part.split("<")[0] for part in said.replace("href xmlns:ns0=\"DAV:\">", "href>").split("href>")[1::2]]
        return [path for path in paths if path.endswith((".ics", ".vcf"))]

    def wait(self, what, condition):
        try:
            return st.wait_for(what, condition)
        except st.StageError as error:
            raise AssertionError(f"{error}\n{self.device.process.tail(30)}\n{self.stage.gateway.tail(30)}\n"
                                 f"{self.server.process.tail()}") from None

    def here(self, part, name):
        return os.path.join(self.pim, part, name)

    def changed(self, path, word):
        """What is different on the server once it has that word; and the device comes to say the same, with no conflict."""
        before = self.before[path]
        self.wait(f"{word!r} on the server", lambda: word.encode() in (self.there(path) or b""))
        after = self.there(path)
        self.before[path] = after
        # khal writes time zones of its own making, as far as an event needs them.
        return {part: how for part, how in difference(before, after).items() if "VTIMEZONE" not in part}

    def setUp(self):
        self.before = {path: self.there(path) for path in (self.work + "plain.ics", self.work + "series.ics",
                                                           self.friends + "bob.vcf", self.chores + "paint.ics")}

    def test_a_an_event_is_edited(self):
        self.tools.khal("edit", "--show-past", "Plain", answers="s\nRenamed by khal\nn\nq\n")
        self.assertEqual(self.changed(self.work + "plain.ics", "Renamed by khal"), {"VCALENDAR/VEVENT": (
            [("SUMMARY", (), "Plain")], [("SUMMARY", (), "Renamed by khal")])})

    def test_b_one_instance_is_edited_that_was_special_before(self):
        self.tools.khal("edit", "--show-past", "Special", answers="n\nl\nThe old lock\nn\nq\n")
        self.assertEqual(self.changed(self.work + "series.ics", "The old lock"), {"VCALENDAR/VEVENT 20260310T100000": (
            [("LOCATION", (), "Quay 7\\, left")], [("LOCATION", (), "The old lock")])})

    def test_c_one_instance_is_edited_that_was_not(self):
        self.tools.script(EDIT_INSTANCE, self.here("calendars/Work", "series.ics"))
        path = self.work + "series.ics"
        self.assertEqual(self.changed(path, "Later this week"), {"VCALENDAR/VEVENT 20260317T100000": ([], [
            ("DTEND", ("TZID=EUROPE/BERLIN",), "20260317T170000"), ("DTSTART", ("TZID=EUROPE/BERLIN",), "20260317T160000"),
            ("LOCATION", (), "Quay 7\\, left"), ("RECURRENCE-ID", ("TZID=EUROPE/BERLIN",), "20260317T100000"),
            ("SUMMARY", (), "Later this week"), ("UID", (), "series"), ("X-KEPT-BY-ALL", ("X-HOW=WELL",), "yes")])})

    def test_d_one_instance_is_removed(self):
        self.tools.script(DELETE_INSTANCE, self.here("calendars/Work", "series.ics"))
        self.wait("the EXDATE on the server", lambda: b"20260331T100000" in self.there(self.work + "series.ics"))
        went, came = self.changed(self.work + "series.ics", "20260331T100000").pop("VCALENDAR/VEVENT")
        dates = [value for name, _, value in says(self.there(self.work + "series.ics"))["VCALENDAR/VEVENT"] if name == "EXDATE"]
        self.assertEqual(sorted(",".join(dates).split(",")), ["20260324T100000", "20260331T100000"])
        self.assertEqual({name for name, _, _ in went + came}, {"EXDATE"}, "nothing else of the series")

    def test_e_a_card_is_edited(self):
        whole = self.tools.khard("show", "--format", "yaml", "uid:bob").replace("Bob", "Robert")
        self.tools.khard("edit", "-i", self.stage.write("bob", whole), "uid:bob", answers="y\n")
        found = self.changed(self.friends + "bob.vcf", "Robert")
        self.assertEqual(list(found), ["VCARD"])
        # khard calls groups as it likes; what is in one stays in one.
        went, came = ({(name.rpartition(".")[2], *more) for name, *more in each} for each in found["VCARD"])
        self.assertEqual({name for name, *_ in went ^ came}, {"FN", "N"})
        self.assertEqual(len({name.partition(".")[0] for name, *_ in found["VCARD"][1] if "." in name}), 1)

    def test_f_a_task_is_done(self):
        self.tools.todo("done", "1")
        (went, came), = self.changed(self.chores + "paint.ics", "STATUS:COMPLETED").values()
        self.assertEqual(went, [])
        self.assertEqual({name for name, _, _ in came}, {"STATUS", "COMPLETED", "PERCENT-COMPLETE"})

    def test_g_made_on_the_device(self):
        before = {collection: set(self.names(collection)) for collection in (self.work, self.friends, self.chores)}
        self.tools.khal("new", "-a", "home", "2026-03-04", "12:00", "13:00", "Made with khal", "--alarms", "10m")
        self.tools.khard("new", "-a", "people", "-i", self.stage.write(
            "eve", "Formatted name: Eve Adams\nFirst name: Eve\nLast name: Adams\nEmail:\n  work: eve@example.org\n"))
        self.tools.todo("new", "-l", "Chores", "--due", "2026-03-09", "--priority", "high", "Made with todoman")
        for collection, word, part in ((self.work, "Made with khal", "calendars/Work"), (self.friends, "Eve Adams", "contacts/Friends"),
                                       (self.chores, "Made with todoman", "calendars/Chores")):
            def fresh():
                return [path for path in set(self.names(collection)) - before[collection] if word.encode() in (self.there(path) or b"")]
            path, = self.wait(f"{word!r} on the server", fresh)
            made, = [octets for octets in self.files(part).values() if word.encode() in octets]
            self.assertEqual(difference(made, self.there(path)), {}, word)

    def files(self, part):
        found = {}
        for path in glob.glob(os.path.join(self.pim, part, "*.[iv]c[sf]")):
            try:
                with open(path, "rb") as file:
                    found[os.path.basename(path)] = file.read()
            except FileNotFoundError:  # another takes its place
                continue
        return found

    def test_h_moved_and_removed(self):
        os.rename(self.here("calendars/Work", "plain.ics"), os.path.join(self.pim, "calendars/Team", "plain.ics"))

        def moved():
            return self.there(self.work + "plain.ics") is None and self.names(self.team)
        path, = self.wait("the event in the other calendar", moved)
        self.assertEqual(difference(self.before[self.work + "plain.ics"], self.there(path)), {})
        self.tools.khard("remove", "--force", "uid:bob")
        self.wait("Bob to be gone", lambda: self.there(self.friends + "bob.vcf") is None)

    def test_i_edited_on_both_sides(self):
        path = self.here("calendars/Work", "series.ics")
        self.stage.relay.end()
        with open(path, "rb") as file:
            write(file.read().replace(b"Weekly", b"Mine"), path)
        self.server.put(self.work + "series.ics", self.there(self.work + "series.ics").replace(b"Weekly", b"Theirs"))
        self.stage.start_relay()

        self.wait("the server's version", lambda: b"Theirs" in self.files("calendars/Work").get("series.ics", b""))
        self.wait("ours beside the tree", lambda: any(b"Mine" in each for each in self.files("Conflicts").values()))
        self.assertNotIn(b"Mine", self.there(self.work + "series.ics"))

    def tearDown(self):
        if not self._testMethodName.startswith("test_i"):
            self.assertFalse(os.path.exists(os.path.join(self.pim, "Conflicts")), "nobody else changed anything")


class OnRadicale(OnDav, unittest.TestCase):
    Server = dav.Radicale


class OnXandikos(OnDav, unittest.TestCase):
    Server = dav.Xandikos


if __name__ == "__main__":
    unittest.main()
