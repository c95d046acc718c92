# SPDX-License-Identifier: Apache-2.0
"""A message that cannot be read is left out, known after a kill -9, shown, and delivered when it can be read."""
import os
import socket
import unittest

import stage as st

USER = "alice@example.com"


class Quarantine(unittest.TestCase):
    def order(self, line):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.control)
            control.sendall(line.encode() + b"\n")
            self.assertEqual(control.makefile().readline(), "ok\n")

    def deliver(self, name, octets):
        root = os.path.join(self.stage.mock_root(), USER)
        with open(os.path.join(root, "tmp", name), "wb") as out:
            out.write(octets)
        os.rename(os.path.join(root, "tmp", name), os.path.join(root, "new", name))

    def listed(self):
        return self.stage.ctl_rows("quarantine", "list")

    def test_the_rest_goes_on(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        self.control = stage.path("mock")
        stage.write_gateway_ini({"plugin": "mock", "root": stage.mock_root(), "control": self.control})
        stage.start_gateway()
        stage.register()
        stage.add_user()
        device = stage.pair_device()
        device.start()
        # Spoilt before anybody could read it.
        self.order(f"spoil {USER} INBOX bad.1")
        self.deliver("bad.1", st.small_message(1))
        row = st.wait_for("the quarantine", self.listed)[0]
        self.assertEqual((row["user"], row["backend"]), (USER, "store"))
        self.assertGreaterEqual(row["attempts"], 4)
        self.assertIn("unreadable", row["reason"])
        self.assertEqual([r["unreadable"] for r in stage.ctl_rows("status") if "unreadable" in r], [1])
        self.deliver("good.2", st.small_message(2))
        store = os.path.join(stage.mock_root(), USER)
        here = lambda: set(device.files())
        there = lambda: set(st.maildir_hashes(store))
        st.wait_for("the next message", lambda: len(there() - here()) == 1)

        stage.gateway.kill()  # and the mock forgets that the item was spoilt
        stage.start_gateway()
        stage.wait_open()
        self.assertEqual(self.listed()[0]["id"], row["id"])
        self.deliver("good.3", st.small_message(3))
        st.wait_for("a message after the restart", lambda: len(here()) == len(there()) - 1)
        self.assertEqual(stage.ctl("quarantine", "retry", "nonsense", check=False).returncode, 1)
        stage.ctl("quarantine", "retry", row["id"])
        st.wait_for("the message", lambda: here() == there())
        self.assertEqual(self.listed(), [])


if __name__ == "__main__":
    unittest.main()
