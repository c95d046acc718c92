# SPDX-License-Identifier: Apache-2.0
"""The gateway with access tokens on a real Dovecot: a token endpoint that rotates refresh tokens, or gives one token to the
gateway itself, which proves itself by a secret or by a key; a first refresh token by a code that somebody enters; OAUTHBEARER
and XOAUTH2; kills."""
import base64
import http.server
import json
import os
import queue
import ssl
import stat
import threading
import time
import unittest
import urllib.parse

import stage as st

USER = "alice@example.com"
SECRET = "client secret: 100% ours"


class TokenServer:
    """Over TLS: each refresh token is good for one use; codes to enter. In the clear, for Dovecot on this machine: whose token
    it is."""

    def __init__(self, certificate, key):
        self.lock = threading.Lock()
        self.good = "refresh-0"
        self.used, self.active, self.wrong = [], set(), []
        self.introspected = 0
        self.life = 2
        self.codes, self.entered, self.polls = [], threading.Event(), 0
        self.public_key = None  # of a client that has no secret
        self.token_port = self.serve(self.token, certificate, key)
        self.introspection_port = self.serve(self.introspect)

    def serve(self, answer, certificate=None, key=None):
        device = self.device

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                form = {name: values[0] for name, values in form.items()}
                status, body = answer(form, self.headers) if self.path != "/device" else device(form)
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
        if form.get("grant_type") == "urn:ietf:params:oauth:grant-type:device_code":
            return self.device_token(form)
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

    def device(self, form):
        with self.lock:
            self.codes.append(form)
            return 200, {"device_code": "device-code-1", "user_code": "WDJB-MJHT", "verification_uri": "https://idp.example.com/enter",
                         "expires_in": 900, "interval": 1}

    def device_token(self, form):
        with self.lock:
            self.polls += 1
            if form.get("device_code") != "device-code-1":
                return 400, {"error": "invalid_grant"}
            if not self.entered.is_set():
                return 400, {"error": "authorization_pending"}
            self.good = "refresh-by-code"
            return 200, {"access_token": "access-unused", "expires_in": 60, "refresh_token": self.good}

    def signed(self, form):
        """RFC 7523 §3, by the openssl command line."""
        head, body, signature = form.get("client_assertion", "..").split(".")

        def plain(part):
            return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        folder = os.path.dirname(self.public_key)
        for name, octets in (("signed", f"{head}.{body}".encode()), ("signature", plain(signature))):
            with open(os.path.join(folder, name), "wb") as out:
                out.write(octets)
        st.openssl("dgst", "-sha256", "-verify", self.public_key, "-signature", os.path.join(folder, "signature"),
                   os.path.join(folder, "signed"))
        claims = json.loads(plain(body))
        good = (form.get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                and json.loads(plain(head))["alg"] == "RS256" and claims["iss"] == claims["sub"] == "gateway"
                and claims["aud"] == f"https://localhost:{self.token_port}/token"
                and claims["iat"] <= time.time() < claims["exp"] and claims["jti"] not in self.used)
        self.used.append(claims["jti"])
        return good and "client_secret" not in form

    def one_for_all(self, form, headers):
        with self.lock:
            if self.public_key:
                if not self.signed(form):
                    self.wrong.append(form)
                    return 401, {"error": "invalid_client"}
                self.active.add("access-by-key")
                return 200, {"access_token": "access-by-key", "token_type": "Bearer", "expires_in": 3600}
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
    first_token = "refresh-0"

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
        cls.refresh_file = stage.path("refresh", USER)
        if cls.first_token:
            stage.write("refresh/" + USER, cls.first_token + "\n")
        backend = {"plugin": "imap", "host": "localhost", "port": backend["port"], "ca_file": backend["ca_file"], "auth": "token",
                   "token_endpoint": f"https://localhost:{server.token_port}/token", "token_ca_file": stage.ca,
                   "token_client_id": "gateway", "token_client_secret_file": stage.write("client.secret", SECRET + "\n"),
                   **settings(stage)}
        stage.write_gateway_ini({key: value for key, value in backend.items() if value}, gateway={"poll_folders": "1s"})
        cls.begin()

    @classmethod
    def begin(cls):
        cls.device = cls.stage.first_device()

    def deliver(self, octets):
        with self.stage.lmtp() as lmtp:
            lmtp.sendmail("bob@example.org", [USER], octets)

    def log(self):
        with open(self.stage.gateway.log, errors="replace") as text:
            return text.read()

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


