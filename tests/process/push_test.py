# SPDX-License-Identifier: Apache-2.0
"""The whole, by real processes on the mock store: what is dropped arrives, once, whole, wherever anything was away."""
import os
import unittest

import stage as st


class Push(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.open_relay()
        cls.store = os.path.join(stage.mock_root(), "alice@example.com")
        for number in range(40):
            stage.drop(st.small_message(number))
        stage.serve_mock()
        stage.add_user()

    def setUp(self):
        self.stage.processes = [p for p in self.stage.processes if p.alive()]

    def device(self, name):
        device = self.stage.pair_device(name=name)
        device.start()
        self.addCleanup(lambda: device.process.end())
        self.equal(device)
        return device

    def equal(self, device):
        def same():
            return device.files() == st.maildir_hashes(self.store)
        try:
            st.wait_for("device and store to be equal", same)
        except st.StageError as error:
            there, here = st.maildir_hashes(self.store), device.files()
            raise AssertionError(f"{error}: store {len(there)}, device {len(here)}, twice "
                                 f"{[d for d, n in here.items() if n > 1]}\n{device.process.tail()}\n"
                                 f"{self.stage.gateway.tail()}") from None

    def test_a_new_device_gets_what_was_there_and_what_comes(self):
        device = self.device("first")
        self.stage.drop(st.small_message(100))
        item, _ = device.until("item")
        while item["subject"] != "message 100":
            item, _ = device.until("item")
        self.assertTrue(item["live"])
        self.equal(device)

    def test_b_two_devices_and_every_sample(self):
        one, two = self.device("one"), self.device("two")
        for _, octets in st.samples():
            self.stage.drop(octets)
        self.equal(one)
        self.equal(two)

    def test_c_large_message_and_empty_one(self):
        device = self.device("large")
        self.stage.drop(st.small_message(1, 12_000_000))
        self.stage.drop(b"")
        self.equal(device)

    def test_d_a_device_that_was_away_gets_exactly_what_it_missed(self):
        device = self.device("away")
        device.process.end()
        for number in range(200, 230):
            self.stage.drop(st.small_message(number))
        while not device.events.empty():
            device.events.get()
        device.start()
        self.equal(device)
        device.until("current")
        items = [e for e in list(device.events.queue) if e.get("event") == "item"]
        self.assertLessEqual(len(items), 30)

    def test_e_removals_and_flags_reach_the_device(self):
        device = self.device("flags")
        self.stage.drop(st.small_message(300))
        self.equal(device)
        new = os.path.join(self.store, "new")
        victim, seen = sorted(os.listdir(new))[:2]
        os.remove(os.path.join(new, victim))
        os.rename(os.path.join(new, seen), os.path.join(self.store, "cur", seen + ":2,S"))
        self.equal(device)
        st.wait_for("the flag", lambda: any(name.endswith(":2,S") for name in os.listdir(os.path.join(device.maildir, "cur"))))

    def test_f_relay_and_gateway_restarts_lose_nothing(self):
        device = self.device("restarts")
        self.assertEqual(self.stage.relay.end(), 0)
        self.stage.drop(st.small_message(400))
        self.stage.start_relay()
        self.equal(device)
        self.assertEqual(self.stage.gateway.end(), 0)
        self.stage.drop(st.small_message(401))
        self.stage.start_gateway()
        self.equal(device)

    def test_g_revoked_device_gets_nothing_more(self):
        device = self.device("revoked")
        row = [r for r in self.stage.ctl_rows("device", "list", "alice@example.com") if r["connected"]]
        self.assertEqual(len(row), 1)
        self.stage.ctl("device", "revoke", "alice@example.com", row[0]["device"])
        device.until("stopped")
        before = device.files()
        self.stage.drop(st.small_message(500))
        other = self.device("witness")
        self.assertNotEqual(before, other.files())
        self.assertEqual(before, device.files())


if __name__ == "__main__":
    unittest.main()
