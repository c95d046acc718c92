# SPDX-License-Identifier: Apache-2.0
"""What is done to a device's Maildir reaches the store and the user's other device: once, through kill -9 of each part."""
import hashlib
import os
import random
import shutil
import unittest

import stage as st

USER = "alice@example.com"


def tree(root):
    """(folder, SHA-256) → [flag letters], of every message below a Maildir++ root."""
    found = {}
    for folder in [""] + [name for name in os.listdir(root) if name.startswith(".") and os.path.isdir(os.path.join(root, name, "cur"))]:
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(root, folder, sub)):
                try:
                    with open(os.path.join(root, folder, sub, name), "rb") as message:
                        digest = hashlib.sha256(message.read()).hexdigest()
                except FileNotFoundError:
                    continue
                letters = name.split(":2,")[1] if ":2," in name else ""
                found.setdefault((folder, digest), []).append("".join(sorted(letters)))
    return {key: sorted(letters) for key, letters in found.items()}


class Upward(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.open_relay()
        self.store = os.path.join(stage.mock_root(), USER)
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.store, ".Archive", sub))
        stage.serve_mock()
        stage.add_user()
        self.phone, self.tablet = stage.pair_device(name="phone"), stage.pair_device(name="tablet")
        for device in (self.phone, self.tablet):
            device.start()
            device.until("current")
        st.wait_for("the two notices of pairing", lambda: len(tree(self.store)) == 2)

    def settle(self, deadline=120):
        def same():
            there = tree(self.store)
            return all(tree(device.maildir) == there for device in (self.phone, self.tablet))
        try:
            st.wait_for("both devices and the store to be equal", same, deadline)
        except st.StageError:
            there = tree(self.store)
            lines = []
            for device in (self.phone, self.tablet):
                here = tree(device.maildir)
                lines.append(f"--- {device.name}: lacks {[(k, v) for k, v in there.items() if here.get(k) != v]}\n"
                             f"has too much {[(k, v) for k, v in here.items() if there.get(k) != v]}\n{device.process.tail()}")
            self.fail("\n".join(lines) + f"\n--- gateway\n{self.stage.gateway.tail(40)}")
        return tree(self.store)

    def files(self, device, folder=""):
        root = os.path.join(device.maildir, folder)
        return [os.path.join(root, sub, name) for sub in ("new", "cur") for name in sorted(os.listdir(os.path.join(root, sub)))]

    def create(self, device, octets, folder=""):
        """As a mail program does: tmp, then new."""
        root = os.path.join(device.maildir, folder)
        name = f"{random.getrandbits(60)}.here"
        with open(os.path.join(root, "tmp", name), "wb") as out:
            out.write(octets)
        os.rename(os.path.join(root, "tmp", name), os.path.join(root, "new", name))

    def flag(self, path, letters):
        folder = os.path.dirname(os.path.dirname(path))
        base = os.path.basename(path).split(":2,")[0]
        os.rename(path, os.path.join(folder, "cur", base + ":2," + letters))

    def test_flags_moves_removals_and_new_mail(self):
        for number in range(4):
            self.stage.drop(st.small_message(number))
        before = self.settle()
        flagged, moved, removed = self.files(self.phone)[:3]
        self.flag(flagged, "FS")
        os.rename(moved, os.path.join(self.phone.maildir, ".Archive", "cur", os.path.basename(moved) + ("" if ":2," in moved else ":2,")))
        os.remove(removed)
        made = st.small_message(77)
        self.create(self.phone, made, ".Archive")

        def arrived():
            there = tree(self.store)
            return (len(there) == len(before) and sum(folder == ".Archive" for folder, _ in there) == 2
                    and any("F" in letters[0] for letters in there.values()))
        st.wait_for("the changes in the store", arrived)
        there = self.settle()
        self.assertIn((".Archive", hashlib.sha256(made).hexdigest()), there)
        self.assertTrue(all(len(copies) == 1 for copies in there.values()), there)

    def folders(self, root):
        return sorted(name for name in os.listdir(root) if name.startswith(".") and os.path.isdir(os.path.join(root, name, "cur")))

    def same_folders(self, wanted):
        roots = (self.store, self.phone.maildir, self.tablet.maildir)
        st.wait_for(f"the folders {wanted} everywhere", lambda: all(self.folders(root) == wanted for root in roots))

    def test_what_a_device_made_is_not_sent_to_it_again(self):
        self.tablet.process.end()
        octets_up = lambda: self.stage.ctl_rows("queue")[0]["octets_up"]
        before, size = octets_up(), 300_000
        head = b"From: <bob@example.com>\r\nSubject: made here\r\nMessage-ID: <made.here@example.com>\r\n\r\n"
        octets = head + os.urandom(size // 2).hex().encode()
        self.create(self.phone, octets)
        st.wait_for("the mail in the store", lambda: len(tree(self.store)) == 3)
        self.stage.drop(st.small_message(1, size=400))  # comes behind it
        st.wait_for("the next mail on the phone", lambda: tree(self.phone.maildir) == tree(self.store))
        sent = octets_up() - before
        print(f"{size} octets made on a device: {sent} octets were sent to it", flush=True)
        self.assertLess(sent, size // 10)
        self.tablet.start()
        self.settle()

    def test_folders_made_renamed_and_removed(self):
        for number in range(3):
            self.stage.drop(st.small_message(number))
        before = self.settle()
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.phone.maildir, ".Plans.Next", sub))
        moved = self.files(self.phone)[0]
        os.rename(moved, os.path.join(self.phone.maildir, ".Plans.Next", "cur", "moved.here:2,S"))
        self.same_folders([".Archive", ".Plans", ".Plans.Next"])
        st.wait_for("the message in its folder", lambda: any(folder == ".Plans.Next" for folder, _ in tree(self.store)))
        there = self.settle()
        self.assertEqual(len(there), len(before))

        inodes = {name: os.stat(os.path.join(self.tablet.maildir, ".Plans.Next", "cur", name)).st_ino
                  for name in os.listdir(os.path.join(self.tablet.maildir, ".Plans.Next", "cur"))}
        self.stage.gateway.kill()  # the renaming waits, the gateway comes back
        os.rename(os.path.join(self.phone.maildir, ".Plans"), os.path.join(self.phone.maildir, ".Ideas"))
        self.stage.start_gateway()
        self.same_folders([".Archive", ".Ideas", ".Ideas.Next"])
        self.settle()
        here = os.path.join(self.tablet.maildir, ".Ideas.Next", "cur")
        self.assertEqual({name: os.stat(os.path.join(here, name)).st_ino for name in os.listdir(here)}, inodes,
                         "the other device has loaded again what only got another folder's name")

        os.remove(self.files(self.phone, ".Ideas.Next")[0])
        shutil.rmtree(os.path.join(self.phone.maildir, ".Ideas.Next"))
        shutil.rmtree(os.path.join(self.phone.maildir, ".Ideas"))
        self.same_folders([".Archive"])
        self.assertEqual(len(self.settle()), len(before) - 1)

    def test_removals_above_the_rate_are_asked_about(self):
        for number in range(12):
            self.stage.drop(st.small_message(number))
        before = self.settle()
        self.stage.gateway.end()
        with open(self.stage.path("tidegated.ini"), encoding="utf-8") as text:
            ini = text.read()
        self.stage.write("tidegated.ini", ini.replace("[gateway]\n", "[gateway]\nremovals_per_hour = 3\n", 1))
        self.stage.start_gateway()
        self.phone.until("current")
        for path in self.files(self.phone)[:8]:
            os.remove(path)
        hold = st.wait_for("the hold", lambda: [row for row in self.stage.ctl_rows("hold", "list") if row["count"] == 5])[0]
        self.assertEqual((hold["user"], hold["what"]), (USER, "removals by a device"))
        self.assertEqual(len(self.settle()), len(before) - 3)
        self.stage.ctl("hold", "release", str(hold["hold"]))
        st.wait_for("them to be gone", lambda: len(tree(self.store)) == len(before) - 8)
        self.settle()
        self.assertEqual(self.stage.ctl_rows("hold", "list"), [])

    def test_done_offline_goes_up_on_return(self):
        self.stage.drop(st.small_message(1))
        before = self.settle()
        self.stage.relay.end()
        self.flag(self.files(self.phone)[0], "S")
        self.create(self.phone, st.small_message(2))
        self.phone.process.kill()
        self.phone.start()
        self.stage.start_relay()
        st.wait_for("both changes in the store", lambda: sorted(sum(tree(self.store).values(), [])) ==
                    [""] * len(before) + ["S"])
        self.settle()

    def test_kills_during_changes_both_ways(self):
        dice = random.Random(int(os.environ.get("TIDEGATE_SEED", "1")))
        for number in range(30):
            self.stage.drop(st.small_message(number, dice.randrange(500, 20_000)))
        self.settle()
        for number in range(120):
            try:
                self.change(dice, number)
            except FileNotFoundError:
                pass  # the other side was quicker
            if number % 15 == 14:
                victim = ("gateway", "relay", "phone", "tablet")[number // 15 % 4]
                if victim in ("gateway", "relay"):
                    getattr(self.stage, victim).kill()
                    getattr(self.stage, "start_" + victim)()
                else:
                    device = getattr(self, victim)
                    device.process.kill()
                    device.start()
        there = self.settle(240)
        self.assertTrue(all(len(copies) == 1 for copies in there.values()), "twice: " + str(there))
        for number in self.made:
            self.assertTrue(any(digest == number for _, digest in there), "a message made on a device is missing")

    made: list = []

    def change(self, dice, number):
        what, device = dice.random(), dice.choice((self.phone, self.tablet))
        here = self.files(device)
        if what < 0.3:
            self.stage.drop(st.small_message(1000 + number, dice.randrange(500, 20_000)))
        elif what < 0.5 or not here:
            octets = st.small_message(2000 + number, dice.randrange(500, 20_000))
            self.made = self.made + [hashlib.sha256(octets).hexdigest()]
            self.create(device, octets)
        elif what < 0.75:
            self.flag(dice.choice(here), dice.choice(("S", "FS", "RS", "F")))
        elif what < 0.9:
            path = dice.choice(here)
            os.rename(path, os.path.join(device.maildir, ".Archive", "cur", os.path.basename(path)))
        else:
            path = dice.choice(here)
            with open(path, "rb") as message:
                digest = hashlib.sha256(message.read()).hexdigest()
            self.made = [each for each in self.made if each != digest]
            os.remove(path)


if __name__ == "__main__":
    unittest.main()
