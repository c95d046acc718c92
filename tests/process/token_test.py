# SPDX-License-Identifier: Apache-2.0
"""The gateway with access tokens on a real Dovecot: a token endpoint that rotates refresh tokens, or gives one token to the
gateway itself; OAUTHBEARER and XOAUTH2; kills."""
import base64
import http.server
import json
import os
import ssl
import stat
import threading
import unittest
import urllib.parse

import stage as st

USER = "alice@example.com"
SECRET = "client secret: 100% ours"


class TokenServer:
    """/token over TLS: each refresh token is good for one use. /introspect in the clear, for Dovecot on this machine."""

    def __init__(self, certificate, key):
        self.lock = threading.Lock()
        self.good = "refresh-0"
        self.used, self.active, self.wrong = [], set(), []
        self.introspected = 0
        self.life = 2
        self.token_port = self.serve(self.token, certificate, key)
        self.introspection_port = self.serve(self.introspect)

    def serve(self, answer, certificate=None, key=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = answer({name: values[0] for name, values in form.items()}, self.headers)
                octets = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(octets)))
                self.end_headers()
                self.wfile.write(octets)

            def log_message(self, *_):
                pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server.server_address[1]

    def token(self, form, headers):
        if form.get("grant_type") == "client_credentials":
            return self.one_for_all(form, headers)
        with self.lock:
            # RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
            who = base64.b64decode(headers.get("Authorization", "Basic ").split(" ", 1)[1]).decode()
            if who != "gateway:" + urllib.parse.quote(SECRET, safe=""):
                self.wrong.append(who)
                return 401, {"error": "invalid_client"}
            asked = form.get("refresh_token", "")
            self.used.append(asked)
            if form.get("grant_type") != "refresh_token" or asked != self.good:
                return 400, {"error": "invalid_grant"}
            number = len(self.used)
            self.good = f"refresh-{number}"
            self.active.add(f"access-{number}")
            return 200, {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": self.life,
                         "refresh_token": self.good}

    def one_for_all(self, form, headers):
        with self.lock:
            if (form.get("client_id"), form.get("client_secret"), form.get("scope")) != ("gateway", SECRET, "mail other"):
                self.wrong.append(form)
                return 401, {"error": "invalid_client"}
            if "Authorization" in headers:
                self.wrong.append("named twice")
            self.used.append("")
            self.active.add(f"access-{len(self.used)}")
            return 200, {"access_token": f"access-{len(self.used)}", "token_type": "Bearer", "expires_in": 3600}

    def introspect(self, form, _):
        with self.lock:
            self.introspected += 1
            if form.get("token") in self.active:
                return 200, {"active": True, "username": USER}
            return 200, {"active": False}


class Tokens(unittest.TestCase):
    @classmethod
    def set_up(cls, settings, **dovecot):
        cls.stage = stage = st.Stage()
        cls.addClassCleanup(stage.close)
        stage.write_relay_ini()
        stage.add_licence()
        stage.start_relay()
        cls.server = server = TokenServer(stage.certificate, stage.key)
        backend = stage.start_dovecot(USER, DOVECOT_INTROSPECTION=f"http://127.0.0.1:{server.introspection_port}/introspect",
                                      **dovecot)
        os.mkdir(stage.path("refresh"), 0o700)
        cls.refresh_file = stage.write("refresh/" + USER, "refresh-0\n")
        backend = {"plugin": "imap", "host": "localhost", "port": backend["port"], "ca_file": backend["ca_file"], "auth": "token",
                   "token_endpoint": f"https://localhost:{server.token_port}/token", "token_ca_file": stage.ca,
                   "token_client_id": "gateway", "token_client_secret_file": stage.write("client.secret", SECRET + "\n"),
                   **settings(stage)}
        stage.write_gateway_ini(backend, gateway={"poll_folders": "1s"})
        cls.device = stage.first_device()

    def deliver(self, octets):
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail("bob@example.org", [USER], octets)

    def equal(self):
        try:
            st.wait_for("device and Dovecot to be equal", lambda: self.device.files() == self.stage.dovecot_hashes(USER))
        except st.StageError as error:
            raise AssertionError(f"{error}\n{self.stage.gateway.tail()}") from None


class OneForAll(Tokens):
    @classmethod
    def setUpClass(cls):
        cls.set_up(lambda stage: {"token_client_auth": "post", "token_scope": "mail other"}, DOVECOT_TOKENS="xoauth2")

    def test_mail_comes_by_xoauth2(self):
        self.deliver(st.small_message(1))
        self.equal()
        self.assertGreaterEqual(len(self.device.files()), 1)
        self.assertGreaterEqual(self.server.introspected, 1)
        self.assertEqual(self.server.wrong, [])
        self.assertEqual(self.server.used, [""], "one token, kept as long as it is good")


class OneForEach(Tokens):
    @classmethod
    def setUpClass(cls):
        cls.set_up(lambda stage: {"refresh_token_dir": stage.path("refresh")})

    def on_disk(self):
        with open(self.refresh_file) as text:
            return text.read().strip()

    def restart(self):
        self.stage.gateway.kill()
        self.stage.start_gateway()
        self.stage.wait_open()

    def test_a_mail_comes_by_a_token(self):
        self.deliver(st.small_message(1))
        self.equal()
        self.assertGreaterEqual(len(self.device.files()), 1)
        self.assertGreaterEqual(self.server.introspected, 1, "Dovecot asked whose token it is")
        self.assertEqual(self.server.wrong, [])

    def test_b_a_killed_gateway_goes_on_with_the_rotated_token(self):
        for number in range(2, 5):
            before = len(self.server.used)
            self.restart()
            self.deliver(st.small_message(number))
            self.equal()
            st.wait_for("a new token", lambda before=before: len(self.server.used) > before)
        with self.server.lock:
            self.assertEqual(len(self.server.used), len(set(self.server.used)), "each refresh token is used once")
            self.assertEqual(self.on_disk(), self.server.good)
        self.assertEqual(stat.S_IMODE(os.stat(self.refresh_file).st_mode), 0o600)

    def test_c_a_withdrawn_grant_is_said_with_what_to_do(self):
        with self.server.lock:
            self.server.good = "another, which nobody has"
            self.server.active.clear()
        self.restart()
        said = "put the new refresh token there"
        st.wait_for("the fault at the user", lambda: said in json.dumps(self.stage.ctl_rows("user", "list")))
        self.stage.write("refresh/" + USER, "another-one\n")
        with self.server.lock:
            self.server.good = "another-one"
        self.deliver(st.small_message(9))
        self.restart()
        self.equal()

    def test_d_no_secret_is_logged(self):
        with open(self.stage.gateway.log, errors="replace") as text:
            log = text.read()
        for secret in ["access-", "refresh-0", "refresh-1", "another-one", SECRET, urllib.parse.quote(SECRET, safe="")]:
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main()
