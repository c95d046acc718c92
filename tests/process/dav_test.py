# SPDX-License-Identifier: Apache-2.0
"""Calendars and contacts of a real Radicale and a real Xandikos, through gateway and relay, to a device's vdir; and the
conformance suite on both."""
import os
import re
import subprocess
import unittest

import dav
import name_server
import stage as st

USER = "alice@example.com"


def vdir(device):
    """{UID: octets} of all objects on the device."""
    found = {}
    for folder, _, names in os.walk(os.path.join(device.state, "pim")):
        for name in names:
            if not name.endswith((".ics", ".vcf")) or name.startswith("."):
                continue
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    octets = file.read()
            except FileNotFoundError:  # renamed meanwhile
                continue
            uid = re.search(rb"^UID:(.*?)\r?$", octets, re.M)
            found[uid[1].decode() if uid else name] = octets
    return found


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
        server.make(server.calendars() + "work/", "Work")
        server.make(server.cards() + "friends/", "Friends", cards=True)
        cls.work, cls.friends = server.calendars() + "work/", server.cards() + "friends/"
        for number in range(30):
            server.put(f"{cls.work}e{number}.ics", dav.event(f"e{number}", f"Event {number}"))
            server.put(f"{cls.friends}c{number}.vcf", dav.card(f"c{number}", f"Friend Number{number}"))
        stage.write_gateway_ini({**server.backend(), "poll_quiet": "1s"}, parts="calendar contacts notes")
        cls.device = stage.first_device()

    def on_device(self, what, condition):
        try:
            st.wait_for(what, lambda: condition(vdir(self.device)))
        except st.StageError as error:
            raise AssertionError(f"{error}\n{sorted(vdir(self.device))}\n{self.device.process.tail()}\n{self.stage.gateway.tail()}\n"
                                 f"{self.server.process.tail()}") from None

    def served(self, path):
        return self.server.must("GET", path)[1]

    def test_a_all_of_it_arrives_as_the_server_has_it(self):
        self.on_device("30 events and 30 cards", lambda found: {f"{kind}{number}" for kind in "ec" for number in range(30)} <= set(found))
        found = vdir(self.device)
        # A device has line ends of its own.
        self.assertEqual(found["e7"], self.served(self.work + "e7.ics").replace(b"\r\n", b"\n"))
        self.assertEqual(found["c7"], self.served(self.friends + "c7.vcf").replace(b"\r\n", b"\n"))
        self.assertIn(b"item1.x-ablabel:harbour", found["c7"].lower())

    def test_b_what_another_client_does(self):
        server = self.server
        server.put(self.work + "new.ics", dav.event("new", "Made by another"))
        server.put(self.work + "e1.ics", dav.event("e1", "Changed by another"))
        server.must("DELETE", self.work + "e2.ics")
        server.must("DELETE", self.friends + "c2.vcf")
        self.on_device("a new one, a changed one, two removals", lambda found:
                       "new" in found and b"Changed by another" in found.get("e1", b"") and "e2" not in found and "c2" not in found)

    def test_c_a_new_calendar(self):
        self.server.make(self.server.calendars() + "second/", "Second")
        self.server.put(self.server.calendars() + "second/s1.ics", dav.event("s1", "In the second"))
        self.on_device("the second calendar", lambda found: "s1" in found)
        self.server.must("DELETE", self.server.calendars() + "second/")
        self.on_device("its end", lambda found: "s1" not in found)

    def test_c_colours_and_names(self):
        """(of collections, as the vdir has them in files)"""
        self.server.color(self.work, "#FF8800FF")
        self.server.color(self.friends, "#00AA00", cards=True)
        self.shown("calendars", "Work", "#FF8800")
        self.shown("contacts", "Friends", "#00AA00")
        self.server.color(self.work, "#0000FF")
        self.shown("calendars", "Work", "#0000FF")
        self.server.name(self.work, "Office")
        self.shown("calendars", "Office", "#0000FF")
        self.server.name(self.work, "Work")
        self.shown("calendars", "Work", "#0000FF")

    def shown(self, part, name, color):
        found = {}

        def is_there():
            for file, want in (("displayname", name), ("color", color)):
                try:
                    with open(os.path.join(self.device.state, "pim", part, name, file)) as it:
                        found[file] = it.read()
                except FileNotFoundError:
                    found[file] = None
            return found == {"displayname": name, "color": color}
        try:
            st.wait_for(f"{name} in {color}", is_there)
        except st.StageError as error:
            raise AssertionError(f"{error}\n{found}\n{self.device.process.tail()}\n{self.stage.gateway.tail()}") from None

    def test_d_the_server_dies_and_comes_back(self):
        self.server.kill()
        self.server.start()
        self.server.put(self.work + "after.ics", dav.event("after", "After its death"))
        self.on_device("what came after", lambda found: "after" in found and "e3" in found)

    def test_e_the_gateway_dies_and_comes_back(self):
        before = set(vdir(self.device))
        self.stage.gateway.kill()
        self.server.put(self.work + "meanwhile.ics", dav.event("meanwhile", "While nobody looked"))
        self.server.must("DELETE", self.work + "e4.ics")
        self.stage.start_gateway()
        self.on_device("what came meanwhile", lambda found: set(found) == before - {"e4"} | {"meanwhile"})

    def test_f_the_laws(self):
        ini = self.stage.write("check.ini", "[backend:dav]\n" + "".join(f"{k} = {v}\n" for k, v in self.server.backend().items()))
        for kind in ("event", "contact"):
            with self.subTest(kind=kind):
                done = subprocess.run([self.stage.program("tidegate-plugin-check"), os.path.join(st.BUILD, "plugins/caldav.so"),
                                       "--config", ini, "--user", USER, "--kind", kind, "--steps", "40", "--seed", "7",
                                       "--gtest_filter=-" + self.Server.cannot],
                                      capture_output=True, text=True, timeout=600, env=st.environment())
                self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
                ran = re.findall(r"^\[       OK \] (\S+)", done.stdout, re.M)
                for law in ("Law1.EveryItemOnceThenNothing", "Law1.NewItemsAreServedDuringAListing",
                            "Law2.AnyInterleavingGivesThePresentState", "Law5.CreateTwiceWithOneTokenIsOneItem"):
                    self.assertIn(law, ran)


