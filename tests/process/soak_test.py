# SPDX-License-Identifier: Apache-2.0
"""Changes on both sides of a real Dovecot while gateway, relay, device and Dovecot are killed (kill -9) and the disks of
gateway and device get full: at the end both sides are equal by folder, content and flags; nothing is there twice, nothing that
nobody removed is missing. Short here; scripts/soak.sh runs it at length.
TIDEGATE_SOAK_CHANGES, TIDEGATE_SOAK_KILLS, TIDEGATE_SEED say how long and in which order; TIDEGATE_EVIDENCE names a folder for
the databases, logs and mail of a run that failed."""
import errno
import hashlib
import imaplib
import itertools
import json
import os
import random
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import time
import unittest

import stage as st

INSIDE = "TIDEGATE_MOUNTS_ARE_MINE"
USER = "alice@example.com"
FOLDERS = ("INBOX", "Archive")
LETTERS = {"\\seen": "S", "\\answered": "R", "\\flagged": "F", "\\draft": "D", "\\deleted": "T"}
FLAGS = ("\\Seen", "\\Flagged", "\\Answered")
DISK = 64 << 20
BROKEN = (imaplib.IMAP4.error, imaplib.IMAP4.abort, OSError, smtplib.SMTPException)


def digest_of(octets):
    return hashlib.sha256(octets).hexdigest()


def name_of(octets):
    """Its Message-ID: LMTP puts lines in front, so a mail delivered is not octet for octet what was handed over."""
    found = re.search(rb"^Message-ID: (<[^>]+>)", octets, re.MULTILINE)
    return found[1].decode() if found else f"{len(octets)} octets without a Message-ID: {octets[:60]}"


class Server:
    """Another mail program at the server. Dovecot may die at any moment; each verb ends when it is known to have taken effect."""

    def __init__(self, stage):
        self.stage, self.imap = stage, None

    def connection(self):
        if self.imap is None:
            context = ssl.create_default_context(cafile=self.stage.dovecot_folder + "/ca.pem")
            self.imap = imaplib.IMAP4_SSL("localhost", int(self.stage.dovecot["imaps"]), ssl_context=context)
            self.imap.login(USER, "pw-" + USER)
        return self.imap

    def leave(self):
        """Before Dovecot is killed: what breaks then is the gateway's business, not this client's."""
        if self.imap is not None:
            self.imap.shutdown()
            self.imap = None

    def deliver(self, octets):
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail("bob@example.org", [USER], octets)

    def find(self, message_id):
        """(folder, UID), the folder being selected; None: nowhere."""
        imap = self.connection()
        for folder in FOLDERS:
            imap.select(folder)
            uids = imap.uid("search", "HEADER", "Message-ID", message_id)[1][0].split()
            if uids:
                return folder, uids[0]
        return None

    def flag(self, message_id, flags):
        if self.find(message_id):
            imap = self.imap
            imap.uid("store", imap.uid("search", "HEADER", "Message-ID", message_id)[1][0].split()[0], "FLAGS", f"({' '.join(flags)})")

    def move(self, message_id):
        found = self.find(message_id)
        if found:
            self.imap.uid("move", found[1], FOLDERS[1 - FOLDERS.index(found[0])])

    def remove(self, message_id):
        """Whether it was there. The gateway may move it meanwhile, from under this client or past it."""
        there, missed = False, 0
        while missed < 2:
            found = self.find(message_id)
            missed = 0 if found else missed + 1
            if found:
                there = True
                self.imap.uid("store", found[1], "+FLAGS", "(\\Deleted)")
                self.imap.uid("expunge", found[1])
        return there

    def tree(self):
        """(folder, Message-ID, SHA-256) → [flag letters], as a client gets it."""
        found, imap = {}, self.connection()
        for folder in FOLDERS:
            count = int(imap.select(folder, readonly=True)[1][0])
            for part in imap.fetch("1:*", "(FLAGS BODY.PEEK[])")[1] if count else []:
                if isinstance(part, tuple):
                    names = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().lower().split()
                    letters = "".join(sorted(LETTERS[name] for name in names if name in LETTERS))
                    found.setdefault((folder, name_of(part[1]), digest_of(part[1])), []).append(letters)
            imap.unselect()
        return {key: sorted(value) for key, value in found.items()}


