# SPDX-License-Identifier: Apache-2.0
"""Objects as the world writes them, through a real Radicale: what it takes comes to the device as it has it, and says what it
said; what the device sends up arrives, or is refused with the line that is wrong. TIDEGATE_CORPUS: a folder with ical/ and
vcard/, not part of this project; without it the samples below."""
import glob
import json
import os
import re
import unittest

import dav
import stage as st
from dav_programs_test import CARD, PLAIN, SERIES, TASK
from pim_tools import difference, write

USER = "alice@example.com"
BROKEN = {  # what no server may take, and the line that says so
    "no-begin": (b"SUMMARY:x\r\n", 1),
    "cut": (PLAIN[:PLAIN.index(b"END:VALARM")], PLAIN[:PLAIN.index(b"END:VALARM")].count(b"\n")),
    "no-uid": (PLAIN.replace(b"UID:plain\r\n", b""), None),
    "two-uids": (PLAIN.replace(b"END:VEVENT\r\n", b"END:VEVENT\r\nBEGIN:VEVENT\r\nUID:another\r\nEND:VEVENT\r\n"), None),
    "no-zone": (PLAIN.replace(b"TZID=Europe/Berlin:20260302T10", b"TZID=Nowhere/Atlantis:20260302T10"), None),
    "no-date": (PLAIN.replace(b"TZID=Europe/Berlin:20260302T100000", b"TZID=Europe/Berlin:tomorrow"), None),
}


def samples():
    """name → octets; several objects of one file apart, each with a UID of its own."""
    corpus = os.environ.get("TIDEGATE_CORPUS")
    files = {}
    if corpus:
        for path in sorted(glob.glob(corpus + "/ical/**/*.ics", recursive=True) + glob.glob(corpus + "/vcard/**/*.vcf", recursive=True)):
            with open(path, "rb") as file:
                files[os.path.relpath(path, corpus).replace("/", "-")] = file.read()
    else:
        files = {"plain.ics": PLAIN, "series.ics": SERIES, "task.ics": TASK, "card.vcf": CARD,
                 "card4.vcf": CARD.replace(b"VERSION:3.0", b"VERSION:4.0").replace(b"ENCODING=b;TYPE=PNG:", b"VALUE=uri:data:image/png;base64\\,")}
    found = {}
    for name, octets in files.items():
        cards = re.findall(rb"BEGIN:VCARD.*?END:VCARD[ \t]*\r?\n?", octets, re.S | re.I)
        for number, piece in enumerate(cards if len(cards) > 1 else [octets]):
            base, _, suffix = name.rpartition(".")
            uid = f"{base}-{number}".encode()
            if suffix == "vcf" and not re.search(rb"(?im)^UID", piece):  # servers want one
                piece = re.sub(rb"(?i)BEGIN:VCARD[ \t]*(\r?\n)", rb"BEGIN:VCARD\1UID:x\1", piece, count=1)
            found[f"{base}-{number}.{suffix}"] = re.sub(rb"(?im)^(UID[^:\r\n]*):[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", lambda m: m[1] + b":" + uid, piece)
    return found