class OnRadicale(OnDav, unittest.TestCase):
    Server = dav.Radicale

    def test_c_notes_go_both_ways(self):
        """(Xandikos keeps no component sets: what it has is calendars)"""
        journal = (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VJOURNAL\r\nUID:note-1\r\nDTSTAMP:20260101T000000Z\r\n"
                   b"SUMMARY:Shopping\r\nDESCRIPTION:milk\r\nEND:VJOURNAL\r\nEND:VCALENDAR\r\n")
        at = self.server.calendars() + "paper/"
        self.server.make(at, "Paper", component="VJOURNAL")
        self.server.put(at + "note-1.ics", journal)
        self.on_device("the note", lambda found: "note-1" in found)
        here = os.path.join(self.device.state, "pim", "notes", "Paper")
        for name, octets in (("note-1.ics", journal.replace(b"milk", b"bread")),
                             ("made.ics", journal.replace(b"note-1", b"note-2").replace(b"Shopping", b"Made here"))):
            with open(os.path.join(here, name + ".tmp"), "wb") as file:
                file.write(octets)
            os.rename(os.path.join(here, name + ".tmp"), os.path.join(here, name))
        st.wait_for("the edit on the server", lambda: b"DESCRIPTION:bread" in self.served(at + "note-1.ics"))
        st.wait_for("the new one there", lambda: b"note-2" in self.server.must("PROPFIND", at, Depth="1")[1])


class OnXandikos(OnDav, unittest.TestCase):
    Server = dav.Xandikos


class ByDns(unittest.TestCase):
    """Nobody says where the servers are but DNS (RFC 6764 §6)."""

    def setUp(self):
        if not dav.Radicale.there():
            self.skipTest("radicale is not installed")
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        self.server = server = dav.Radicale(stage, USER)
        server.make(server.calendars() + "work/", "Work")
        server.put(server.calendars() + "work/e.ics", dav.event("e", "Found by DNS"))

    def serve(self, records, **more):
        names = name_server.NameServer(records)
        self.addCleanup(names.close)
        words = self.server.backend()
        del words["url"]
        self.stage.write_gateway_ini({**words, "domain": "example.org", "dns": names.address, **more}, parts="calendar")
        return names

    def test_srv_and_txt(self):
        there = [name_server.srv("gone.example.org", 1, priority=20), name_server.srv("localhost", self.server.port, priority=10)]
        names = self.serve({"_caldavs._tcp.example.org": [*there, name_server.txt("path=/")],
                            "_carddavs._tcp.example.org": there}, hosts="localhost gone.example.org")
        device = self.stage.first_device()
        st.wait_for("the event", lambda: "e" in vdir(device))
        self.assertEqual(set(names.asked), {(f"_{kind}davs._tcp.example.org", of) for kind in ("cal", "card")
                                            for of in (name_server.SRV, name_server.TXT)})

    def test_a_host_that_is_not_below_the_domain_gets_no_credentials(self):
        self.serve({"_caldavs._tcp.example.org": [name_server.srv("localhost", self.server.port)]})
        self.stage.start_gateway()
        done = self.stage.ctl("test", "store", check=False)
        self.assertIn("add it to the setting hosts", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
