# SPDX-License-Identifier: Apache-2.0
"""Gateway and device through a real squid that demands a password. The relay's name is known to the squid alone, so what
arrives went through it."""
import os
import unittest

import squid
import stage as st

USER = "alice@example.com"
HOST = "relay.invalid"
LOGIN, PASSWORD, WRONG = "anna", "Geheim:#1 %", "guessed-wrongly"


class ThroughSquid(unittest.TestCase):
    def setUp(self):
        self.stage = stage = st.Stage()
        self.addCleanup(stage.close)
        stage.certificate, stage.key = st.make_certificate(stage.folder, "proxied", host=HOST)
        stage.relay_url = f"https://{HOST}:{stage.relay_port}"
        stage.open_relay(argon2_memory="1 MiB", argon2_passes=1)
        self.squid = squid.Squid(LOGIN, PASSWORD, stage.relay_port, HOST)
        self.addCleanup(self.squid.close)
        self.password_file = stage.write("proxy.password", PASSWORD + "\n")
        self.link = {"proxy": self.squid.url, "proxy_user": LOGIN, "proxy_password_file": self.password_file, "retry_most": "1s"}
        self.words = ("--proxy", self.squid.url, "--proxy-user", LOGIN, "--proxy-password-file", self.password_file)

    def start_gateway(self, link, env=None):
        self.stage.write_gateway_ini({"plugin": "mock", "root": self.stage.mock_root()}, link=link)
        self.stage.start_gateway(env=env)

    def status(self):
        return self.stage.ctl_rows("status")[0]

    def pair(self, name="device", code=None, more=None, check=True, env=None):
        device = st.Device(self.stage, USER, name)
        code = code or self.stage.code(USER)
        return device, device.pair(code, "correct horse battery", check=check, more=self.words if more is None else more, env=env)

    def arrives(self, device, number):
        self.stage.drop(st.small_message(number))
        store = os.path.join(self.stage.mock_root(), USER)
        st.wait_for("device and store to be equal", lambda: device.files() == st.maildir_hashes(store))

    def logins(self, scheme):
        return [status for _, status, _, said in self.squid.seen() if said == scheme]

    def nowhere(self, secret, *texts):
        for text in texts:
            self.assertNotIn(secret, text)
        for process in self.stage.processes:
            with open(process.log, errors="replace") as log:
                self.assertNotIn(secret, log.read(), process.name)
            if process.alive():
                with open(f"/proc/{process.child.pid}/cmdline") as words:
                    self.assertNotIn(secret, words.read(), process.name)

    def test_a_day_behind_a_proxy(self):
        self.squid.start()
        self.start_gateway(self.link)
        self.stage.register()
        self.stage.add_user()
        device, _ = self.pair()
        device.start()
        device.until("current")
        self.arrives(device, 1)
        self.assertEqual(self.status()["proxy"], f"{self.squid.url} (proxy in [link])")
        told = self.stage.run_tool("tidegate-device", "status", "--state", device.state).stdout
        self.assertIn(f"proxy       {self.squid.url} (--proxy)", told)

        # Digest, which squid offers beside Basic. A tunnel is logged when it has ended: those of register and pair have.
        st.wait_for("two tunnels by Digest", lambda: self.logins("Digest") == [200, 200])
        self.assertEqual(self.logins("Basic"), [])
        self.assertEqual({user for _, status, user, _ in self.squid.seen() if status == 200}, {LOGIN})

        with self.subTest("killed in the middle of a session, and back"):
            self.squid.kill()
            gone, _ = device.until("not_current")
            st.wait_for("the gateway to say what is missing",
                        lambda: "refused the connection" in self.status()["fault"] and str(self.squid.port) in self.status()["fault"])
            st.wait_for("the device to say it", lambda: "refused the connection" in self.stage.run_tool(
                "tidegate-device", "status", "--state", device.state).stdout)
            self.stage.drop(st.small_message(2))
            self.squid.start()
            self.stage.wait_open()
            device.until("current")
            self.arrives(device, 3)

        with self.subTest("a wrong password is said at both ends, and not tried again and again"):
            self.squid.kill()
            self.stage.write("proxy.password", WRONG + "\n")
            before = len(self.squid.seen())
            self.squid.start()
            st.wait_for("the gateway to say it", lambda: "does not accept the user or the password" in self.status()["fault"])
            status = self.status()
            self.assertEqual(status["link"], "waiting")
            self.assertIn(f"127.0.0.1:{self.squid.port}", status["fault"])
            self.assertIn("does not accept the user or the password", self.stage.gateway.tail(50))
            while True:
                heard, _ = device.until("not_current")
                if "does not accept" in heard["text"]:
                    break
            self.assertGreaterEqual(heard["retry_in_ms"], 300_000)
            # The device's attempt and the gateway's: each asked once and was refused once.
            rows = self.squid.seen()[before:]
            self.assertEqual([status for _, status, _, _ in rows], [407] * 4, rows)
            told = self.stage.run_tool("tidegate-device", "status", "--state", device.state).stdout
            self.assertIn("does not accept", told)
            self.nowhere(WRONG, str(status), told)
            self.stage.write("proxy.password", PASSWORD + "\n")
            self.stage.ctl("resume")
            self.stage.wait_open()
            device.process.end()
            device.start()  # with what it kept
            device.until("current")
            self.arrives(device, 4)
        self.nowhere(PASSWORD, str(self.status()))

    def test_basic_alone_and_ntlm(self):
        self.squid.start("basic")
        self.start_gateway(self.link)
        self.stage.register()
        for scheme, name in (("basic", "Basic"), ("ntlm", "NTLM")):
            with self.subTest(scheme):
                self.squid.kill()
                self.squid.start(scheme)
                self.stage.gateway.end()
                self.stage.start_gateway()
                self.stage.wait_open()
                self.stage.gateway.end()
                # What went through is logged when it has ended.
                st.wait_for(f"tunnels by {name}", lambda: 200 in self.logins(name))
                self.assertEqual([status for status in self.logins(name) if status not in (200, 407)], [])

    def test_what_is_wrong_is_said(self):
        self.squid.start()
        self.start_gateway({"proxy": self.squid.url})
        done = self.stage.ctl("register", "--licence", "demo", "--password-file", self.stage.licence_password, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("demands a user and a password (407; it offers Digest, Basic)", done.stdout + done.stderr)
        self.stage.gateway.end()
        self.start_gateway(self.link)
        self.stage.register()
        self.stage.add_user()
        code = self.stage.code(USER)
        relay_url = self.stage.relay_url
        for url, more, env, said in (
                (relay_url, ("--proxy", self.squid.url), None, "set --proxy-user and --proxy-password-file"),
                (f"https://{HOST}:1", None, None, f"forbids connections to {HOST}:1 (403)"),
                (relay_url, (), {"https_proxy": f"http://{LOGIN}:{WRONG}@127.0.0.1:{self.squid.port}"}, "does not accept the user"),
                (relay_url, (), {"https_proxy": self.squid.url, "no_proxy": ".invalid"}, f"No address is known for {HOST}"),
                (relay_url, ("--proxy", "none"), {"https_proxy": self.squid.url}, f"No address is known for {HOST}"),
                (relay_url, ("--proxy", "socks5://127.0.0.1:1"), None, "are not supported"),
                (relay_url, (), {"HTTPS_PROXY": "socks5://127.0.0.1:1"}, "HTTPS_PROXY")):
            self.stage.relay_url = url
            _, done = self.pair("refused", code, more, check=False, env=env)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stdout + done.stderr)
            self.assertNotIn(WRONG, done.stdout + done.stderr)
        self.stage.relay_url = relay_url

    def test_the_environments_proxy(self):
        self.squid.start("basic")
        secret = "Geheim%3A%231%20%25"
        around = {"https_proxy": f"http://{LOGIN}:{secret}@127.0.0.1:{self.squid.port}"}
        self.start_gateway({}, env=around)
        self.stage.register()
        self.assertEqual(self.status()["proxy"], f"{self.squid.url} (https_proxy)")
        self.stage.add_user()
        device, _ = self.pair(more=(), env=around)
        device.start(env=around)
        device.until("current")
        self.arrives(device, 1)
        told = self.stage.run_tool("tidegate-device", "status", "--state", device.state).stdout
        self.assertIn(f"{self.squid.url} (https_proxy)", told)
        self.nowhere(secret, told, str(self.status()))
        self.nowhere(PASSWORD, told, str(self.status()))


if __name__ == "__main__":
    unittest.main()
