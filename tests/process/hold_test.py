# SPDX-License-Identifier: Apache-2.0
"""A store that is suddenly empty does not empty the devices: somebody is asked, also after a kill -9."""
import os
import shutil
import unittest

import stage as st

USER = "alice@example.com"
MESSAGES = 30


class Hold(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        stage.serve_mock()
        stage.add_user()
        self.device = stage.pair_device()
        self.device.start()
        for number in range(MESSAGES):
            stage.drop(st.small_message(number))
        self.store = os.path.join(stage.mock_root(), USER)
        st.wait_for("device and store to be equal", self.same)
        # An empty disk where the mail was.
        shutil.move(os.path.join(self.store, "new"), stage.path("elsewhere"))
        os.mkdir(os.path.join(self.store, "new"))
        self.hold = st.wait_for("the hold", lambda: stage.ctl_rows("hold", "list"))[0]
        stage.gateway.kill()
        stage.start_gateway()
        stage.wait_open()

    def same(self):
        there = st.maildir_hashes(self.store)
        return len(there) == MESSAGES + 1 and self.device.files() == there

    def test_released_it_goes(self):
        self.assertEqual(len(self.device.files()), MESSAGES + 1)
        self.assertEqual((self.hold["count"], self.hold["what"]), (MESSAGES + 1, "items of INBOX"))
        self.assertTrue(any("disappeared" in row.get("text", "") for row in self.stage.ctl_rows("status")))
        self.assertNotEqual(self.stage.ctl("hold", "release", "x", check=False).returncode, 0)
        self.stage.ctl("hold", "release", str(self.hold["hold"]))
        st.wait_for("an empty device", lambda: not self.device.files())
        self.assertEqual(self.stage.ctl_rows("hold", "list"), [])

    def test_mended_it_was_never_away(self):
        shutil.rmtree(os.path.join(self.store, "new"))
        shutil.move(self.stage.path("elsewhere"), os.path.join(self.store, "new"))
        st.wait_for("the hold to end", lambda: not self.stage.ctl_rows("hold", "list"))
        self.stage.drop(st.small_message(77))  # and it goes on
        st.wait_for("the next message", lambda: len(self.device.files()) == MESSAGES + 2)
        self.assertEqual(self.device.files(), st.maildir_hashes(self.store))


if __name__ == "__main__":
    unittest.main()
