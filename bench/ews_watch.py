# SPDX-License-Identifier: Apache-2.0
"""What 5,000 mailboxes cost that a scripted Exchange server tells of by streams which they share, and how soon after the server's
event a new mail is on the device."""
import os
import time

import ews_peer
import loopback
import process_memory as memory
import stage as st
from idle_users import name, slope
from push_latency import p99

SENTENCE = "5,000 users at one scripted Exchange server by grouped streams: connections, memory, processor, and how late an event is"
GROUPS = []
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/ews.so"]
GOALS = {"rss_kib_per_user": ("<=", 16, None), "cpu_cores": ("<=", 0.5, None), "event_to_relay_ms_p99": ("<=", 150, None)}
MESSAGES = 5  # in each mailbox
RATE = 50  # events a second
WATCHED = 10  # users with a device
EACH = 4.0  # seconds between two events of one of them: later than two, so that none waits for the one before


def settled(stage, peer, users):
    st.wait_for(f"{users} mailboxes to be listened to", lambda: peer.listening() == users, 900)
    st.wait_for("every user to be served",
                lambda: sum(row["proven"] != "never" for row in stage.ctl_rows("user", "list")) == users, 600)
    loopback.quiet(lambda: memory.processor_ticks(stage.gateway.child.pid), deadline=600)


def happenings(peer, users, seconds):
    """RATE events a second, over the users in turn; those with a device have theirs every EACH seconds. → when, by user with a device"""
    sent, due, other = {number: [] for number in range(WATCHED)}, [EACH * n / WATCHED for n in range(WATCHED)], WATCHED
    began = time.monotonic()
    for number in range(int(seconds * RATE)):
        now = number / RATE
        time.sleep(max(0.0, began + now - time.monotonic()))
        ready = next((n for n in range(WATCHED) if due[n] <= now), None)
        if ready is None:
            user, other = other, other + 1 if other + 1 < users else WATCHED
        else:
            user, due[ready] = ready, now + EACH
        at = peer.arrive(name(user), st.small_message(number, 600))
        if user < WATCHED:
            sent[user].append(at)
    return sent


def busy(stage, peer, devices, users, seconds):
    """Processors of the gateway, of the scripted server, requests an event, and milliseconds from events to devices."""
    pid, hertz = stage.gateway.child.pid, os.sysconf("SC_CLK_TCK")
    ticks, asked, used, began = memory.processor_ticks(pid), sum(peer.counts().values()), peer.cpu_s(), time.monotonic()
    sent = happenings(peer, users, seconds)
    took = time.monotonic() - began
    cores, server = (memory.processor_ticks(pid) - ticks) / hertz / took, (peer.cpu_s() - used) / took
    requests = (sum(peer.counts().values()) - asked) / (seconds * RATE)
    late = []
    for number, device in enumerate(devices):
        for at in sent[number]:
            if at is None:
                raise loopback.BenchError(f"{name(number)}: an event found nobody listening")
            late.append(device.until("item", 60)[0]["at_unix_us"] / 1000 - at * 1000)
    return cores, server, requests, late


def run(quick):
    few, many = (20, 400) if quick else (200, 5_000)
    seconds = 10 if quick else 120
    loopback.need_descriptors(4096)
    with st.Stage() as stage:
        octets = [st.small_message(number, 600) for number in range(MESSAGES)]
        peer = ews_peer.Peer(stage.certificate, stage.key, {name(number): octets for number in range(many)})
        try:
            loopback.start_relay(stage, seats=many)
            stage.write_gateway_ini({**peer.backend(stage), "connects_per_second": 0})
            stage.start_gateway()
            stage.register()
            each, _, threads, large = slope(stage, few, many, lambda users: settled(stage, peer, users), WATCHED)
            connections = memory.connections_to(stage.gateway.child.pid, peer.port)
            devices = [stage.pair_device(name(number), f"device{number}") for number in range(WATCHED)]
            for device in devices:
                device.start()
            for device in devices:
                device.until("idle", 300)
            settled(stage, peer, many)
            cores, server, requests, late = busy(stage, peer, devices, many, seconds)
        finally:
            peer.close()
    figures = {"connections": connections, "rss_kib_per_user": each, "cpu_cores": cores,
               "event_to_relay_ms_p99": p99(late), "event_to_relay_ms_median": sorted(late)[len(late) // 2], "rss_mib": large / 1024,
               "threads": threads, "requests_per_event": requests, "server_cpu_cores": server}
    notes = [f"RSS at {many:,} users minus RSS at {few}, by {many - few:,}; {MESSAGES} messages each; TLS; connections: to the server, when "
             "nothing happens",
             f"{RATE} new mails a second for {seconds} s, over all users in turn; processors are the gateway's",
             f"event to relay: {len(late)} mails of {WATCHED} users with a device, from the server's event to the file renamed on the device, "
             "which is later than at the relay"]
    return figures, {}, notes
