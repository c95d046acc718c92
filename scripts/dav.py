# SPDX-License-Identifier: Apache-2.0
"""Radicale and Xandikos on loopback below a stage's folder, and a small DAV client that plays another program."""
import base64
import http.client
import os
import shutil
import socket
import ssl
import urllib.parse

import stage as st


def listens(port, process):
    def reachable():
        if not process.alive():
            raise st.StageError(f"{process.name} ended:\n{process.tail()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    st.wait_for(f"{process.name} to listen", reachable)


class Server:
    """What both have: an address, a process, and requests of another client."""
    kind, tls = "", False
    cannot = ""  # laws that it leaves no way to keep

    def __init__(self, stage, user="alice@example.com"):
        self.stage, self.user, self.port = stage, user, st.free_port()
        self.folder = stage.path(self.kind)
        os.makedirs(self.folder, exist_ok=True)
        self.process = None
        self.start()

    def start(self):
        self.process = st.Process(self.kind, self.words(), self.stage.folder)
        self.stage.processes.append(self.process)
        listens(self.port, self.process)

    def kill(self):
        self.process.kill()

    def ask(self, method, path, body=None, **fields):
        """(status, fields, body) of one request."""
        if self.tls:
            context = ssl.create_default_context(cafile=self.stage.ca)
            connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=30)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        login = base64.b64encode(f"{self.user}:pw".encode()).decode()
        head = {"Authorization": "Basic " + login, **{name.replace("_", "-"): value for name, value in fields.items()}}
        connection.request(method, path, body=body, headers=head)
        answer = connection.getresponse()
        said = answer.status, dict(answer.getheaders()), answer.read()
        connection.close()
        return said

    def must(self, method, path, body=None, **fields):
        status, head, said = self.ask(method, path, body, **fields)
        if not 200 <= status < 300:
            raise st.StageError(f"{self.kind}: {method} {path}: {status} {said[:500]!r}")
        return head, said

    def put(self, path, octets):
        kind = "text/vcard" if path.endswith(".vcf") else "text/calendar"
        return self.must("PUT", path, octets, Content_Type=kind + "; charset=utf-8")

    def make(self, path, name, cards=False, component="VEVENT"):
        what = ("<C:addressbook xmlns:C='urn:ietf:params:xml:ns:carddav'/>" if cards else
                "<C:calendar xmlns:C='urn:ietf:params:xml:ns:caldav'/>")
        more = "" if cards else ("<C:supported-calendar-component-set xmlns:C='urn:ietf:params:xml:ns:caldav'>"
                                 f"<C:comp name='{component}'/></C:supported-calendar-component-set>")
        body = ("<?xml version='1.0'?><D:mkcol xmlns:D='DAV:'><D:set><D:prop><D:resourcetype><D:collection/>" + what +
                f"</D:resourcetype><D:displayname>{name}</D:displayname>{more}</D:prop></D:set></D:mkcol>")
        self.must("MKCOL", path, body, Content_Type="application/xml")


    def set(self, path, property, uri, value):
        body = (f"<?xml version='1.0'?><D:propertyupdate xmlns:D='DAV:'><D:set><D:prop><P:{property} xmlns:P='{uri}'>{value}"
                f"</P:{property}></D:prop></D:set></D:propertyupdate>")
        said = self.must("PROPPATCH", path, body, Content_Type="application/xml")[1]
        if b"200 OK" not in said:
            raise st.StageError(f"{self.kind}: {property} of {path}: {said[:500]!r}")

    def name(self, path, name):
        self.set(path, "displayname", "DAV:", name)

    def color(self, path, color, cards=False):
        if cards:
            self.set(path, "addressbook-color", "http://inf-it.com/ns/ab/", color)
        else:
            self.set(path, "calendar-color", "http://apple.com/ns/ical/", color)


class Radicale(Server):
    """TLS, and each user's own password."""
    kind, tls = "radicale", True

    @staticmethod
    def there():
        return shutil.which("radicale", path="/usr/bin:/usr/local/bin")

    def words(self):
        users = self.stage.write("radicale.users", f"{self.user}:pw\n")
        config = self.stage.write("radicale.conf", "\n".join([
            "[server]", f"hosts = 127.0.0.1:{self.port}", "ssl = True", f"certificate = {self.stage.certificate}",
            f"key = {self.stage.key}", "[auth]", "type = htpasswd", f"htpasswd_filename = {users}",
            "htpasswd_encryption = plain", "delay = 0", "[storage]", f"filesystem_folder = {self.folder}"]))
        return [self.there(), "--config", config]

    def home(self):
        return "/" + urllib.parse.quote(self.user, safe="@") + "/"

    calendars = cards = home

    def backend(self):
        passwords = self.stage.path("dav.passwords")
        os.makedirs(passwords, exist_ok=True)
        self.stage.write(f"dav.passwords/{self.user}", "pw\n")
        return {"plugin": "caldav", "url": f"https://localhost:{self.port}", "ca_file": self.stage.ca, "password_dir": passwords}


class Xandikos(Server):
    """No TLS, and nobody is asked who he is: so nobody is unknown."""
    kind, cannot = "xandikos", "Law7.UnknownUsersAreRefusedForGood"

    @staticmethod
    def there():
        return shutil.which("xandikos", path="/usr/bin:/usr/local/bin")

    def words(self):
        return [self.there(), "-d", self.folder, "-l", "127.0.0.1", "-p", str(self.port), "--current-user-principal", "/alice/",
                "--defaults", "--autocreate"]

    def calendars(self):
        return "/alice/calendars/"

    def cards(self):
        return "/alice/contacts/"

    def backend(self):
        return {"plugin": "caldav", "url": f"http://localhost:{self.port}", "allow_plaintext": "yes", "auth": "remote_user"}


def event(uid, summary="An event", start="20260601T100000Z", more=""):
    return ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//test//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{start}\r\nSUMMARY:{summary}\r\n{more}END:VEVENT\r\n"
            "END:VCALENDAR\r\n").encode()


def card(uid, name="Anna Tide"):
    family = name.split()[-1]
    return (f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:{family};{name.split()[0]};;;\r\n"
            f"item1.EMAIL;TYPE=INTERNET:{uid}@example.org\r\nitem1.X-ABLabel:harbour\r\nX-UNKNOWN:kept\r\nEND:VCARD\r\n").encode()
