# SPDX-License-Identifier: Apache-2.0
"""Terminals of suites vmes-1 and none beside a device that is paired properly, by real processes: all are served, everybody
is told what it costs, and nobody gets in who was not admitted or who was lowered on the way."""
import json
import os
import sqlite3
import unittest

import stage as st

USER, PASSWORD = "alice@example.com", "correct horse battery"
ALLOWED = {"suite_vmes_1": "yes", "suite_none": "yes"}


class Suites(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        stage.serve_mock(gateway=ALLOWED)
        stage.add_user()
        self.store = os.path.join(stage.mock_root(), USER)

    def admit(self, suite):
        return self.stage.ctl_rows("device", "add", USER, "--suite", suite, "--days", "3")[0]["device"]

    def terminal(self, name, suite, device_id=None, check=True):
        terminal = st.Device(self.stage, USER, name)
        terminal.enrolled = terminal.pair(device_id or self.admit(suite), PASSWORD, check, more=("--suite", suite))
        return terminal

    def started(self, device):
        device.start()
        self.addCleanup(device.process.end)
        return device

    def equal(self, *devices):
        for device in devices:
            st.wait_for(device.name + " to be equal to the store", lambda d=device: d.files() == st.maildir_hashes(self.store))

    def alarm_of(self, device, *words):
        """The next alarm that says all of that."""
        while True:
            event, _ = device.until("alarm")
            if all(word in event["text"] for word in words):
                return event["text"]

    def status(self, device):
        return json.loads(self.stage.run_tool("tidegate-device", "status", "--json", "--state", device.state).stdout)

    def refused(self):
        return self.stage.ctl_rows("status")[0]["suites_refused"]

    def test_all_are_served_and_everybody_is_told(self):
        phone = self.started(self.stage.pair_device(name="phone"))
        phone.until("current")
        self.assertFalse(self.status(phone)["readable_by_relay"])
        said = self.stage.run_tool("tidegatectl", "--socket", self.stage.control, "device", "add", USER, "--suite", "vmes-1").stdout
        self.assertIn("Neither end of this suite proves who it is: whoever runs the relay can stand in the middle", said)
        self.alarm_of(phone, "readable by the relay", "vmes-1")
        old = self.started(self.terminal("old", "vmes-1"))
        older = self.started(self.terminal("older", "none"))
        for terminal in (old, older):
            self.assertIn("without end-to-end encryption", terminal.enrolled.stdout)
            self.alarm_of(terminal, "This device is not end-to-end encrypted")
        for number in range(5):
            self.stage.drop(st.small_message(number, 40_000))
        self.equal(phone, old, older)
        # What a terminal does goes up like any device's: the phone hears of it.
        name = next(n for n in os.listdir(os.path.join(old.maildir, "new")) if n)
        os.rename(os.path.join(old.maildir, "new", name), os.path.join(old.maildir, "cur", name + ":2,FS"))
        st.wait_for("the flag on the phone", lambda: any(n.endswith(":2,FS") for n in os.listdir(os.path.join(phone.maildir, "cur"))))
        # A later session of the phone: it shows it until the last terminal has gone.
        phone.process.end()
        self.started(phone)
        self.alarm_of(phone, "Another device of this account is not end-to-end encrypted")
        st.wait_for("the phone's status", lambda: self.status(phone)["readable_by_relay"])
        self.assertEqual([self.status(d)["suite"] for d in (phone, old, older)], ["noise-1", "vmes-1", "none"])
        rows = self.stage.ctl_rows("status")
        self.assertEqual(sorted(r["suite"] for r in rows if "readable" in r), ["none", "vmes-1", "vmes-1"])
        self.assertEqual({r["suite"] for r in self.stage.ctl_rows("device", "list", USER)},
                         {"noise-1", "vmes-1, readable by the relay", "none, readable by the relay"})
        audit = self.stage.run_tool("tidegate-relay", "audit", "--config", self.stage.relay_ini).stdout
        self.assertIn("suite vmes-1: readable by the relay", audit)
        self.assertEqual(self.refused(), 0)

    def test_gateway_and_relay_that_start_anew_know_the_admissions(self):
        waiting = self.admit("vmes-1")
        old = self.terminal("old", "vmes-1")
        self.assertEqual(self.stage.gateway.kill(), -9)
        self.assertEqual(self.stage.relay.kill(), -9)
        self.stage.start_relay()
        self.stage.start_gateway()
        self.stage.wait_open()
        late = self.terminal("late", "vmes-1", waiting)
        self.stage.drop(st.small_message(1))
        self.equal(self.started(old), self.started(late))

    def test_who_is_not_admitted_gets_nothing(self):
        invented = self.terminal("invented", "vmes-1", "00112233445566778899aabbccddeeff", check=False)
        self.assertEqual(invented.enrolled.returncode, 1)
        # The relay knows the handle; the id behind it is another.
        listed = self.admit("vmes-1")
        guessed = self.terminal("guessed", "vmes-1", listed[:16] + "0" * 16, check=False)
        self.assertEqual(guessed.enrolled.returncode, 1)
        self.assertIn("no administrator admitted this device", guessed.enrolled.stderr)
        self.assertEqual(self.refused(), 1)
        other_suite = self.terminal("other-suite", "none", listed, check=False)
        self.assertEqual(other_suite.enrolled.returncode, 1)
        self.assertEqual(self.refused(), 2)
        for words in (("--suite", "noise-1"), ("--suite", "rot13"), ("--suite", "none", "--days", "0"),
                      ("--suite", "none", "--days", "367"), ("--suite", "none", "--days", "2x")):
            self.assertEqual(self.stage.ctl("device", "add", USER, *words, check=False).returncode, 1, words)
        self.assertEqual(self.stage.ctl("device", "add", "bob@example.com", "--suite", "none", check=False).returncode, 1)

    def lowered(self, device, suite):
        """The device as if somebody had made it name that suite in its WakeUp."""
        with sqlite3.connect(os.path.join(device.state, "device.db")) as index:
            index.execute("INSERT OR REPLACE INTO notes(key, value) VALUES('suite', ?)", (suite.encode(),))
        index.close()

    def test_an_enrolled_device_is_not_lowered(self):
        phone, old = self.stage.pair_device(name="phone"), self.terminal("old", "vmes-1")
        self.stage.drop(st.small_message(1))
        for count, (device, suite) in enumerate(((phone, "vmes-1"), (phone, "none"), (old, "none"), (old, "noise-1")), 1):
            self.lowered(device, suite)
            self.started(device).until("stopped")
            device.process.end()
            self.assertEqual(self.refused(), count, (device.name, suite))
            self.assertEqual(device.files(), {})
        alarms = [r["text"] for r in self.stage.ctl_rows("status") if "text" in r]
        self.assertEqual(sum("asked for another suite" in text for text in alarms), 4)
        self.lowered(phone, "noise-1")
        self.equal(self.started(phone))

    def test_revoked_or_taken_back_ends_it(self):
        old, older = self.started(self.terminal("old", "vmes-1")), self.started(self.terminal("older", "none"))
        self.stage.drop(st.small_message(1))
        self.equal(old, older)
        rows = self.stage.ctl_rows("device", "list", USER)
        self.stage.ctl("device", "revoke", USER, next(r["device"] for r in rows if r["suite"].startswith("vmes-1")))
        old.until("stopped")
        self.assertEqual([r["suite"] for r in self.stage.ctl_rows("status") if "readable" in r], ["none"])
        # The setting off: those that were admitted are shut out, and no new ones are.
        self.stage.gateway.end()
        self.stage.write_gateway_ini({"plugin": "mock", "root": self.stage.mock_root()})
        self.stage.start_gateway()
        older.until("stopped")
        before = older.files()
        self.stage.drop(st.small_message(2))
        self.equal(self.started(self.stage.pair_device(name="phone")))
        self.assertEqual(older.files(), before)
        done = self.stage.ctl("device", "add", USER, "--suite", "vmes-1", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("suite_vmes_1 = yes", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
