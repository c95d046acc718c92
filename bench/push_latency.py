# SPDX-License-Identifier: Apache-2.0
"""From Dovecot's notice to the decrypted file on the device: the device's time minus that of a bare IDLE client which
watches the same mailbox, delivery by delivery."""
import queue
import statistics
import time

import loopback
import stage as st

SENTENCE = "what Tidegate adds between Dovecot's IDLE notice and the decrypted message on the device's disk"
GROUPS = ["dovecot"]
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "tidegate-device", "plugins/imap.so", "bench/idle_client"]
GOALS = {"added_ms_median": ("<", 5, None), "added_ms_p99": ("<", 25, None)}
USER = "alice@example.com"
APART = 1.05  # seconds between deliveries: each is a notice of its own, since Dovecot gathers those within 500 ms
WARM_UP = 10


def set_up(stage):
    loopback.start_relay(stage, seats=5)
    backend = stage.start_dovecot(USER)
    stage.write_gateway_ini(backend)
    stage.start_gateway()
    stage.register()
    password = stage.add_user(USER)
    device = stage.pair_device(USER, password=password)
    device.start()
    device.until("current")
    witness = loopback.Load(stage, "idle_client", stage.dovecot["imaps"], f"{stage.dovecot_folder}/ca.pem", USER, "pw-" + USER)
    witness.hear("idling", 30)
    return device, witness


class Deliveries:
    def __init__(self, stage, device, witness):
        self.stage, self.device, self.witness = stage, device, witness
        self.last = 0.0

    def one(self, number):
        """Microseconds since the epoch: accepted by LMTP, seen by the bare client, on the device's disk."""
        octets = st.small_message(number)
        time.sleep(max(0.0, self.last + APART - time.monotonic()))  # a pace, not a wait for something
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail("bob@example.org", [USER], octets)
            accepted = time.time() * 1e6
        self.last = time.monotonic()
        seen = int(self.witness.hear("exists", 30)[1])
        item = self.arrival()
        if item["subject"] != f"message {number}" or not self.witness.lines.empty():
            raise loopback.BenchError(f"notices and deliveries do not belong together: {item}")
        return accepted, seen, item["at_unix_us"]

    def arrival(self):
        try:
            return self.device.until("item", 30)[0]
        except st.StageError as error:
            logs = "".join(f"--- {p.name}\n{p.tail()}" for p in (self.device.process, self.stage.gateway, self.stage.relay))
            raise loopback.BenchError(f"{error}\n{logs}{self.stage.ctl('queue', check=False).stdout}") from None

    def drained(self):
        while True:
            try:
                self.device.events.get_nowait()
            except queue.Empty:
                return


def p99(values):
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


def run(quick):
    count = 20 if quick else 200
    with st.Stage() as stage:
        deliveries = Deliveries(stage, *set_up(stage))
        deliveries.drained()
        for number in range(WARM_UP):
            deliveries.one(number)
        times = [deliveries.one(1000 + number) for number in range(count)]
    added = [(item - seen) / 1000 for _, seen, item in times]
    total = [(item - accepted) / 1000 for accepted, _, item in times]
    notice = [(seen - accepted) / 1000 for accepted, seen, _ in times]
    figures = {"added_ms_median": statistics.median(added), "added_ms_p99": p99(added), "added_ms_least": min(added),
               "added_ms_most": max(added), "total_ms_median": statistics.median(total), "total_ms_p99": p99(total)}
    reference = {"dovecot_idle_ms_median": statistics.median(notice), "dovecot_idle_ms_p99": p99(notice)}
    notes = [f"{count} deliveries of 2 KB by LMTP, {APART} s apart, after {WARM_UP} to warm up",
             "the bare client and the gateway are two Dovecot sessions: their notices differ by up to a few ms, either way"]
    return figures, reference, notes