class Maildir:
    """A mail program at the device."""

    def __init__(self, root):
        self.root = root

    def folder(self, name):
        return self.root if name == "INBOX" else os.path.join(self.root, "." + name)

    def paths(self):
        return [os.path.join(self.folder(folder), sub, name) for folder in FOLDERS for sub in ("new", "cur")
                for name in sorted(os.listdir(os.path.join(self.folder(folder), sub)))]

    def read(self, path):
        with open(path, "rb") as message:
            return message.read()

    def create(self, octets, folder):
        name = f"{random.getrandbits(60)}.here"
        draft = os.path.join(self.folder(folder), "tmp", name)
        try:
            with open(draft, "wb") as out:
                out.write(octets)
        except OSError:  # a full disk
            os.remove(draft)
            raise
        os.rename(draft, os.path.join(self.folder(folder), "new", name))

    def flag(self, path, letters):
        base = os.path.basename(path).split(":2,")[0]
        os.rename(path, os.path.join(os.path.dirname(os.path.dirname(path)), "cur", base + ":2," + letters))

    def move(self, path):
        inside = os.path.dirname(os.path.dirname(path)) == self.root
        name = os.path.basename(path)
        os.rename(path, os.path.join(self.folder(FOLDERS[1] if inside else FOLDERS[0]), "cur", name if ":2," in name else name + ":2,"))

    def tree(self):
        found = {}
        for path in self.paths():
            try:
                octets = self.read(path)
            except FileNotFoundError:
                continue
            name = os.path.basename(path)
            folder = "INBOX" if os.path.dirname(os.path.dirname(path)) == self.root else "Archive"
            letters = "".join(sorted(name.split(":2,")[1])) if ":2," in name else ""
            found.setdefault((folder, name_of(octets), digest_of(octets)), []).append(letters)
        return {key: sorted(value) for key, value in found.items()}


