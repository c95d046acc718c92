# SPDX-License-Identifier: Apache-2.0
"""The real khal, khard and todoman work on a device's vdir: they show what is in the store, what they change goes up, also
what was changed offline and through kill -9 of device and gateway, and conflicts are kept."""
import contextlib
import datetime
import glob
import json
import os
import unittest

import stage as st
from pim_tools import Tools, write

USER = "alice@example.com"


def event(uid, summary):
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stage//test\r\nBEGIN:VEVENT\r\n" f"UID:{uid}\r\n"
            "DTSTAMP:20260101T000000Z\r\nDTSTART:20260301T100000Z\r\nDTEND:20260301T110000Z\r\n"
            f"SUMMARY:{summary}\r\nX-KEPT-BY-ALL:yes\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n").encode()


def card(uid, name):
    first, last = name.split()
    return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{last};{first};;;\r\n"
            f"EMAIL:{first.lower()}@example.com\r\nX-KEPT-BY-ALL:yes\r\nEND:VCARD\r\n").encode()


def texts(*parts):
    """name → content, of the objects in a directory."""
    found = {}
    for path in glob.glob(os.path.join(*parts, "*.[iv]c[sf]")):
        with contextlib.suppress(FileNotFoundError):  # renamed between the look and this
            with open(path, encoding="utf-8", newline="") as text:
                found[os.path.basename(path)] = text.read()
    return found


