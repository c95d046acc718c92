# SPDX-License-Identifier: Apache-2.0
"""Hands for tests that are no Python: a Unix socket that takes one JSON object a line and answers one a line.
{"verb": "deliver", "to": address, "mime": base64} and so on; an answer has "error" if it failed."""
import base64
import json
import os
import socketserver
import threading


def folder_of(box, name):
    return box.by_name.get(name) or next((folder for folder in box.folders.values() if folder.name == name), None)


class Hands:
    """Each verb a method; arguments by name. Called with the server's lock held."""

    def __init__(self, server):
        self.server = server

    def deliver(self, to, mime, folder="inbox", read=False):
        return self.server.boxes[to].deliver(base64.b64decode(mime), folder, read=read).id

    def items(self, of, folder="inbox"):
        """What lies in a folder: id, whether it was read, its MIME's octets."""
        return [{"id": item.id, "read": item.is_read, "kind": item.kind, "subject": item.word("Subject"),
                 "mime": base64.b64encode(item.mime or b"").decode()} for item in folder_of(self.server.boxes[of], folder).items.values()]

    def remove(self, of, id):
        self.server.boxes[of].remove(self.server.boxes[of].items[id])
        return True

    def move(self, of, id, folder):
        box = self.server.boxes[of]
        return box.move(box.items[id], folder_of(box, folder)).id

    def read(self, of, id, read=True):
        box = self.server.boxes[of]
        box.items[id].is_read = read
        box.changed(box.items[id], only_read=True)
        return True

    def make_folder(self, of, name):
        box = self.server.boxes[of]
        return box.make_folder(box.by_name["msgfolderroot"], "Folder", name).id

    def misfortune(self, **what):
        self.server.misfortunes.add(**what)
        return True

    def setting(self, name, value):
        getattr(self.server, name)  # it has to be there
        setattr(self.server, name, value)
        return True

    def phantom(self, id):
        self.server.phantoms.add(id)
        return True

    def corrupt(self, id, code="ErrorCorruptData"):
        self.server.corrupt[id] = code
        return True

    def spoil(self, of, message_id):
        """Of the messages with that Message-ID nobody gets anything but their properties."""
        found = [item.id for item in self.server.boxes[of].items.values() if message_id in item.word("InternetMessageId")]
        self.server.corrupt.update((ident, "ErrorCorruptData") for ident in found)
        return len(found)

    def mend(self):
        self.server.corrupt.clear()
        return True

    def expire_states(self, of):
        self.server.expire_states(of)
        return True

    def lose_subscriptions(self):
        self.server.lose_subscriptions()
        return True

    def close_streams(self):
        self.server.close_streams()
        return True

    def move_mailbox(self, of, node):
        self.server.move_mailbox(of, node)
        return True

    def delegate(self, of, to, rights):
        self.server.boxes[of].delegates[to] = tuple(rights)
        return True

    def sent(self):
        return [{"from": sender, "to": to, "mime": base64.b64encode(octets).decode()} for sender, to, octets in self.server.sent]

    def requests(self):
        """Operation, actor and octets of each request since the last time."""
        taken, self.server.requests = self.server.requests, []
        return [{"operation": operation, "actor": actor, "body": octets.decode("utf-8", "replace")} for operation, actor, octets in taken]

    def state(self):
        return {"subscriptions": len(self.server.subscriptions), "hanging": sum(self.server.hanging.values()),
                "streams": self.server.streams, "crashes": self.server.crashes}


def listen(server, path):
    hands = Hands(server)

    class Line(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                try:
                    wish = json.loads(line)
                    with server.lock:
                        answer = {"answer": getattr(hands, wish.pop("verb"))(**wish)}
                except Exception as error:  # of a wrong wish; whoever wished hears of it
                    answer = {"error": f"{type(error).__name__}: {error}"}
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    if os.path.exists(path):
        os.unlink(path)
    listener = socketserver.ThreadingUnixStreamServer(path, Line)
    listener.daemon_threads = True
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    return listener
