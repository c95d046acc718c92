# SPDX-License-Identifier: Apache-2.0
"""A calendar and an address book from Radicale to a device's vdir through gateway and relay, sealed, beside vdirsyncer on the
same server in the same run."""
import json
import os
import random
import re
import shutil
import subprocess
import time

import dav
import loopback
import stage as st

SENTENCE = "5,000 events and 5,000 contacts from Radicale to a device's vdir, beside vdirsyncer"
GROUPS = ["dav"]
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/caldav.so"]
GOALS = {"items_per_s": (">=", 3, "vdirsyncer_items_per_s")}
USER = "alice@example.com"
CALENDAR, CARDS = "calendar", "cards"
PLACES = ("harbour", "quay", "lock", "lighthouse", "pier", "office", "dock")


def event(dice, number):
    month, day, hour = dice.randrange(1, 13), dice.randrange(1, 29), dice.randrange(8, 18)
    more = f"LOCATION:{dice.choice(PLACES)}\r\nDESCRIPTION:{' '.join(dice.choice(PLACES) for _ in range(20))}\r\n"
    if number % 10 == 0:
        more += "RRULE:FREQ=WEEKLY;COUNT=20\r\n"
    return dav.event(f"event{number}", f"Event {number}", f"2026{month:02}{day:02}T{hour:02}0000Z", more)


def fill(server, count):
    """Into Radicale's folder; then a bare client reads all of it, so that what the server keeps of each object is there for
    whoever comes first. Returns {UID: octets as the server gives them}."""
    dice = random.Random(1)
    home = server.home()
    server.make(home + CALENDAR + "/", "Calendar")
    server.make(home + CARDS + "/", "Cards", cards=True)
    root = os.path.join(server.folder, "collection-root", USER)
    for number in range(count):
        for collection, name, octets in ((CALENDAR, f"event{number}.ics", event(dice, number)),
                                         (CARDS, f"card{number}.vcf", dav.card(f"card{number}", f"Friend Number{number}"))):
            with open(os.path.join(root, collection, name), "wb") as out:
                out.write(octets)
    wanted = {}
    for collection, kind, prefix, data in ((CALENDAR, "caldav", "calendar", "calendar-data"), (CARDS, "carddav", "addressbook", "address-data")):
        body = (f"<?xml version='1.0'?><X:{prefix}-query xmlns:D='DAV:' xmlns:X='urn:ietf:params:xml:ns:{kind}'>"
                f"<D:prop><D:getetag/></D:prop><X:filter/></X:{prefix}-query>")
        if prefix == "calendar":
            body = body.replace("<X:filter/>", "<X:filter><X:comp-filter name='VCALENDAR'/></X:filter>")
        said = server.must("REPORT", f"{home}{collection}/", body, Depth="1", Content_Type="application/xml")[1]
        found = len(re.findall(rb"<(?:\w+:)?getetag>", said))
        if found != count:
            raise loopback.BenchError(f"Radicale shows {found} of {count} objects in {collection}")
    for name in (CALENDAR, CARDS):
        for number in range(0, count, max(1, count // 50)):
            each = f"event{number}" if name == CALENDAR else f"card{number}"
            path = f"{home}{name}/{each}.{'ics' if name == CALENDAR else 'vcf'}"
            wanted[each] = server.must("GET", path)[1]
    return wanted


def objects(root):
    """{UID: octets} of a vdir's tree."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith((".ics", ".vcf")) and not name.startswith("."):
                with open(os.path.join(folder, name), "rb") as file:
                    octets = file.read()
                found[re.search(rb"^UID:(.*?)\r?$", octets, re.M)[1].decode()] = octets
    return found


def compare(who, root, wanted, count):
    found = objects(root)
    if len(found) != 2 * count:
        raise loopback.BenchError(f"{who} brought {len(found)} of {2 * count} objects")
    for uid, octets in wanted.items():
        if found[uid].replace(b"\r\n", b"\n") != octets.replace(b"\r\n", b"\n"):
            raise loopback.BenchError(f"what {who} brought of {uid} is not what the server has")


def vdirsyncer(stage, server, wanted, count):
    """Seconds of its sync, with its defaults; its discovery is not counted."""
    folder = stage.path("vdirsyncer")
    def storage(name, kind, more):
        return f"[storage {name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in {"type": kind, **more}.items())
    config = f"[general]\nstatus_path = {json.dumps(folder + '/status')}\n"
    for name, kind, suffix in (("events", "caldav", ".ics"), ("people", "carddav", ".vcf")):
        config += f"[pair {name}]\na = \"{name}_here\"\nb = \"{name}_there\"\ncollections = [\"{CALENDAR if kind == 'caldav' else CARDS}\"]\n"
        config += storage(name + "_here", "filesystem", {"path": f"{folder}/{name}/", "fileext": suffix})
        config += storage(name + "_there", kind, {"url": f"https://localhost:{server.port}/", "username": USER, "password": "pw",
                                                   "verify": stage.ca})
    path = stage.write("vdirsyncer.conf", config)

    def call(*words, answers=""):
        done = subprocess.run(["vdirsyncer", "-c", path, *words], input=answers, capture_output=True, text=True, timeout=3600,
                              env=st.environment())
        if done.returncode != 0:
            raise loopback.BenchError(f"vdirsyncer {words[0]}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    call("discover", answers="y\n" * 20)
    began = time.monotonic()
    call("sync")
    took = time.monotonic() - began
    compare("vdirsyncer", folder, wanted, count)
    shutil.rmtree(folder)
    return took


def tidegate(stage, server, wanted, count):
    """Seconds of a first sync."""
    device, took = loopback.first_sync(stage, USER, server.backend(), parts="calendar contacts")
    compare("the device", os.path.join(device.state, "pim"), wanted, count)
    return took


def run(quick):
    count = 200 if quick else 5_000
    if shutil.which("vdirsyncer") is None:
        raise loopback.BenchError("vdirsyncer is not installed")
    with st.Stage() as stage:
        server = dav.Radicale(stage, USER)
        wanted = fill(server, count)
        theirs = 2 * count / vdirsyncer(stage, server, wanted, count)
        ours = 2 * count / tidegate(stage, server, wanted, count)
    notes = [f"{count:,} events, a tenth of them series, and {count:,} contacts; TLS everywhere; their number and every "
             "hundredth one's octets compared at the end",
             "ours: from `user add` over pairing and discovery to the last object fsynced; vdirsyncer: its sync alone, discovery before it"]
    return {"items_per_s": ours}, {"vdirsyncer_items_per_s": theirs}, notes
