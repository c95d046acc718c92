# SPDX-License-Identifier: Apache-2.0
"""What it costs to poll 2,000 users' calendars at a server that costs next to nothing, and how soon after the poll that could
tell of it a change of another client is on the device."""
import os
import time

import dav_peer
import loopback
import process_memory as memory
import stage as st
from idle_users import name, slope
from push_latency import p99

SENTENCE = "2,000 users polled at one scripted CalDAV server: memory, processor, requests, and how late a change is"
GROUPS = []
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/caldav.so"]
GOALS = {"rss_kib_per_user": ("<=", 8, None), "cpu_ms_per_unchanged_poll": ("<=", 2, None),
         "requests_per_unchanged_poll": ("<=", 1, None), "late_ms_p99": ("<=", 100, None)}
EVENTS = 5  # in each calendar
WATCHED = 10  # users with a device


def backend(peer, stage, interval):
    return {"plugin": "caldav", "url": f"https://localhost:{peer.port}", "ca_file": stage.ca, "auth": "remote_user",
            "poll_soon": f"{interval}s", "poll_quiet": f"{interval}s", "connects_per_second": 0}


def all_polled(stage, peer, users):
    st.wait_for("every user to be served",
                lambda: sum(row["proven"] != "never" for row in stage.ctl_rows("user", "list")) == users, 600)
    _, before = peer.counts()
    st.wait_for("two rounds of polls", lambda: peer.counts()[1] - before >= 2 * users, 300)


def unchanged(stage, peer, seconds):
    """Processor time and requests of a while in which nothing changes, by polls."""
    pid, hertz = stage.gateway.child.pid, os.sysconf("SC_CLK_TCK")
    ticks, (asked, polls) = memory.processor_ticks(pid), peer.counts()
    time.sleep(seconds)
    ticks_after, (asked_after, polls_after) = memory.processor_ticks(pid), peer.counts()
    polled = polls_after - polls
    return (ticks_after - ticks) / hertz * 1000 / polled, (asked_after - asked) / polled, polled / seconds


def late(peer, devices, changes):
    """Milliseconds from the first poll after a change to the object on the device's disk."""
    found = []
    for number in range(changes):
        made = {}
        for user, _ in devices:
            made[user] = peer.change(user, "e0", f"Change {number}")
        for user, device in devices:
            item = device.until("item", 120)[0]
            polled = [at for at in peer.polled(user) if at > made[user]]
            found.append(item["at_unix_us"] / 1000 - polled[0] * 1000)
    return found


def run(quick):
    few, many = (20, 200) if quick else (100, 2_000)
    changes, window, interval = (2, 10, 2) if quick else (15, 60, 10)  # interval: seconds, give or take a tenth
    with st.Stage() as stage:
        peer = dav_peer.Peer(stage.certificate, stage.key, [name(n) for n in range(many)], EVENTS)
        try:
            loopback.start_relay(stage, seats=many)
            stage.write_gateway_ini(backend(peer, stage, interval), parts="calendar")
            stage.start_gateway()
            stage.register()
            each, _, _, large = slope(stage, few, many, lambda users: all_polled(stage, peer, users), WATCHED)
            per_poll, requests, rate = unchanged(stage, peer, window)
            devices = []
            for number in range(WATCHED):
                device = stage.pair_device(name(number), f"device{number}")
                device.start()
                device.until("idle", 300)
                devices.append((name(number), device))
            lateness = late(peer, devices, changes)
        finally:
            peer.close()
    figures = {"rss_kib_per_user": each, "cpu_ms_per_unchanged_poll": per_poll,
               "requests_per_unchanged_poll": requests, "late_ms_p99": p99(lateness), "late_ms_median": sorted(lateness)[len(lateness) // 2],
               "polls_per_s": rate, "rss_mib": large / 1024}
    notes = [f"RSS at {many:,} users minus RSS at {few}, by {many - few:,}; {EVENTS} events each; TLS; polled every {interval} s",
             f"late: {len(lateness)} changes by another client, from the first request that could tell of it to the file on the device",
             "one home set a user: a poll is the PROPFIND of it"]
    return figures, {}, notes