class ByKey(Tokens):
    @classmethod
    def setUpClass(cls):
        def settings(stage):
            key = stage.write("client.key", "")
            st.openssl("genrsa", "-out", key, "2048")
            st.openssl("rsa", "-in", key, "-pubout", "-out", stage.path("client.pub"))
            cls.server.public_key = stage.path("client.pub")
            return {"token_client_auth": "key", "token_client_key_file": key, "token_client_secret_file": ""}
        cls.set_up(settings)

    def test_mail_comes_by_a_signed_request(self):
        self.deliver(st.small_message(1))
        self.equal()
        self.assertGreaterEqual(len(self.device.files()), 1)
        self.assertEqual(self.server.wrong, [])
        self.assertEqual(len(self.server.used), 1, "one token, kept as long as it is good")


class ByCode(Tokens):
    first_token = ""

    @classmethod
    def setUpClass(cls):
        cls.set_up(lambda stage: {"refresh_token_dir": stage.path("refresh"), "token_scope": "mail offline",
                                  "token_device_endpoint": f"https://localhost:{cls.server.token_port}/device"})

    @classmethod
    def begin(cls):
        cls.stage.start_gateway()
        cls.stage.register()
        cls.stage.add_user()

    def grant(self, user=USER):
        said = queue.Queue()
        ctl = self.stage.start("grant", "tidegatectl", "--socket", self.stage.control, "--json", "token", "grant", "store", user,
                               reader=lambda line: said.put(json.loads(line)))
        self.addCleanup(ctl.end)
        return ctl, said

    @staticmethod
    def row_of(said):
        line = said.get(timeout=st.DEADLINE)
        while "row" not in line:
            line = said.get(timeout=st.DEADLINE)
        return line["row"]

    def state(self):
        return self.stage.ctl_rows("user", "list")[0]["state"]

    def test_a_who_has_no_token_is_told_so(self):
        st.wait_for("the fault at the user", lambda: "is not there" in self.state())

    def test_b_whoever_waits_no_longer_leaves_nothing_behind(self):
        ctl, said = self.grant()
        self.row_of(said)
        ctl.end()
        st.wait_for("the gateway to ask no more", lambda: "Nobody waits any more for the code" in self.log())
        self.assertFalse(os.path.exists(self.refresh_file))
        self.assertEqual(os.listdir(os.path.dirname(self.refresh_file)), [f".{USER}.lock"])

    def test_c_a_code_that_is_entered_brings_the_first_token(self):
        self.server.polls = 0
        ctl, said = self.grant()
        row = self.row_of(said)
        self.assertEqual((row["open"], row["code"], row["minutes"]), ("https://idp.example.com/enter", "WDJB-MJHT", 15))
        st.wait_for("two polls", lambda: self.server.polls > 1)
        self.assertFalse(os.path.exists(self.refresh_file))
        self.server.entered.set()
        self.assertEqual(ctl.child.wait(st.DEADLINE), 0)
        self.assertIn("lets " + USER + " in", json.dumps(list(said.queue)))
        self.assertEqual(stat.S_IMODE(os.stat(self.refresh_file).st_mode), 0o600)
        self.assertEqual(self.server.codes[-1], {"scope": "mail offline"}, "the secret went along in its field only")
        st.wait_for("the mailbox, without further waiting", lambda: self.state() == "served")
        type(self).device = self.stage.pair_device()
        self.device.start()
        self.deliver(st.small_message(1))
        self.equal()

    def test_d_who_is_nobody_here_gets_no_code(self):
        ctl, said = self.grant("nobody@example.com")
        self.assertEqual(ctl.child.wait(st.DEADLINE), 1)
        self.assertIn("no such user", said.get(timeout=st.DEADLINE)["fault"]["text"])

    def test_e_no_secret_is_logged(self):
        for secret in ["access-", "refresh-", "device-code-1", "WDJB", SECRET]:
            self.assertNotIn(secret, self.log())


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
        for secret in ["access-", "refresh-0", "refresh-1", "another-one", SECRET, urllib.parse.quote(SECRET, safe="")]:
            self.assertNotIn(secret, self.log())


if __name__ == "__main__":
    unittest.main()
