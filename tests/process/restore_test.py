# SPDX-License-Identifier: Apache-2.0
"""A gateway's machine is lost: what only the relay's sealed backup and the recovery key on paper are left of comes up
elsewhere. Devices compare and fetch nothing that they have; new mail arrives; the old machine is shut out; an older
copy is taken only by hand."""
import os
import shutil
import signal
import unittest

import stage as st

USER = "alice@example.com"
MAILS = int(os.environ.get("TIDEGATE_RESTORE_MAILS", "10000"))


class Restore(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay(argon2_memory="1 MiB", argon2_passes=1)
        stage.serve_mock(gateway=self.settings())
        stage.add_user()
        self.key = stage.ctl_rows("recovery-key")[0]["key"]
        stage.ctl("recovery-key", "--confirm")

    def settings(self):
        # Backups only when the test says so; contents are read one by one, so that each reading can be counted.
        return {"backup_soon": "24h", "inline_up_to": "0"}

    def write_ini(self, **store):
        self.stage.write_gateway_ini({"plugin": "mock", "root": self.stage.mock_root(), **store}, gateway=self.settings())

    def device(self, name="device"):
        device = self.stage.pair_device(name=name)
        device.start()
        self.addCleanup(device.process.end)
        return device

    def fill(self, count, begin=0):
        for number in range(begin, begin + count):
            self.stage.drop(st.small_message(number, size=400))

    def store(self):
        return st.maildir_hashes(os.path.join(self.stage.mock_root(), USER))

    def equal(self, device):
        st.wait_for("device and store to be equal", lambda: device.files() == self.store(), deadline=4 * st.DEADLINE)

    def octets_up(self):
        """All that this gateway process has sent to the relay: contents for devices, above all."""
        return self.stage.ctl_rows("queue")[0]["octets_up"]

    def back_up(self):
        return self.stage.ctl_rows("backup")[0]["version"]

    def lose_gateway(self):
        """The machine is gone; a copy of its disk is kept where no gateway finds it."""
        self.stage.gateway.kill()
        old = self.stage.path("old-machine")
        shutil.rmtree(old, ignore_errors=True)
        os.rename(self.stage.path("gateway"), old)
        return old

    def restore(self, *words, key=None, check=True):
        key_file = self.stage.write("recovery.key.txt", (key or self.key).lower() + "\n")
        return self.stage.run_tool("tidegated", "restore", "--config", self.stage.gateway_ini, "--recovery-key", key_file,
                                   *words, check=check)

    def refused(self, done, *words):
        said = done.stdout + done.stderr
        self.assertNotEqual(done.returncode, 0, said)
        for word in words:
            self.assertIn(word, said)
        self.assertFalse(os.path.exists(self.stage.path("gateway", "state.db")), said)

    def start_again(self):
        self.stage.start_gateway()
        self.stage.wait_open()
        st.wait_for("the user to be served", lambda: self.stage.ctl_rows("user", "list")[0]["proven"] != "never")

    def test_a_lost_gateway_comes_up_elsewhere_and_nothing_is_fetched_again(self):
        self.fill(MAILS)
        device = self.device()
        self.equal(device)
        device.until("idle", deadline=4 * st.DEADLINE)
        with_contents = self.octets_up()
        self.assertGreater(with_contents, 100 * MAILS)
        version = self.back_up()
        self.assertIn(f"{version} at the relay", self.stage.ctl_rows("status")[0]["backup"])
        old = self.lose_gateway()
        while not device.events.empty():
            device.events.get()

        said = self.restore().stdout
        self.assertIn(f"Backup {version} ", said)
        self.assertIn(f"1 users, 1 devices, {len(device.files())} items", said)
        # No content can be read from the store now: whoever wants one waits for ever.
        self.write_ini(script=self.stage.write("no-reads", "at 0s fault read unavailable x1000000\n"))
        self.start_again()
        came = [event for name in ("current", "idle") for event in device.until(name, deadline=2 * st.DEADLINE)[1]]
        self.assertEqual([event for event in came if event["event"] == "item"], [], "the device got items again")
        self.assertEqual(device.files(), self.store())
        self.few(self.octets_up(), with_contents)
        status = self.stage.ctl("status").stdout
        self.assertNotIn("older", status)
        self.assertNotIn("copy", status)
        # Life goes on.
        self.stage.gateway.end()
        self.write_ini()
        self.start_again()
        self.fill(1, begin=MAILS)
        device.until("item")
        self.equal(device)
        self.assertGreater(self.back_up(), version)
        self.fenced(old)

    def fenced(self, old):
        """The old machine is found in a drawer and switched on."""
        with open(self.stage.gateway_ini) as ini:
            text = ini.read()
        text = text.replace(self.stage.path("gateway") + "\n", old + "\n").replace(self.stage.control, self.stage.path("old.sock"))
        second = self.stage.start("old-machine", "tidegated", "--config", self.stage.write("old.ini", text))
        try:
            st.wait_for("the old machine to be told", lambda: "Another gateway uses this identity" in second.tail(60))
        finally:
            second.end()
        self.assertEqual(self.stage.ctl_rows("status")[0]["link"], "open")

    def few(self, again, with_contents):
        """Octets after a restore: what a compare takes, and no contents."""
        print(f"{MAILS} items: {with_contents} octets with contents, {again} after the restore", flush=True)
        self.assertLess(again, 20_000 + with_contents // 5)

    def test_an_older_copy_is_refused_and_taken_by_hand(self):
        self.fill(MAILS // 2)
        device = self.device()
        self.equal(device)
        older = self.back_up()
        copy = self.stage.path("older.sealed")
        shutil.copy(self.sealed_at_relay(), copy)
        self.fill(MAILS - MAILS // 2, begin=MAILS // 2)
        self.equal(device)
        device.until("idle", deadline=4 * st.DEADLINE)
        with_contents = self.octets_up()
        newer = self.back_up()
        self.assertGreater(newer, older)
        self.lose_gateway()
        self.refused(self.restore("--file", copy, check=False), f"backup {older}", f"backup {newer}", "--accept-older")
        said = self.restore("--file", copy, "--accept-older").stdout
        self.assertIn("older than backup", said)
        while not device.events.empty():
            device.events.get()
        # What the copy does not know is listed again, and is on the device already: nothing is dropped or read again.
        self.write_ini(script=self.stage.write("no-reads", "at 0s fault read unavailable x1000000\n"))
        self.start_again()
        came = device.until("idle", deadline=4 * st.DEADLINE)[1]
        self.assertEqual([event for event in came if event["event"] == "item"], [], "the device got items again")
        self.assertEqual(device.files(), self.store())
        self.few(self.octets_up(), with_contents)
        self.assertGreater(self.back_up(), newer)

    def test_a_device_tells_of_a_newer_backup_than_the_relay_showed(self):
        """A relay that was set back itself, or lies: its older backup looks like the newest."""
        device = self.device()
        device.until("idle")
        self.back_up()
        self.stage.relay.end()
        shutil.copytree(self.stage.path("relay"), self.stage.path("relay-before"), ignore=shutil.ignore_patterns("control"))
        self.stage.start_relay()
        self.stage.ctl("resume")
        self.stage.wait_open()
        newer = self.back_up()
        # It is told with the next session.
        device.process.end()
        device.start()
        device.until("idle")
        device.process.end()
        self.lose_gateway()
        self.stage.relay.end()
        shutil.rmtree(self.stage.path("relay"))
        os.rename(self.stage.path("relay-before"), self.stage.path("relay"))
        self.stage.start_relay()
        self.restore()
        self.start_again()
        device.start()
        st.wait_for("the alarm", lambda: f"knows backup {newer}" in self.stage.ctl("status").stdout)
        self.assertGreater(self.back_up(), newer)

    def sealed_at_relay(self):
        folder = self.stage.path("relay", "backups")
        names = [name for name in os.listdir(folder) if not name.endswith(".part")]
        self.assertEqual(len(names), 1, names)
        return os.path.join(folder, names[0])

    def test_what_is_wrong_is_refused_with_a_sentence(self):
        self.back_up()
        sealed = self.sealed_at_relay()
        # A state that is there is never touched.
        said = self.restore(check=False)
        self.assertNotEqual(said.returncode, 0)
        self.lose_gateway()
        letters = list(self.key)
        letters[3] = "7" if letters[3] != "7" else "8"
        self.refused(self.restore(key="".join(letters), check=False), "mistyped")
        self.refused(self.restore(key=self.key[:20], check=False), "letters and digits")
        other = "0000-" * 13 + "00"
        self.refused(self.restore(key=other, check=False), "no backup for this recovery key")
        with open(sealed, "rb") as whole:
            octets = whole.read()
        for name, wrong, word in (("altered", octets[:-30] + bytes([octets[-30] ^ 1]) + octets[-29:], "altered"),
                                  ("cut", octets[:len(octets) // 2], "not whole"),
                                  ("longer", octets + b"x", "appended"),
                                  ("other", b"something else", "not a sealed backup")):
            path = self.stage.path(name)
            with open(path, "wb") as out:
                out.write(wrong)
            self.refused(self.restore("--file", path, check=False), word)
        self.stage.relay.end()
        self.refused(self.restore("--file", sealed, check=False), "--accept-older")
        self.restore("--file", sealed, "--accept-older")
        self.assertTrue(os.path.exists(self.stage.path("gateway", "state.db")))

    def test_a_restore_that_is_killed_leaves_no_half_state(self):
        self.fill(200)
        device = self.device()
        self.equal(device)
        self.back_up()
        self.lose_gateway()
        key_file = self.stage.write("recovery.key.txt", self.key)
        process = self.stage.start("restore", "tidegated", "restore", "--config", self.stage.gateway_ini, "--recovery-key", key_file)
        st.wait_for("the restore to begin", lambda: os.path.exists(self.stage.path("gateway", "restore.sealed"))
                    or not process.alive())
        process.end(signal.SIGKILL)
        if not os.path.exists(self.stage.path("gateway", "state.db")):
            self.restore()
        self.start_again()
        device.until("current", deadline=2 * st.DEADLINE)
        self.assertEqual(device.files(), self.store())


if __name__ == "__main__":
    unittest.main()
