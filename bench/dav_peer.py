# SPDX-License-Identifier: Apache-2.0
"""A CalDAV server of many users that costs next to nothing: each has one calendar in memory with sync-collection, whose answers
are put together from ready pieces. It knows users by the field X-Remote-User, counts what it is asked, and says when."""
import asyncio
import re
import ssl
import threading
import time

import dav

NAMES = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
RESOURCE = ('<response><href>{href}</href><propstat><prop>{props}</prop><status>HTTP/1.1 200 OK</status></propstat></response>')
GONE = '<response><href>{href}</href><status>HTTP/1.1 404 Not Found</status></response>'


class Calendar:
    def __init__(self, events):
        self.version = 1
        self.events = {f"e{number}": (1, dav.event(f"e{number}", f"Event {number}")) for number in range(events)}


class Peer:
    """Runs in a thread of its own. `asked`: how many requests of each method; `polls`: of home sets; `polled(user)`: when
    (time.time()) the home set of a user was asked for, the last at the end."""

    def __init__(self, certificate, key, users, events):
        self.calendars = {user: Calendar(events) for user in users}
        self.asked, self.polls, self._times, self._lock = {}, 0, {}, threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=4096))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def close(self):
        async def end():
            self.server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def change(self, user, uid, summary):
        """As another client does. Returns when (time.time())."""
        with self._lock:
            calendar = self.calendars[user]
            calendar.version += 1
            calendar.events[uid] = (calendar.version, dav.event(uid, summary))
            self._times[user] = []
            return time.time()

    def polled(self, user):
        with self._lock:
            return list(self._times.get(user, ()))

    def counts(self):
        with self._lock:
            return sum(self.asked.values()), self.polls

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
                body = (await reader.readexactly(int(length[1]))).decode() if length else ""
                method, path = head.split(" ", 2)[:2]
                depth = re.search(r"(?i)\r\ndepth: *(\w+)", head)
                user = re.search(r"(?i)\r\nx-remote-user: *([^\r]*)", head)
                status, kind, said = self._answer(method, path, depth[1] if depth else "0", user[1] if user else "", body)
                said = said.encode()
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(said)}\r\n\r\n".encode() + said)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def _answer(self, method, path, depth, user, body):
        with self._lock:
            self.asked[method] = self.asked.get(method, 0) + 1
            calendar = self.calendars.get(user)
            if calendar is None:
                return "403 Forbidden", "text/plain", "no such user"
            home = f"/home/{user}/"
            place = home + "calendar/"
            if method == "PROPFIND" and depth == "1" and path == home:
                self.polls += 1
                self._times.setdefault(user, []).append(time.time())
                return self._all(RESOURCE.format(href=home, props="<resourcetype><collection/></resourcetype>"),
                                 self._collection(place, calendar))
            if method == "PROPFIND" and depth == "1" and path == place:
                return self._all(*(self._member(place, uid, *event) for uid, event in calendar.events.items()))
            if method == "PROPFIND" and path == place:
                return self._all(self._collection(place, calendar))
            if method == "PROPFIND":
                props = (f"<current-user-principal><href>{home}</href></current-user-principal>"
                         f"<C:calendar-home-set><href>{home}</href></C:calendar-home-set><resourcetype><collection/></resourcetype>")
                return self._all(RESOURCE.format(href=path, props=props))
            if method == "REPORT" and "sync-collection" in body:
                token = re.search(r"data:(\d+)", body)
                since = int(token[1]) if token else 0
                members = (self._member(place, uid, *event) for uid, event in calendar.events.items() if event[0] > since)
                return self._all(*members, f"<sync-token>data:{calendar.version}</sync-token>")
            if method == "REPORT":
                found = []
                for href in re.findall(r"<D:href>([^<]*)</D:href>", body):
                    event = calendar.events.get(href.removeprefix(place).removesuffix(".ics"))
                    found.append(self._member(place, href.removeprefix(place).removesuffix(".ics"), *event, data=True) if event
                                 else GONE.format(href=href))
                return self._all(*found)
            if method == "GET":
                event = calendar.events.get(path.removeprefix(place).removesuffix(".ics"))
                return ("200 OK", "text/calendar", event[1].decode()) if event else ("404 Not Found", "text/plain", "")
            return "405 Method Not Allowed", "text/plain", ""

    @staticmethod
    def _all(*parts):
        return "207 Multi-Status", "application/xml; charset=utf-8", f'<?xml version="1.0"?><multistatus {NAMES}>{"".join(parts)}</multistatus>'

    @staticmethod
    def _collection(place, calendar):
        return RESOURCE.format(href=place, props=(
            "<resourcetype><collection/><C:calendar/></resourcetype><displayname>Calendar</displayname>"
            "<supported-report-set><supported-report><report><sync-collection/></report></supported-report></supported-report-set>"
            f'<sync-token>data:{calendar.version}</sync-token><C:supported-calendar-component-set><C:comp name="VEVENT"/>'
            "</C:supported-calendar-component-set>"))

    @staticmethod
    def _member(place, uid, version, octets, data=False):
        more = f"<C:calendar-data><![CDATA[{octets.decode()}]]></C:calendar-data>" if data else ""
        return RESOURCE.format(href=f"{place}{uid}.ics",
                               props=f'<getetag>"{version}"</getetag><getcontentlength>{len(octets)}</getcontentlength>{more}')
