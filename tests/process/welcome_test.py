# SPDX-License-Identifier: Apache-2.0
"""pairing = mail: a user who was just added finds the welcome mail in his inbox, however slow the store's first answer,
and the code in it pairs a device."""
import os
import re
import unittest

import stage as st

USER = "alice@example.com"


class Welcome(unittest.TestCase):
    def test_the_welcome_mail_waits_for_a_slow_inbox(self):
        stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        script = stage.write("script", "at 0s slow open 2s x1\n")
        stage.write_gateway_ini({"plugin": "mock", "root": stage.mock_root(), "script": script}, gateway={"pairing": "mail"})
        stage.start_gateway()
        stage.register()
        added = stage.ctl_rows("user", "add", USER)[0]
        self.assertIn("welcome mail", added["note"])
        self.assertNotIn("code", added, "the code goes to nobody but the user")
        inbox = os.path.join(stage.mock_root(), USER, "new")
        mails = os.listdir(inbox)
        self.assertEqual(len(mails), 1)
        with open(os.path.join(inbox, mails[0])) as mail:
            code = re.search(r"^ +code +(\S+)", mail.read(), re.M)[1]
        device = st.Device(stage, USER, "device")
        self.assertIn("paired with", device.pair(code, added["password"]).stdout)


if __name__ == "__main__":
    unittest.main()
