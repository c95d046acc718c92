# SPDX-License-Identifier: Apache-2.0
"""The server as such: its mailboxes and limits, HTTP over TLS, logins, impersonation, affinity, and faults on demand."""
import base64
import http.server
import itertools
import json
import socket
import ssl
import sys
import threading
import traceback

from . import autodiscover, directory, folders, items, kerberos, notify, ntlm, soap, sync
from .calls import Attachment, Call
from .mailbox import Mailbox
from .misfortune import Misfortunes
from .schema import EwsError, Fault, check_operation, local

OPERATIONS = {**folders.OPERATIONS, **items.OPERATIONS, **sync.OPERATIONS, **notify.OPERATIONS, **directory.OPERATIONS}
COOKIE = "X-BackEndOverrideCookie"
PATH = "/EWS/Exchange.asmx"


class Server:
    """Everything below `lock`; `wake` is told of each event in a mailbox."""

    def __init__(self, certificate, key, schemes=("basic", "ntlm"), nodes=1):
        self.lock = threading.RLock()
        self.wake = threading.Condition(self.lock)
        self.boxes, self.owners, self.subscriptions, self.hanging = {}, {}, {}, {}
        self.numbers = itertools.count(1)
        self.schemes, self.nodes, self.services = schemes, nodes, set()
        self.crashes = []  # of this program; a test looks that there was none
        self.sent, self.requests = [], []  # (sender, recipients, octets); (operation, actor, octets of the body)
        # Limits and habits that tests set. [EWS throttling]
        self.batch_limit, self.find_limit, self.hanging_limit, self.subscriptions_limit = 512, 1000, 10, 5000
        self.hanging_budget = None  # whose connections all streams are; None: of whoever is acted for when one is opened
        self.stream_seconds, self.heartbeat, self.delete_checks_keys = None, 30.0, False
        self.restarts_silently, self.sync_state_padding, self.oldest_state = False, 0, {}
        self.keytab = None  # of this server's principal, for the scheme negotiate
        self.tokens, self.grant = {}, None  # access token → whose; what a token endpoint answers to a form
        self.directions = {}  # address → what Autodiscover says instead: {"EwsUrl": …} or {"RedirectAddress": …} or {"RedirectUrl": …}
        self.discovered = []  # (path, address) of each question to Autodiscover
        self.regenerates = True  # MIME is made anew when it is read
        self.phantoms, self.corrupt = set(), {}  # ids that sync names and GetItem refuses; id → ResponseCode
        self.misfortunes, self.generation, self.streams, self.closing = Misfortunes(), 0, 0, False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        self.http = Listener(self, context)
        self.port = self.http.server_address[1]
        self.url = f"https://localhost:{self.port}{PATH}"

    def start(self):
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        with self.lock:
            self.closing = True
            self.wake.notify_all()
        self.http.shutdown()
        self.http.server_close()

    # --- people ---
    def add(self, address, name="", password="secret", service=False):
        """A mailbox; with service=True its account may impersonate everybody."""
        with self.lock:
            box = Mailbox(self, len(self.boxes) + 1, address.lower(), name or address.split("@")[0].title(), password)
            box.node = len(self.boxes) % self.nodes
            self.boxes[box.address] = box
            if service:
                self.services.add(box.address)
            return box

    def mailbox(self, address):
        found = self.boxes.get((address or "").lower())
        if found is None:
            raise EwsError("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        return found

    def owner(self, ident, code):
        found = self.owners.get(ident)
        if found is None:
            raise EwsError(code, "The specified object was not found in the store." if "NotFound" in code else "Id is malformed.")
        return found

    def account(self, name):
        """DOMAIN\\name, name or address → mailbox"""
        name = name.rpartition("\\")[2].lower()
        return self.boxes.get(name) or next((box for box in self.boxes.values() if box.address.split("@")[0] == name), None)

    def attachment(self, name, kind, content, inline, content_id):
        return Attachment(f"AAMkatt{next(self.numbers):08}", name, kind or "application/octet-stream", content, inline, content_id)

    # --- what tests do to it ---
    def lose_subscriptions(self, *idents):
        with self.lock:
            for ident in idents or [*self.subscriptions]:
                self.subscriptions.pop(ident, None)
            self.wake.notify_all()

    def close_streams(self):
        with self.lock:
            self.generation += 1
            self.wake.notify_all()

    def expire_states(self, address):
        """SyncStates of the mailbox that were given until now are good no longer."""
        with self.lock:
            self.oldest_state[address.lower()] = self.boxes[address.lower()].step()

    def move_mailbox(self, address, node):
        """To another server: subscriptions there are lost, and the rest goes on."""
        with self.lock:
            box = self.boxes[address.lower()]
            box.node = node
            self.lose_subscriptions(*(each.id for each in [*self.subscriptions.values()] if each.box is box))

    # --- one request ---
    def answer(self, account, octets, headers, reply):
        """reply(status, octets, cookie) or, for a stream, reply.stream(envelopes, cookie)"""
        cookie = None
        try:
            header, request = soap.parse(octets)
            name, version = local(request), soap.check_version(header)
            with self.lock:
                wanted = soap.impersonated(header)
                actor = account
                if wanted is not None:
                    if account.address not in self.services:
                        raise Fault("ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user.")
                    actor = self.boxes.get(wanted)
                    if actor is None:
                        raise Fault("ErrorNonExistentMailbox", "No mailbox with such guid.")
                node, cookie = self.route(headers, actor)
                self.requests.append((name, actor.address, octets))
                misfortune = self.misfortunes.next(name, actor.address)
            if misfortune and misfortune.happens(self, name, octets, reply):
                return
            check_operation(request)
            call = Call(self, account, actor, version, node)
            if name == "GetStreamingEvents":
                if misfortune and misfortune.do == "code":
                    made = soap.answer(name, [soap.failure(name, EwsError(misfortune.what["code"]))])
                    reply(200, soap.envelope(made), cookie)
                else:
                    reply.stream(notify.stream(call, request), cookie)
                return
            with self.lock:
                body = OPERATIONS[name](call, request)
                if misfortune:
                    misfortune.spoil(body)
                made = soap.envelope(body)
            if not (misfortune and misfortune.leaves(made, reply)):
                reply(200, made, cookie)
        except Fault as error:
            reply(500, soap.fault(error), cookie)
        except OSError:  # whoever asked is gone
            reply.handler.close_connection = True
        except Exception as error:
            if not isinstance(error, EwsError):
                self.crashes.append(traceback.format_exc())
                error = EwsError("ErrorInternalServerError", "This server has an error of its own.")
            # Of what concerns the request as a whole, like its folder.
            message = soap.answer(name, [soap.failure(name, error)])
            reply(200, soap.envelope(message), cookie)

    def route(self, headers, actor):
        """→ (the node that answers, a cookie to set). Affinity as "How to maintain affinity" has it."""
        if headers.get("X-PreferServerAffinity", "").lower() == "true":
            given = [each.partition("=")[2] for each in headers.get("Cookie", "").split("; ") if each.startswith(COOKIE + "=")]
            given += [headers[COOKIE]] if COOKIE in headers else []
            if given:
                return int(given[0].rpartition("~")[2]), None
            anchor = self.boxes.get(headers.get("X-AnchorMailbox", "").lower(), actor)
            return anchor.node, f"node~{anchor.node}"
        return actor.node, None


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def __init__(self, ews, context):
        self.ews, self.context = ews, context
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1900
    account, eight = None, None  # of this connection, by NTLM; the challenge that is open

    def log_message(self, *_):
        pass

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        if length > 64 << 20:
            self.close_connection = True
            return self.reply(413, b"", None)
        octets = self.rfile.read(length)
        if self.path == "/token" and self.server.ews.grant:
            return self.reply(200, json.dumps(self.server.ews.grant(octets.decode())).encode(), None)
        account = self.authenticated()
        if account is None:
            return None
        if self.path.lower().startswith(autodiscover.PATH):
            return self.reply(*autodiscover.answer(self.server.ews, account, self.path.lower(), octets), None)
        if self.path.lower() != PATH.lower():
            return self.reply(404, b"", None)
        return self.server.ews.answer(account, octets, self.headers, Reply(self))

    def do_GET(self):
        if self.authenticated() is not None:
            self.reply(200, b"<html>EWS</html>", None)

    def authenticated(self):
        ews = self.server.ews
        scheme, _, given = self.headers.get("Authorization", "").partition(" ")
        if self.account is not None and not given:
            return self.account
        scheme = scheme.lower()
        names = {"basic": 'Basic realm="peer"', "ntlm": "NTLM", "negotiate": "Negotiate", "bearer": "Bearer"}
        wanted = [("WWW-Authenticate", names[each]) for each in ews.schemes]
        if scheme == "bearer" and scheme in ews.schemes and given in ews.tokens:
            return ews.account(ews.tokens[given])
        try:
            octets = base64.b64decode(given, validate=True)
        except ValueError:
            octets = b""
        if scheme == "basic" and scheme in ews.schemes:
            name, _, password = octets.decode("utf-8", "replace").partition(":")
            box = ews.account(name)
            if box is not None and box.password == password:
                return box
        elif scheme == "ntlm" and scheme in ews.schemes and octets[8:12] == b"\x01\0\0\0":
            message, self.eight = ntlm.challenge()
            wanted = [("WWW-Authenticate", "NTLM " + base64.b64encode(message).decode())]
        elif scheme == "ntlm" and scheme in ews.schemes and self.eight:
            name = ntlm.check(octets, self.eight, lambda who: getattr(ews.account(who), "password", None))
            self.eight = None
            if name is not None:
                self.account = ews.account(name)  # it authenticates the connection
                return self.account
        elif scheme == "negotiate" and scheme in ews.schemes and octets:
            name = kerberos.principal(octets, ews.keytab)
            if name is not None:
                self.account = ews.account(name)
                return self.account
        self.reply(401, b"", None, wanted)
        return None

    def reply(self, status, octets, cookie, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if cookie:
            self.send_header("Set-Cookie", f"{COOKIE}={cookie}; path=/; secure; HttpOnly")
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)


class Reply:
    """How an answer leaves: whole, cut off, or as an endless chunked body."""

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, status, octets, cookie=None, headers=()):
        self.handler.reply(status, octets, cookie, headers)

    def cut_off(self, octets):
        """A length is announced, part of it comes, and the connection ends."""
        handler = self.handler
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml; charset=utf-8")
        handler.send_header("Content-Length", str(len(octets) + 1000))
        handler.end_headers()
        handler.wfile.write(octets)
        handler.close_connection = True

    def stream(self, envelopes, cookie):
        handler, ews = self.handler, self.handler.server.ews
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        if cookie:
            handler.send_header("Set-Cookie", f"{COOKIE}={cookie}; path=/; secure; HttpOnly")
        handler.end_headers()
        try:
            for envelope in envelopes:
                for part in ews.misfortunes.chunks(envelope):
                    handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            handler.close_connection = True
        finally:
            envelopes.close()
