# SPDX-License-Identifier: Apache-2.0
"""Changes a second through everything but a disk's files: made in memory by the mock, logged, sealed, carried by the relay,
opened and counted by devices."""
import os
import time

import loopback
import process_memory as memory
import stage as st

SENTENCE = "changes a second from a mock in memory through gateway and relay to one device, and to 1,000"
GROUPS = []
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "plugins/mock.so", "bench/device_load"]
GOALS = {"changes_per_s_1": (">=", 20000, None)}
SIZE = 1024
WARM_UP = 3.0
AT_ONCE = 16
RATES = (16_000, 22_000, 28_000, 34_000)  # offered a second; what is not taken piles up, and slows all down


def name(number):
    return f"user{number}@example.com"


def mock(users, rate):
    # How fast mailboxes are opened is not what is measured.
    return {"plugin": "mock", "mode": "memory", "users": users, "items": 0, "item_size": SIZE, "rate": rate, "connects_per_second": 0}


def pair(stage, load, devices):
    """Each user with one device, while the mock makes nothing."""
    for begin in range(0, devices, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, devices))
        for number in numbers:
            password = stage.add_user(name(number))
            load.say(f"pair {name(number)} {stage.code(name(number))} {password}")
        for _ in numbers:
            load.hear("paired", 60)


def count(load):
    load.say("count")
    items, microseconds, opened = map(int, load.hear("count", 30))
    return items, microseconds / 1e6, opened


def cpu_seconds(pid):
    return memory.processor_ticks(pid) / os.sysconf("SC_CLK_TCK")


def measure(stage, load, devices, rate, seconds):
    """The gateway comes again with a mock that makes so many; what is measured is the steady part."""
    stage.gateway.end()
    stage.write_gateway_ini(mock(devices, rate))
    stage.start_gateway()
    stage.wait_open()
    st.wait_for(f"{devices} devices in a session", lambda: count(load)[2] == devices, 120)
    time.sleep(WARM_UP)
    pids = {"gateway": stage.gateway.child.pid, "relay": stage.relay.child.pid, "devices": load.child.pid}
    before, used = count(load), {who: cpu_seconds(pid) for who, pid in pids.items()}
    time.sleep(seconds)
    after = count(load)
    changes = after[0] - before[0]
    if changes == 0 or after[2] != devices:
        raise loopback.BenchError(f"{changes} changes came to {after[2]} devices\n{stage.gateway.tail()}")
    return changes / (after[1] - before[1]), {who: (cpu_seconds(pid) - used[who]) * 1e6 / changes for who, pid in pids.items()}


def at_rate(devices, rate, seconds):
    """On a stage of its own: a mock in memory that comes again has lost what it had told, and that would be dealt with first."""
    with st.Stage() as stage:
        loopback.start_relay(stage, seats=devices)
        stage.write_gateway_ini(mock(devices, 0))
        stage.start_gateway()
        stage.register()
        load = loopback.Load(stage, "device_load", stage.relay_url, stage.ca)
        pair(stage, load, devices)
        return measure(stage, load, devices, rate, seconds)


def through(devices, rates, seconds):
    """The most that came through at any of the rates, and what a change cost then."""
    return max((at_rate(devices, rate, seconds) for rate in rates), key=lambda found: found[0])


def run(quick):
    many, seconds = (20, 3) if quick else (1000, 15)
    loopback.need_descriptors(many + 200)
    one, cost = through(1, RATES[:1] if quick else RATES, seconds)
    thousand, cost_many = through(many, RATES[:1] if quick else RATES, seconds)
    figures = {"changes_per_s_1": one, "changes_per_s_1000": thousand, "cpu_us_per_change": cost["gateway"],
               "cpu_us_per_change_1000": cost_many["gateway"], "relay_cpu_us_per_change": cost["relay"],
               "devices_cpu_us_per_change": cost["devices"]}
    notes = [f"messages of {SIZE} octets, {seconds} s at each rate, over the users in turn; each user has one device",
             f"offered {', '.join(f'{rate:,}' for rate in RATES)} a second: the most that came through counts",
             "cpu: user and system time of the process between two counts, by what came meanwhile; gateway unless named"]
    return figures, {}, notes
