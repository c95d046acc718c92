# SPDX-License-Identifier: Apache-2.0
"""What a device wants of the mailbox, by real processes on the mock store: folders and days, changed while it runs and
while it does not; what is not wanted any more goes from the device and stays in the store. Attachments on demand, fetched
across a kill -9."""
import hashlib
import json
import os
import time
import unittest

import stage as st

USER = "alice@example.com"
DAY = 86400


class Policy(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        self.store = os.path.join(stage.mock_root(), USER)
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.store, ".Archive", sub))

    def deliver(self, number, days_old=0, folder="", octets=None):
        """A message that was received so many days ago; its SHA-256."""
        octets = octets or st.small_message(number)
        root = os.path.join(self.store, folder)
        name = f"{time.time_ns()}.{number}.stage"
        with open(os.path.join(root, "tmp", name), "wb") as out:
            out.write(octets)
        received = time.time() - days_old * DAY
        os.utime(os.path.join(root, "tmp", name), (received, received))
        os.rename(os.path.join(root, "tmp", name), os.path.join(root, "new", name))
        return hashlib.sha256(octets).hexdigest()

    def policy(self, *words):
        done = self.stage.run_tool("tidegate-device", "policy", "--state", self.device.state, "--json", *words)
        return json.loads(done.stdout)

    def here(self, *digests):
        """Waits until the device has these and of the others none (the notice of pairing apart)."""
        def same():
            files = self.device.files()
            return all(count == 1 for count in files.values()) and {d for d in files if d in self.known} == set(digests)
        try:
            st.wait_for("the device to have what it wants", same)
        except st.StageError:
            files = self.device.files()
            self.fail(f"lacks {[self.known[d] for d in digests if d not in files]}, has too much "
                      f"{[self.known[d] for d in files if d in self.known and d not in digests]}\n"
                      f"{self.device.process.tail()}\n{self.stage.gateway.tail()}")

    def test_folders_and_days(self):
        new, week, old = self.deliver(1), self.deliver(2, 7), self.deliver(3, 40)
        kept = self.deliver(4, 3, ".Archive")
        self.known = {new: "new", week: "a week old", old: "old", kept: "archived"}
        self.stage.serve_mock()
        self.stage.add_user()
        self.device = self.stage.pair_device()
        refused = self.stage.run_tool("tidegate-device", "policy", "--state", self.device.state, "--only", "INBOX", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("connect once", refused.stderr)
        self.policy("--days", "10")
        self.device.start()
        self.here(new, week, kept)
        self.policy("--only", "INBOX", "--days", "2")  # beside the running device
        self.here(new)
        self.policy("--days", "all")
        self.here(new, week, old)
        self.known[more := self.deliver(5, 0, ".Archive")] = "new in the archive"
        self.known[last := self.deliver(6)] = "the last one"
        self.here(new, week, old, last)  # that came after the other one, which was not sent
        self.device.process.kill()
        shown = self.policy("--with", "Archive", "--days", "1", "--folder", "Archive")
        self.assertEqual({f["path"]: (f["wanted"], f["days_back"]) for f in shown["folders"]},
                         {"INBOX": (True, 0), "Archive": (True, 1)})
        self.device.start()
        self.here(new, week, old, last, more)
        moved = [name for name in os.listdir(os.path.join(self.store, "new")) if ".1.stage" in name or ".6.stage" in name]
        for name in moved:  # one day back is wanted there, and these are of today
            os.rename(os.path.join(self.store, "new", name), os.path.join(self.store, ".Archive", "cur", name + ":2,S"))
        week_old = [name for name in os.listdir(os.path.join(self.store, "new")) if ".2.stage" in name][0]
        os.rename(os.path.join(self.store, "new", week_old), os.path.join(self.store, ".Archive", "cur", week_old + ":2,"))
        self.here(new, old, last, more)
        os.rename(os.path.join(self.store, ".Archive", "cur", week_old + ":2,"), os.path.join(self.store, "cur", week_old + ":2,"))
        self.here(new, week, old, last, more)
        there = st.maildir_hashes(self.store)
        self.assertTrue(all(there.get(digest) == 1 for digest in self.known), "nothing of it was removed from the store")


    def large(self, number, size):
        """A message with an attachment of about that size, unlike any other's."""
        lines = (hashlib.sha256(b"%d %d" % (number, n)).hexdigest().encode() + b"\r\n" for n in range(size // 66))
        return (b"From: <bob@example.com>\r\nTo: <alice@example.com>\r\nSubject: large %d\r\nMessage-ID: <large%d@stage.example>\r\n"
                b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\n"
                b"the text comes along\r\n\r\n--=_b\r\nContent-Type: application/octet-stream; name=\"film.bin\"\r\n\r\n" % (number, number)
                + b"".join(lines) + b"--=_b--\r\n")

    def arrival(self, subject):
        while True:
            item, _ = self.device.until("item")
            if item["subject"] == subject:
                return item

    def fetches(self):
        return json.loads(self.stage.run_tool("tidegate-device", "fetch", "--list", "--json", "--state", self.device.state).stdout)

    def test_attachments_on_demand(self):
        self.stage.serve_mock()
        self.stage.add_user()
        self.device = device = self.stage.pair_device()
        self.policy("--on-demand", "yes")
        device.start()
        device.until("current")
        whole = self.large(1, 48_000_000)
        self.deliver(1, octets=whole)
        stub = self.arrival("large 1")
        with open(stub["path"], "rb") as file:
            text = file.read()
        self.assertTrue(text.startswith(whole[:whole.index(b"\r\n\r\n") + 4]), "the header block is its own")
        self.assertIn(b"the text comes along", text)
        self.assertIn(b"  film.bin, application/octet-stream", text)
        self.assertLess(len(text), 2000)
        # A mail program reads it, and copies it: the one goes up, the other never does.
        seen = stub["path"].replace("/new/", "/cur/") + ":2,S"
        os.rename(stub["path"], seen)
        st.wait_for("the flag in the store", lambda: any(n.endswith(":2,S") for n in os.listdir(os.path.join(self.store, "cur"))))
        with open(os.path.join(device.maildir, ".Archive", "cur", "copy:2,"), "wb") as copy:
            copy.write(text)
        alarm, _ = device.until("alarm")
        self.assertIn("tidegate-device fetch " + stub["gid"], alarm["text"])
        before = st.maildir_hashes(self.store)
        # Fetched by the copy's name, killed in the middle, and gone on with.
        copies = os.listdir(os.path.join(device.maildir, ".Archive", "cur"))
        self.assertEqual(len(copies), 1)
        self.stage.run_tool("tidegate-device", "fetch", os.path.join(device.maildir, ".Archive", "cur", copies[0]), "--state", device.state)
        tmp = os.path.join(device.maildir, "tmp")
        st.wait_for("some of it", lambda: any(os.path.getsize(os.path.join(tmp, n)) > 1_500_000 for n in os.listdir(tmp)
                                              if n.startswith("tidegate-fetch-")))
        device.process.kill()
        have = self.fetches()
        self.assertEqual(len(have), 1, "it was not cut short")
        self.assertGreater(have[0]["have"], 1_000_000)
        self.stage.gateway.kill()
        self.stage.start_gateway()
        device.start()
        after = st.wait_for("the next range", lambda: [row["have"] for row in self.fetches()] != [have[0]["have"]] and (self.fetches() or [{}]))
        self.assertGreaterEqual(after[0].get("have", 1 << 40), have[0]["have"], "what came was kept")
        item = self.arrival("large 1")
        self.assertEqual(item["sha256"], hashlib.sha256(whole).hexdigest())
        self.assertTrue(item["path"].endswith(":2,S"), "its flags are kept")
        with open(item["path"], "rb") as file:
            self.assertEqual(file.read(), whole)
        st.wait_for("the stub to go", lambda: not os.path.exists(seen))
        self.assertEqual(self.fetches(), [])
        self.assertEqual(st.maildir_hashes(self.store), before, "the store has what it had")


if __name__ == "__main__":
    unittest.main()
