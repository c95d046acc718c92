# SPDX-License-Identifier: Apache-2.0
"""What scripts/demo.sh shows. Usage: demo.py [--imap] [--once]"""
import hashlib
import os
import signal
import sys
import time
import unicodedata

import stage as st

USER = "alice@example.com"


def columns(text):
    """How many a terminal takes for it."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text, width):
    """Cut or padded to that many columns."""
    text = "".join(c if c.isprintable() else "?" for c in text or "")
    if columns(text) > width:
        while columns(text) >= width:
            text = text[:-1]
        text += "…"
    return text + " " * (width - columns(text))


class Demo:
    def __init__(self, imap):
        self.imap = imap
        self.wrong = []
        self.stage = st.Stage()

    def set_up(self):
        stage = self.stage
        print("Making an authority and a certificate, starting relay and gateway …", flush=True)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        if self.imap:
            backend = stage.start_dovecot(USER)
        else:
            stage.make_mock_user(USER)
            backend = {"plugin": "mock", "root": stage.mock_root()}
        stage.write_gateway_ini(backend)
        stage.start_gateway()
        stage.register()
        password = stage.add_user(USER)
        print(f"User {USER} added. Pairing a device with a code from tidegatectl …", flush=True)
        self.device = st.Device(stage, USER, "device")
        print("  " + "\n  ".join(self.device.pair(stage.code(USER), password).stdout.strip().splitlines()), flush=True)
        self.device.start()
        _, before = self.device.until("current")
        # The gateway writes into the mailbox that a device was paired: from here on, what comes is what was dropped.
        notice = next((heard for heard in before if heard["event"] == "item"), None) or self.device.until("item")[0]
        self.head()
        self.show(notice, None)

    def deliver(self, octets):
        at = time.time()
        if self.imap:
            with self.stage.lmtp() as lmtp:
                lmtp.sendmail("sender@example.org", [USER], octets)
            at = time.time()  # the mail server has it when LMTP says so
        else:
            at = self.stage.drop(octets, USER)
        return at

    def show(self, event, dropped):
        ms = f"{event['at_unix_ms'] - dropped * 1000:7.1f} ms" if dropped else "       –"
        print(f"  {fit(event['folder'], 8)}  {fit(event['subject'], 38)}  {fit(event['from'], 26)}  "
              f"{event['size']:>8,}  {ms}", flush=True)

    def head(self):
        print(f"\n  {'folder':8}  {'subject':38}  {'from':26}  {'octets':>8}   since the drop")

    def run_samples(self):
        for name, octets in st.samples():
            at = self.deliver(octets)
            event, _ = self.device.until("item")
            self.show(event, at)
            with open(os.path.join(event["path"]) if os.path.isabs(event["path"])
                      else os.path.join(self.device.maildir, event["path"]), "rb") as stored:
                got = stored.read()
            if hashlib.sha256(got).hexdigest() not in self.store_hashes():
                self.wrong.append(name)
        everything, there = self.store_hashes(), self.device.files()
        if everything != there:
            self.wrong.append(f"store and device differ: {len(everything)} and {len(there)} messages")
        print()
        if self.wrong:
            print("NOT INTACT: " + ", ".join(self.wrong))
        else:
            print(f"All {len(there)} messages are on the device octet for octet (compared by SHA-256 with the store).")

    def store_hashes(self):
        if self.imap:
            return self.stage.dovecot_hashes(USER)
        return st.maildir_hashes(os.path.join(self.stage.mock_root(), USER))

    def explain(self):
        stage = self.stage
        where = f"on Dovecot, {stage.dovecot_folder}" if self.imap else stage.mock_root()
        drop = (f"swaks --protocol LMTP --server 127.0.0.1:{stage.dovecot['lmtp']} --to {USER}" if self.imap else
                f"cp {st.SOURCE}/scripts/samples/04-german.eml {stage.mock_root()}/{USER}/new/mine.$RANDOM")
        print(f"""
What runs (all below {stage.folder}, all on loopback, all ended by Ctrl-C)
  relay     pid {stage.relay.child.pid:<7} {stage.relay_url}   accounts and routing; stores no mail, can read none
  gateway   pid {stage.gateway.child.pid:<7} tidegated   watches the store ({where})
  device    pid {self.device.process.child.pid:<7} tidegate-device   decrypts into {self.device.maildir}
  logs      {stage.folder}/*.log

Drop one in yourself, in another terminal:
  {drop}
Read the device's mail (Debian: apt install mutt):
  mutt -f {self.device.maildir}
Look at the gateway:
  {stage.program('tidegatectl')} --socket {stage.control} status
  {stage.program('tidegate-device')} status --state {self.device.state}

Waiting for mail; Ctrl-C stops everything and removes {stage.folder}.
""", flush=True)

    def watch(self):
        while True:
            event = self.device.events.get()
            if event.get("event") == "item":
                # Somebody dropped it by hand: the file's time is when that was.
                self.show(event, None)
            elif event.get("event") not in ("progress", "idle"):
                print("  " + ", ".join(f"{k}: {v}" for k, v in event.items()), flush=True)


def main():
    once, imap = "--once" in sys.argv, "--imap" in sys.argv
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    demo = Demo(imap)
    code = 0
    try:
        demo.set_up()
        demo.run_samples()
        code = 1 if demo.wrong else 0
        if not once:
            demo.explain()
            demo.watch()
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
    except st.StageError as error:
        print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
        for process in demo.stage.processes:
            print(f"--- {process.name} ({process.log}) ends:\n{process.tail()}", file=sys.stderr)
        code = 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        demo.stage.close()
    print("Nothing of it is left but the packages." if not once else "Done.", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
