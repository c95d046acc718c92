# SPDX-License-Identifier: Apache-2.0
"""A connection that is dead without anybody having been told (a router on the way forgets it): found by missing heartbeats
at both ends, and made anew. Gateway and relay live in network namespaces of their own with a router between them that
stops forwarding; nothing of it is seen outside this test."""
import os
import re
import shutil
import subprocess
import sys
import unittest

import stage as st

INSIDE = "TIDEGATE_IN_NAMESPACE"


def run(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


class Namespace:
    """A network namespace that lives as long as a sleeping process in it, one hop from ours."""

    def __init__(self, number):
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "900"], stdin=subprocess.DEVNULL)
        self.pid, self.address = str(self.keeper.pid), f"10.77.{number}.2"
        ours = os.readlink("/proc/self/ns/net")
        st.wait_for("a namespace", lambda: os.readlink(f"/proc/{self.pid}/ns/net") != ours)
        self.enter = ["nsenter", "-t", self.pid, "-n"]
        here, there, router = f"here{number}", f"there{number}", f"10.77.{number}.1"
        run("ip", "link", "add", here, "type", "veth", "peer", "name", there)
        run("ip", "link", "set", there, "netns", self.pid)
        run("ip", "addr", "add", router + "/24", "dev", here)
        run("ip", "link", "set", here, "up")
        for words in (["link", "set", "lo", "up"], ["addr", "add", self.address + "/24", "dev", there], ["link", "set", there, "up"],
                      ["route", "add", "default", "via", router]):
            run(*self.enter, "ip", *words)

    def end(self):
        self.keeper.kill()
        self.keeper.wait()


def forward(on):
    with open("/proc/sys/net/ipv4/ip_forward", "w") as switch:
        switch.write("1" if on else "0")


class HalfOpen(unittest.TestCase):
    def gateways(self, stage):
        """How many the relay believes to be connected."""
        return re.search(r"gateways\s+(\d+)", stage.run_tool("tidegate-relay", "status", "--config", stage.relay_ini).stdout)[1]

    def test_found_by_heartbeats_at_both_ends_and_opened_anew(self):
        run("ip", "link", "set", "lo", "up")
        relay, gateway = Namespace(1), Namespace(2)
        self.addCleanup(relay.end)
        self.addCleanup(gateway.end)
        forward(True)
        stage = st.Stage()
        self.addCleanup(stage.close)
        stage.prefix = {"tidegate-relay": relay.enter, "tidegated": gateway.enter}
        stage.certificate, stage.key = st.make_certificate(stage.folder, "there", host=relay.address, address=relay.address)
        stage.relay_url, stage.relay_host = f"https://{relay.address}:{stage.relay_port}", relay.address
        stage.open_relay(listen=f"{relay.address}:{stage.relay_port}", heartbeat="500ms", argon2_memory="1 MiB", argon2_passes=1)
        stage.serve_mock(link={"retry_most": "1s", "connect_within": "2s", "answer_within": "2s"})
        self.assertEqual(self.gateways(stage), "1")
        forward(False)
        # Not by TCP: that would take half a minute, and says another sentence.
        st.wait_for("the gateway to miss its heartbeats", lambda: "has fallen silent (no heartbeat)" in stage.gateway.tail(200))
        st.wait_for("the relay to miss its answers", lambda: self.gateways(stage) == "0")
        self.assertNotEqual(stage.ctl_rows("status")[0]["link"], "open")
        forward(True)
        stage.wait_open()


if __name__ == "__main__":
    if INSIDE not in os.environ:
        flags = "-n" if os.getuid() == 0 else "-rn"
        tools = all(shutil.which(name) for name in ("ip", "unshare", "nsenter"))
        probe = ["unshare", flags, "sh", "-c", "ip link add a1 type veth peer name b1 && echo 1 >/proc/sys/net/ipv4/ip_forward"]
        if not tools or subprocess.run(probe, capture_output=True).returncode != 0:
            print("skipped: this machine lets nobody make network namespaces with veth (unshare, ip)")
            sys.exit(77)
        os.execvpe("unshare", ["unshare", flags, sys.executable, os.path.abspath(__file__)], {**os.environ, INSIDE: "1"})
    unittest.main()
