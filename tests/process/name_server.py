# SPDX-License-Identifier: Apache-2.0
"""A name server on loopback (RFC 1035, UDP) that knows a few SRV and TXT records."""
import socket
import struct
import threading

TXT, SRV = 16, 33


def labels(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def srv(host, port, priority=0, weight=0):
    return SRV, struct.pack("!HHH", priority, weight, port) + labels(host)


def txt(text):
    return TXT, bytes([len(text)]) + text.encode()


class NameServer:
    def __init__(self, records):
        """{name: [srv(…), txt(…)]}; whatever is asked is kept in `asked` as (name, type)."""
        self.records, self.asked = records, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            question, peer = self.socket.recvfrom(2048)
            if not question:
                return
            parts, at = [], 12
            while question[at]:
                parts.append(question[at + 1:at + 1 + question[at]].decode().lower())
                at += 1 + question[at]
            name, kind = ".".join(parts), struct.unpack("!H", question[at + 1:at + 3])[0]
            self.asked.append((name, kind))
            answers = [data for of, data in self.records.get(name, ()) if of == kind]
            head = question[:2] + struct.pack("!HHHHH", 0x8180 if name in self.records else 0x8183, 1, len(answers), 0, 0)
            self.socket.sendto(head + question[12:at + 5] + b"".join(
                struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data for data in answers), peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()