class RoundTrip(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not dav.Radicale.there():
            raise unittest.SkipTest("radicale is not installed")
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        cls.server = server = dav.Radicale(stage, USER)
        for name, cards in (("down", False), ("up", False), ("cards-down", True), ("cards-up", True)):
            server.make(server.home() + name + "/", name, cards=cards)
        cls.samples = samples()
        cls.taken = {}
        for name, octets in cls.samples.items():
            path = server.home() + ("cards-down/" if name.endswith(".vcf") else "down/") + name
            status, _, _ = server.ask("PUT", path, octets, Content_Type="text/vcard" if name.endswith(".vcf") else "text/calendar")
            if 200 <= status < 300:
                cls.taken[name] = server.must("GET", path)[1]
        stage.write_gateway_ini({**server.backend(), "poll_quiet": "1s"}, parts="calendar contacts tasks")
        cls.device = stage.first_device()
        cls.pim = os.path.join(cls.device.state, "pim")

    def objects(self, *parts):
        """{UID: octets} of a collection of the device."""
        found = {}
        for path in glob.glob(os.path.join(self.pim, *parts, "*.[iv]c[sf]")):
            with open(path, "rb") as file:
                octets = file.read()
            uid = re.search(rb"(?im)^UID[^:\r\n]*:(.*?)\r?$", octets)
            if uid:  # a server may take a calendar with nothing in it
                found[uid[1].decode()] = octets
        return found

    def test_what_a_server_takes_comes_to_the_device(self):
        self.assertGreaterEqual(len(self.taken), 25 if "TIDEGATE_CORPUS" in os.environ else 5, sorted(self.taken))
        uid = re.compile(rb"(?im)^UID[^:\r\n]*:(.*?)\r?$")
        by_uid = {uid.search(octets)[1].decode(): name for name, octets in self.taken.items() if uid.search(octets)}

        def here():
            return {**self.objects("calendars", "down"), **self.objects("contacts", "cards-down")}
        try:
            st.wait_for("all of it", lambda: by_uid.keys() <= here().keys())
        except st.StageError as error:
            self.fail(f"{error}: {by_uid.keys() - here().keys()}\n{self.device.process.tail(20)}\n{self.stage.gateway.tail(20)}")
        found = here()
        same = 0
        for each, name in by_uid.items():
            with self.subTest(name=name):
                self.assertEqual(found[each].replace(b"\r\n", b"\n"), self.taken[name].replace(b"\r\n", b"\n"))
                self.assertEqual(difference(self.taken[name], found[each]), {})
            same += not difference(self.samples[name], found[each])
        print(f"{len(self.samples)} objects, {len(self.taken)} taken by the server, {same} of these still say what they said")

    def test_what_the_device_sends_arrives_or_is_refused_with_its_line(self):
        sent = {**self.samples, **{name + ".ics": octets for name, (octets, _) in BROKEN.items()}}
        for name, octets in sent.items():
            octets = re.sub(rb"(?im)^(UID[^:\r\n]*):([^\r\n]*)", rb"\1:" + self.uid_of(name, rb"\2"), octets)
            write(octets, self.pim, *(("contacts", "cards-up") if name.endswith(".vcf") else ("calendars", "up")), name)

        told, queued = [], []

        def said(name):
            """What the device tells of a file: in its events, and in its queue."""
            return "\n".join(line for line in told + queued if name in line)

        def arrived(name):
            uid = re.search(rb"(?im)^UID[^:\r\n]*:([^\r\n]*)", sent[name])
            # Some UIDs are folded or written in another way there; then it has come back as an item.
            return (uid is not None and self.uid_of(name, uid[1]).decode() in self.on_server) or '"event": "item"' in said(name)

        def ended(name):
            """It is there, or refused by its name: by us with a line; by this server, which is not every server, without."""
            return arrived(name) or re.search(r"[Ll]ine \d+|: failed\. ", said(name))

        def settled():
            while not self.device.events.empty():
                told.append(json.dumps(self.device.events.get()))
            queued[:] = self.queue().splitlines()
            self.on_server = self.served("up/") | self.served("cards-up/")
            return all(ended(name) for name in sent)
        try:
            st.wait_for("an end of each", settled, 80)
        except st.StageError as error:
            left = [name for name in sent if not ended(name)]
            self.fail(f"{error}\n" + "\n".join(f"{name}: {said(name)}" for name in left) + f"\n{self.device.process.tail(60)}\n{self.queue()}\n"
                      f"{self.stage.gateway.tail(20)}")
        for name, (_, line) in BROKEN.items():
            with self.subTest(name=name):
                self.assertFalse(arrived(name + ".ics"), "no server may take it")
                self.assertRegex(said(name + ".ics"), rf"[Ll]ine {line}\b" if line else r"[Ll]ine \d+")
        print(f"{sum(arrived(name) for name in sent)} of {len(sent)} arrived")

    @staticmethod
    def uid_of(name, uid):
        """Of what goes up: all are in one collection."""
        return b"up-" + name.encode() + b"-" + uid

    def queue(self):
        return self.stage.run_tool("tidegate-device", "queue", "--state", self.device.state, check=False).stdout

    def served(self, collection):
        """UIDs of all that the server has in it."""
        card = collection.startswith("cards")
        kind, prefix, data = ("carddav", "addressbook", "address-data") if card else ("caldav", "calendar", "calendar-data")
        inside = "<X:filter/>" if card else "<X:filter><X:comp-filter name='VCALENDAR'/></X:filter>"
        body = (f"<?xml version='1.0'?><X:{prefix}-query xmlns:D='DAV:' xmlns:X='urn:ietf:params:xml:ns:{kind}'><D:prop><X:{data}/>"
                f"</D:prop>{inside}</X:{prefix}-query>")
        said = self.server.must("REPORT", self.server.home() + collection, body, Depth="1", Content_Type="application/xml")[1]
        return {uid.decode() for uid in re.findall(rb"(?m)^UID[^:\r\n]*:(.*?)(?:&#13;)?\r?$", said)}


if __name__ == "__main__":
    unittest.main()