class Pim(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        self.store = os.path.join(stage.mock_root(), USER)
        for folder in ("calendars/default", "calendars/tasks", "contacts/default"):
            os.makedirs(os.path.join(self.store, folder))
        write(event("one", "First event"), self.store, "calendars/default/one.ics")
        write(event("two", "Second event"), self.store, "calendars/default/two.ics")
        write(card("bob", "Bob Builder"), self.store, "contacts/default/bob.vcf")
        stage.write_gateway_ini({"plugin": "mock", "root": stage.mock_root()}, parts="mail calendar contacts tasks")
        self.device = stage.first_device()
        self.pim = os.path.join(self.device.state, "pim")
        st.wait_for("three objects on the device", lambda: sum(len(texts(self.pim, kind, "default"))
                                                               for kind in ("calendars", "contacts")) == 3)
        self.tools = Tools(stage, self.pim)
        self.khal, self.khard, self.todo = self.tools.khal, self.tools.khard, self.tools.todo

    def in_store(self, folder, text):
        return [name for name, content in texts(self.store, folder).items() if text in content]

    def settle(self):
        folders = ("calendars/default", "calendars/tasks", "contacts/default")

        def same():
            return all(sorted(texts(self.store, folder).values()) == sorted(texts(self.pim, folder).values())
                       for folder in folders)
        try:
            st.wait_for("device and store to be equal", same, 60)
        except st.StageError:
            self.fail("\n".join(f"{folder}: store {texts(self.store, folder)}\ndevice {texts(self.pim, folder)}"
                                for folder in folders) + self.device.process.tail(30) + self.stage.gateway.tail(30))

    def test_they_see_and_change_what_is_in_the_store(self):
        self.assertIn("First event", self.khal("list", "2026-03-01", "1d"))
        self.assertIn("bob@example.com", self.khard("list"))
        # Made.
        self.khal("new", "-a", "home", "2026-03-02", "12:00", "13:00", "Made with khal")
        self.khard("new", "-a", "people", "-i", self.stage.write("eve", "Formatted name: Eve Adams\nFirst name: Eve\nLast name: Adams\n"))
        self.todo("new", "-l", "tasks", "Made with todoman")
        for folder, text in (("calendars/default", "Made with khal"), ("contacts/default", "Eve Adams"),
                             ("calendars/tasks", "Made with todoman")):
            st.wait_for(f"“{text}” in the store", lambda: self.in_store(folder, text))
        # Changed.
        self.khal("edit", "--show-past", "First event", answers="s\nRenamed by khal\nn\nq\n")
        self.khard("edit", "-i", self.stage.write("bob", "First name: Robert\nLast name: Builder\nFormatted name: Robert Builder\n"),
                   "uid:bob", answers="y\n")
        self.todo("done", "1")
        for folder, text in (("calendars/default", "SUMMARY:Renamed by khal"), ("contacts/default", "FN:Robert Builder"),
                             ("calendars/tasks", "STATUS:COMPLETED")):
            st.wait_for(f"“{text}” in the store", lambda: self.in_store(folder, text))
        self.assertEqual(self.in_store("calendars/default", "SUMMARY:Renamed by khal"), ["one.ics"], "changed in its place")
        self.assertEqual(self.in_store("contacts/default", "X-KEPT-BY-ALL"), ["bob.vcf"])
        # Removed.
        self.khard("remove", "--force", "Eve")
        st.wait_for("Eve to be gone from the store", lambda: not self.in_store("contacts/default", "Eve Adams"))
        self.settle()
        self.assertFalse(os.path.exists(os.path.join(self.pim, "Conflicts")))
        # And what another client does is seen.
        write(event("two", "Moved by a colleague"), self.store, "calendars/default/two.ics")
        st.wait_for("khal to show it", lambda: "Moved by a colleague" in self.khal("list", "2026-03-01", "1d"))

    def agenda(self, *words, code=0, **env):
        done = self.stage.run_tool("tidegate-device", "agenda", "--state", self.device.state, *words, check=False, env=env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_agenda_of_a_running_device(self):
        berlin = {"TZ": "Europe/Berlin"}
        self.assertEqual(self.agenda("--from", "2026-03-01", "--days", "1", **berlin),
                         "Sun 2026-03-01\n  11:00-12:00  First event  [default]\n  11:00-12:00  Second event  [default]\n")
        self.khal("new", "-a", "home", "2026-03-02", "12:00", "13:00", "Made with khal", "--repeat", "daily",
                  "--until", "2026-03-05")
        found = json.loads(self.agenda("--from", "2026-03-02", "--days", "9", "--json", **berlin))
        shown = self.khal("list", "--day-format", "", "--format", "{start-date}T{start-time}:00+01:00 {title}", "2026-03-02", "9d")
        self.assertEqual([f"{each['start']} {each['title']}" for each in found["instances"]], shown.splitlines())
        self.assertIn("2026-03-03T12:00:00+01:00 Made with khal", shown)
        self.assertIn("20:00-21:00  Made with khal", self.agenda("--from", "2026-03-02", "--zone", "Asia/Tokyo", **berlin))
        odd = event("odd", "Somewhere").replace(b"DTSTART:20260301T100000Z", b"DTSTART;TZID=Nowhere/Atlantis:20260301T100000")
        write(odd.replace(b"DTEND:20260301T110000Z\r\n", b""), self.store, "calendars/default/odd.ics")
        path = os.path.join(self.pim, "calendars/default/odd.ics")
        st.wait_for("the odd one on the device", lambda: os.path.exists(path))
        shown = self.agenda("--from", "2026-03-01", "--days", "1", code=1, **berlin)
        self.assertIn(f"not shown: {path}: Line 7: the time zone \"Nowhere/Atlantis\" is not known", shown)
        self.assertIn("First event", shown)
        self.assertNotIn("Somewhere", shown)

    def test_only_what_happens_in_the_window_is_here(self):
        def on(uid, days, more=""):
            begins = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
            octets = event(uid, uid).replace(b"DTSTART:20260301T100000Z", f"DTSTART:{begins:%Y%m%d}T100000Z{more}".encode())
            return octets.replace(b"DTEND:20260301T110000Z\r\n", b"")
        for uid, days, more in (("near", 10, ""), ("far", 200, ""), ("past", -100, ""), ("weekly", -400, "\r\nRRULE:FREQ=WEEKLY")):
            write(on(uid, days, more), self.store, f"calendars/default/{uid}.ics")
        self.settle()
        self.stage.run_tool("tidegate-device", "policy", "--state", self.device.state, "--events-back", "30", "--events-ahead", "30")

        def here():
            return sorted(name for name in texts(self.pim, "calendars/default"))
        st.wait_for("what is outside to go", lambda: here() == ["near.ics", "weekly.ics"])
        self.assertEqual(len(texts(self.store, "calendars/default")), 6, "from here, and not from the store")
        write(on("near", 300), self.store, "calendars/default/near.ics")  # put off
        write(on("weekly", 300), self.store, "calendars/default/weekly.ics")
        write(on("far", 3), self.store, "calendars/default/far.ics")  # and brought forward
        st.wait_for("the changes", lambda: here() == ["far.ics"])
        self.device.process.kill()
        self.device.start()
        self.stage.run_tool("tidegate-device", "policy", "--state", self.device.state, "--events-back", "200", "--events-ahead", "all")
        st.wait_for("what is wanted anew", lambda: here() == ["far.ics", "near.ics", "past.ics", "weekly.ics"])
        self.assertEqual(len(texts(self.store, "calendars/default")), 6)
        self.assertFalse(os.path.exists(os.path.join(self.pim, "Conflicts")))

    def test_offline_conflicts_and_kills(self):
        self.stage.relay.end()
        write(event("one", "mine"), self.pim, "calendars/default/one.ics")
        write(event("two", "mine alone"), self.pim, "calendars/default/two.ics")
        write(event("three", "made offline"), self.pim, "calendars/default/three.ics")
        os.remove(os.path.join(self.pim, "contacts/default/bob.vcf"))
        write(event("one", "theirs"), self.store, "calendars/default/one.ics")
        self.device.process.kill()
        self.device.start()
        self.stage.gateway.kill()
        self.stage.start_gateway()
        self.stage.start_relay()
        st.wait_for("what was made offline", lambda: self.in_store("calendars/default", "made offline"))
        st.wait_for("the edit", lambda: self.in_store("calendars/default", "mine alone"))
        st.wait_for("the removal", lambda: not texts(self.store, "contacts/default"))
        self.settle()
        self.assertEqual(self.in_store("calendars/default", "SUMMARY:theirs"), ["one.ics"])
        kept = texts(self.pim, "Conflicts")
        self.assertEqual([content for content in kept.values()], [event("one", "mine").decode()])

    def test_kills_while_programs_save(self):
        for turn in range(12):
            write(event("one", f"edit {turn}"), self.pim, "calendars/default/one.ics")
            write(event(f"made-{turn}", f"made {turn}"), self.pim, f"calendars/default/made-{turn}.ics")
            write(event(f"there-{turn}", f"made there {turn}"), self.store, f"calendars/default/there-{turn}.ics")
            if turn % 2 == 0:
                self.device.process.kill()
                self.device.start()
            elif turn % 4 == 1:
                self.stage.gateway.kill()
                self.stage.start_gateway()
            else:
                st.wait_for("something of that in the store", lambda: self.in_store("calendars/default", f"made {turn}"))
        st.wait_for("the last edit", lambda: self.in_store("calendars/default", "edit 11"))
        self.settle()
        there = texts(self.store, "calendars/default")
        self.assertEqual(len(there), 2 + 12 + 12, sorted(there))
        self.assertFalse(os.path.exists(os.path.join(self.pim, "Conflicts")), "nobody else changed these")


if __name__ == "__main__":
    unittest.main()
