# SPDX-License-Identifier: Apache-2.0
"""What an idle device costs the relay, beside what an idle subscriber costs mosquitto: both over TLS, each after one
message of 1 KiB."""
import loopback
import process_memory as memory
import stage as st

SENTENCE = "memory of the relay for each of 5,000 idle devices over TLS, beside mosquitto's"
GROUPS = []
TARGETS = ["tidegate-relay", "bench/relay_load", "bench/mqtt_load"]
GOALS = {"rss_kib_per_device": ("<=", 1, "mosquitto_tls_kib")}


def held(pid):
    """KiB of the process, of its heap alone, and of all sockets in the kernel."""
    loopback.quiet(lambda: memory.processor_ticks(pid))
    return memory.rss_kib(pid), memory.anonymous_kib(pid), memory.kernel_sockets_kib()


def slope(pid, load, few, many):
    """What each connection adds between the two numbers: what is there once for all is in neither."""
    at = []
    for count in (few, many):
        load.say(count)
        if load.hear("idle", 1300) != [str(count)]:
            raise loopback.BenchError(f"{load.name}: not all of {count} are idle")
        at.append(held(pid))
    load.child.stdin.close()
    if load.hear("alive", 60) != [str(many)]:
        raise loopback.BenchError(f"{load.name}: connections were lost while they idled")
    load.end()
    return [None if large is None else (large - small) / (many - few) for small, large in zip(*at)]


def relay(stage, few, many):
    loopback.start_relay(stage, seats=many)
    with open(stage.licence_password) as secret:
        load = loopback.Load(stage, "relay_load", stage.relay_url, stage.ca, "demo", secret.read().strip())
    load.hear("open", 60)
    found = slope(stage.relay.child.pid, load, few, many)
    stage.relay.end()
    return found


def mosquitto(stage, few, many):
    broker = loopback.start_broker(stage)
    found = slope(broker.child.pid, loopback.Load(stage, "mqtt_load", broker.port, stage.ca), few, many)
    broker.end()
    return found


def run(quick):
    few, many = (100, 500) if quick else (1000, 5000)
    loopback.need_descriptors(many + 200)
    with st.Stage() as stage:
        ours, ours_heap, ours_kernel = relay(stage, few, many)
        theirs, theirs_heap, theirs_kernel = mosquitto(stage, few, many)
    figures = {"rss_kib_per_device": ours, "heap_kib_per_device": ours_heap}
    reference = {"mosquitto_tls_kib": theirs, "mosquitto_heap_kib": theirs_heap}
    if ours_kernel is not None:
        figures["kernel_kib_per_device_both_ends"] = ours_kernel
        reference["mosquitto_kernel_kib_both_ends"] = theirs_kernel
    notes = [f"RSS with {many:,} idle minus RSS with {few:,}, by {many - few:,}; each had 300 octets and 1 KiB pass before",
             "kernel: slab objects of sockets and their buffers, of both ends since both are on this machine; not in RSS"]
    return figures, reference, notes
