# SPDX-License-Identifier: Apache-2.0
"""Wrong input of people and machines: each gets a sentence that says what to do; nothing crashes, hangs or is lost."""
import errno
import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
import unittest

import stage as st

USER = "alice@example.com"


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.open_relay(seats=2, argon2_memory="1 MiB", argon2_passes=1, lockout_free=3, lockout_first="200ms")
        stage.serve_mock()
        stage.add_user()

    def tearDown(self):
        self.assertTrue(self.stage.relay.alive(), self.stage.relay.tail())
        self.assertTrue(self.stage.gateway.alive(), self.stage.gateway.tail())

    def refuse(self, done, *words):
        said = done.stdout + done.stderr
        self.assertNotEqual(done.returncode, 0, said)
        for word in words:
            self.assertIn(word, said.lower())
        return said

    def pairing(self, name, code=None, password="correct horse battery", user=USER):
        device = st.Device(self.stage, user, name)
        return device.pair(code or self.stage.code(USER), password, check=False)

    def test_wrong_password(self):
        self.refuse(self.pairing("wrong-password", password="guess"), "password")

    def test_unknown_user(self):
        self.refuse(self.pairing("unknown-user", user="mallory@example.com"), "password")

    def test_mistyped_code(self):
        code = self.stage.code(USER)
        letters = list(code)
        at = next(i for i in range(8, len(letters)) if letters[i].isalnum())
        letters[at] = "7" if letters[at] != "7" else "8"
        self.refuse(self.pairing("mistyped", code="".join(letters)), "code")

    def test_no_seats_left(self):
        self.stage.ctl("user", "add", "second@example.com")
        done = self.stage.ctl("user", "add", "third@example.com", check=False)
        self.refuse(done, "seat")
        self.stage.ctl("user", "remove", "second@example.com")

    def test_foreign_certificate(self):
        device = st.Device(self.stage, USER, "foreign")
        right, self.stage.ca = self.stage.ca, st.make_authority(self.stage.folder, "foreign-ca")
        try:
            self.refuse(device.pair(self.stage.code(USER), "x", check=False), "certificate")
        finally:
            self.stage.ca = right

    def test_expired_certificate(self):
        certificate, key = st.make_certificate(self.stage.folder, "expired", days=0)
        self.elsewhere(certificate, key, "expired")

    def test_certificate_of_another_host(self):
        certificate, key = st.make_certificate(self.stage.folder, "other-host", host="elsewhere.example")
        with open(self.stage.path("other-host.ext"), "w") as extensions:
            extensions.write("subjectAltName=DNS:elsewhere.example\n")
        base = self.stage.path("other-host")
        st.openssl("x509", "-req", "-in", base + ".csr", "-CA", self.stage.path("ca.pem"), "-CAkey", self.stage.path("ca.key"),
                   "-CAcreateserial", "-days", "3", "-extfile", base + ".ext", "-out", certificate)
        self.elsewhere(certificate, key, "localhost")

    def elsewhere(self, certificate, key, word):
        """Pairs at a TLS server that shows that certificate and is no relay."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        deadline = time.time() + 2
        while time.time() < deadline and "expired" in certificate:
            pass  # its last second has to be over
        with socket.create_server(("127.0.0.1", 0)) as server:
            relay_url, self.stage.relay_url = self.stage.relay_url, f"https://localhost:{server.getsockname()[1]}"
            import threading

            def serve():
                try:
                    peer, _ = server.accept()
                    with context.wrap_socket(peer, server_side=True) as tls:
                        tls.recv(1)
                except (OSError, ssl.SSLError):
                    pass
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            try:
                device = st.Device(self.stage, USER, "elsewhere-" + word)
                code = self.stage.code(USER)
                self.refuse(device.pair(code, "x", check=False), "certificate", word)
            finally:
                self.stage.relay_url = relay_url
            thread.join(10)

    def test_device_to_a_port_without_tls(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            relay_url, self.stage.relay_url = self.stage.relay_url, f"https://localhost:{server.getsockname()[1]}"
            import threading

            def serve():
                peer, _ = server.accept()
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.recv(100)
            threading.Thread(target=serve, daemon=True).start()
            try:
                self.refuse(st.Device(self.stage, USER, "plain").pair(self.stage.code(USER), "x", check=False), "tls")
            finally:
                self.stage.relay_url = relay_url

    def test_plain_http_and_garbage_at_the_relay(self):
        context = ssl.create_default_context(cafile=self.stage.ca)
        for octets in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 5000, bytes(range(256)) * 40):
            with socket.create_connection(("127.0.0.1", self.stage.relay_port), timeout=st.DEADLINE) as plain:
                try:
                    plain.sendall(octets)
                    plain.shutdown(socket.SHUT_WR)
                    while plain.recv(4096):
                        pass
                except OSError as error:  # the relay was quicker: it has closed, or even forgotten, the connection
                    self.assertIn(error.errno, (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN))
        requests = (b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\xff" * 3000,
                    b"POST /rts/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0123456789",
                    b"POST /rts/data HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
                    b"GET /rts/connect HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                    b"GET /device HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        for request in requests:
            with socket.create_connection(("127.0.0.1", self.stage.relay_port), timeout=st.DEADLINE) as raw, \
                    context.wrap_socket(raw, server_hostname="localhost") as tls:
                try:
                    tls.sendall(request)
                    answer = tls.recv(4096)
                    self.assertTrue(answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:200])
                except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                    pass  # it answered and closed before it was told all
        self.works("after-garbage")

    def test_second_gateway_with_the_same_identity(self):
        copy = self.stage.path("gateway-copy")
        shutil.copytree(self.stage.path("gateway"), copy, ignore=shutil.ignore_patterns("*.sock"))
        with open(self.stage.gateway_ini) as ini:
            text = ini.read()
        text = text.replace(self.stage.path("gateway") + "\n", copy + "\n").replace(
            self.stage.control, self.stage.path("copy.sock"))
        ini = self.stage.write("copy.ini", text)
        second = self.stage.start("second", "tidegated", "--config", ini)
        try:
            def told():
                return any("another" in process.tail(40) and "identity" in process.tail(40)
                           for process in (second, self.stage.gateway))
            st.wait_for("one of two gateways to be told", told)
        finally:
            second.kill()
        self.stage.ctl("resume")
        self.stage.gateway.end()
        self.stage.start_gateway()
        self.stage.wait_open()
        self.works("after-second-gateway")

    def test_only_the_pinned_key_is_taken_for_the_relay(self):
        text = subprocess.run(["openssl", "x509", "-in", self.stage.certificate, "-noout", "-pubkey"], capture_output=True, check=True)
        key = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=text.stdout, capture_output=True, check=True)
        right = hashlib.sha256(key.stdout).hexdigest()

        def restart(**link):
            self.stage.gateway.end()
            self.stage.write_gateway_ini({"plugin": "mock", "root": self.stage.mock_root()}, link=link)
            self.stage.start_gateway()
        self.addCleanup(self.stage.wait_open)
        self.addCleanup(restart)
        restart(pin="0" * 64)
        st.wait_for("the gateway to say it", lambda: "is not the pinned one" in self.stage.ctl_rows("status")[0]["fault"])
        self.assertIn(right, self.stage.ctl_rows("status")[0]["fault"])
        self.assertNotEqual(self.stage.ctl_rows("status")[0]["link"], "open")
        restart(pin=right.upper())
        self.stage.wait_open()

    def test_a_device_restored_from_its_backup_is_found_and_compared(self):
        device = self.stage.pair_device(name="restored")
        device.start()
        device.until("current")
        device.process.end()
        backup = self.stage.path("backup")
        shutil.copytree(device.state, backup)
        for number in range(2):
            self.stage.drop(st.small_message(number))
            device.start()
            device.until("item")
            device.until("idle")
            device.process.end()
        shutil.rmtree(device.state)
        shutil.copytree(backup, device.state)
        device.start()
        self.addCleanup(device.process.end)
        store = os.path.join(self.stage.mock_root(), USER)
        st.wait_for("device and store to be equal", lambda: device.files() == st.maildir_hashes(store))
        status = self.stage.ctl("status").stdout
        self.assertIn("backup", status)

    def works(self, name):
        device = self.stage.pair_device(name=name)
        device.start()
        self.addCleanup(device.process.end)
        self.stage.drop(st.small_message(1))
        store = os.path.join(self.stage.mock_root(), USER)
        st.wait_for("device and store to be equal", lambda: device.files() == st.maildir_hashes(store))

    def test_wrong_ini(self):
        for text, words in (("[gateway]\nrelay = https://localhost\nstat = /tmp\n", ("ini:3", "stat", "state")),
                            ("[gateway]\n", ("relay",)),
                            ("[gatewy]\n", ("gatewy", "gateway")),
                            ("[gateway]\nrelay = https://localhost\n[backend:x]\nplugin = mock\nrot = /x\n", ("ini:5", "rot", "root")),
                            ("[gateway]\nrelay = https://localhost\n[backend:x]\nplugin = nothere\n", ("nothere",))):
            text = text.replace("[gateway]\nrelay", f"[gateway]\nplugins = {st.BUILD}/plugins\nrelay") if "backend" in text else text
            line_shift = 1 if "backend" in text else 0
            ini = self.stage.write("wrong.ini", text)
            said = self.stage.run_tool("tidegated", "--check", "--config", ini, check=False)
            shifted = tuple(f"ini:{int(w.split(':')[1]) + line_shift}" if w.startswith("ini:") else w for w in words)
            self.refuse(said, *shifted)


if __name__ == "__main__":
    unittest.main()