class Disk:
    """A small file system of its own, which can be made full."""

    def __init__(self, path):
        os.makedirs(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tidegate-soak", path], check=True)
        self.ballast = os.path.join(path, "ballast")

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as out:
            size = 1 << 20
            while size:
                try:
                    out.write(bytes(size))
                except OSError:
                    size //= 2

    def free(self):
        os.remove(self.ballast)


class Soak(unittest.TestCase):
    changes = int(os.environ.get("TIDEGATE_SOAK_CHANGES", "160"))
    kills = int(os.environ.get("TIDEGATE_SOAK_KILLS", "8"))
    seed = int(os.environ.get("TIDEGATE_SEED", "1"))
    patience = 180 + changes / 20
    evidence = os.environ.get("TIDEGATE_EVIDENCE")  # a folder for both databases and the logs, if it fails

    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        self.addCleanup(lambda: self.server.leave())
        self.gateway_disk, self.device_disk = Disk(stage.path("gateway")), Disk(stage.path("device"))
        backend = stage.start_dovecot(USER)
        self.server = Server(stage)
        self.server.connection().create("Archive")
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        stage.write_gateway_ini(backend, gateway={"poll_folders": "1s"})
        self.device = stage.first_device()
        self.maildir = Maildir(self.device.maildir)
        self.dice = random.Random(self.seed)
        self.number, self.removals, self.killed = 0, [], {}  # of the change under way; (number, Message-ID); number → who
        self.made, self.here, self.moved, self.removed, self.touched, self.gone = [], set(), set(), set(), set(), set()  # Message-IDs
        st.wait_for("the folders on the device", lambda: all(os.path.isdir(os.path.join(self.maildir.folder(name), part))
                                                              for name in FOLDERS for part in ("new", "cur", "tmp")))

    # --- one change
    def fresh(self):
        number = len(self.made)
        octets = st.small_message(number, self.dice.randrange(500, 20_000))
        self.made.append(name_of(octets))
        return octets

    def at_the_server(self, what):
        if what < 0.4 or not self.made:
            return self.server.deliver(self.fresh())
        name = self.dice.choice(self.made)
        self.touched.add(name)
        if what < 0.7:
            self.server.flag(name, [flag for flag in FLAGS if self.dice.random() < 0.5])
        elif what < 0.85:
            self.server.move(name)
        elif self.server.remove(name):
            self.gone.add(name)

    def at_the_device(self, what):
        paths = self.maildir.paths()
        if what < 0.3 or not paths:
            octets = self.fresh()
            self.here.add(self.made[-1])
            return self.maildir.create(octets, self.dice.choice(FOLDERS))
        path = self.dice.choice(paths)
        try:
            if what < 0.65:
                self.maildir.flag(path, "".join(letter for letter in "FRS" if self.dice.random() < 0.5))
            elif what < 0.85:
                name = name_of(self.maildir.read(path))
                self.maildir.move(path)
                self.moved.add(name)
            else:
                name = name_of(self.maildir.read(path))
                os.remove(path)
                self.removed.add(name)
                self.removals.append((self.number, name))
        except FileNotFoundError:
            pass  # the device was quicker

    def change(self):
        (self.at_the_server if self.dice.random() < 0.5 else self.at_the_device)(self.dice.random())

    # --- what goes wrong
    def kill(self, victim):
        stage = self.stage
        if victim == "dovecot":
            self.server.leave()
            stage.kill_dovecot()
        elif victim == "device":
            self.device.process.kill()
            self.device.start()
        else:
            getattr(stage, victim).kill()
            getattr(stage, "start_" + victim)()

    def with_full_disk(self, disk, changes):
        """What happens meanwhile waits; nothing is given up."""
        disk.fill()
        for _ in range(changes):
            made = len(self.made)
            try:
                self.change()
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                del self.made[made:]  # the mail program could not write it, either
        if disk is self.device_disk:
            self.server.deliver(self.fresh())
            self.device.until("disk", 60)
        disk.free()

    # --- the end
    def differences(self):
        there, here = self.server.tree(), self.maildir.tree()
        return {key: (there.get(key), here.get(key)) for key in set(there) | set(here) if there.get(key) != here.get(key)}

    def say_it_was_meant(self):
        """More files may have disappeared between two looks of a busy device than it removes without asking."""
        def hold(*words):
            return self.stage.run_tool("tidegate-device", "hold", *words, "--state", self.device.state, check=False).stdout
        for row in json.loads(hold("list", "--json") or "[]"):
            if not row["released"]:
                hold("release", str(row["id"]))

    def settle(self):
        looks = itertools.count()

        def same():
            try:
                if not self.differences():
                    return True
            except FileNotFoundError:
                return False
            if next(looks) % 50 == 0:
                self.say_it_was_meant()
            return False
        try:
            st.wait_for("device and Dovecot to be equal", same, self.patience)
        except st.StageError:
            rows = "\n".join(f"{folder} {name} at the server {there}, on the device {here}"
                             for (folder, name, _), (there, here) in sorted(self.differences().items())[:20])
            self.keep_evidence()
            queue = self.stage.run_tool("tidegate-device", "queue", "--state", self.device.state, check=False).stdout
            self.fail(f"seed {self.seed}\n{rows}\n--- queue\n{queue}\n--- device\n{self.device.process.tail()}\n--- gateway\n"
                      f"{self.stage.gateway.tail(30)}\n--- relay\n{self.stage.relay.tail()}")

    def keep_evidence(self):
        if self.evidence:
            for name in ("gateway/state.db", "gateway/state.db-wal", "device/device.db", "device/device.db-wal", "gateway.log", "device.log"):
                if os.path.exists(self.stage.path(name)):
                    os.makedirs(self.evidence, exist_ok=True)
                    shutil.copy(self.stage.path(name), self.evidence)
            shutil.copytree(self.maildir.root, os.path.join(self.evidence, "mail"), dirs_exist_ok=True)

    def judge(self):
        copies = {}
        for (_, name, _), letters in self.server.tree().items():
            copies[name] = copies.get(name, 0) + len(letters)
        # A copy of a notice of pairing is the gateway's own matter: it may come twice after a crash.
        self.assertEqual([name for name in self.made if copies.get(name, 0) > 1], [], f"there twice; seed {self.seed}")
        missing = [name for name in self.made if name not in copies and name not in self.removed | self.gone]
        self.assertEqual(missing, [], f"missing, though nobody removed them; seed {self.seed}")
        # A creation whose end nobody saw is done again if the store does not show it: also if another removed it meanwhile.
        back = {name: [word for word in ("here", "moved", "removed", "touched", "gone") if name in getattr(self, word)]
                for name in copies if name in self.gone - self.here or name in self.removed - self.touched}
        when = [(number, name, [(at, who) for at, who in self.killed.items() if abs(at - number) < 20])
                for number, name in self.removals if name in back]
        self.assertEqual(back, {}, f"there, though removed; seed {self.seed}; removed on the device, and killed near that: {when}")

    def test_equal_after_all(self):
        killed = self.killed = {number: self.dice.choice(("gateway", "relay", "device", "dovecot"))
                  for number in self.dice.sample(range(self.changes), self.kills)}
        full = {self.changes // 3: self.gateway_disk, self.changes * 2 // 3: self.device_disk}
        began = time.monotonic()
        for number in range(self.changes):
            self.number = number
            try:
                self.change()
            except BROKEN as error:
                raise AssertionError(f"change {number}, seed {self.seed}: {error!r}") from error
            if number in killed:
                self.kill(killed[number])
            if number in full:
                self.with_full_disk(full[number], max(5, self.changes // 50))
            if sys.stdout.isatty() and number % 100 == 99:
                print(f"{number + 1} changes, {sum(n <= number for n in killed)} kills, {time.monotonic() - began:.0f} s")
        self.settle()
        try:
            self.judge()
        except AssertionError:
            self.keep_evidence()
            raise
        print(f"seed {self.seed}: {self.changes} changes, {self.kills} kills ({', '.join(sorted(killed.values()))}), two full disks: equal, "
              f"{len(self.server.tree())} messages")


if __name__ == "__main__":
    if INSIDE not in os.environ:
        probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "probe", "/mnt"]
        if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode != 0:
            print("skipped: only root may mount the small disks this needs (unshare, mount)")
            sys.exit(77)
        os.execvpe("unshare", ["unshare", "--mount", sys.executable, os.path.abspath(__file__), *sys.argv[1:]], {**os.environ, INSIDE: "1"})
    unittest.main()
