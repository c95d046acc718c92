# SPDX-License-Identifier: Apache-2.0
"""python3 -m ews --certificate PEM --key KEY --control SOCKET [--service ADDRESS:PASSWORD]… USER[:PASSWORD]…
Prints its port when it listens, and ends when its input does."""
import argparse
import sys

from . import control
from .server import Server


def main():
    words = argparse.ArgumentParser(prog="ews")
    words.add_argument("--certificate", required=True)
    words.add_argument("--key", required=True)
    words.add_argument("--control", required=True)
    words.add_argument("--service", action="append", default=[])
    words.add_argument("--scheme", action="append", choices=("basic", "ntlm"))
    words.add_argument("--nodes", type=int, default=1)
    words.add_argument("users", nargs="*")
    given = words.parse_args()
    server = Server(given.certificate, given.key, tuple(given.scheme or ("basic", "ntlm")), given.nodes)
    for people, service in ((given.users, False), (given.service, True)):
        for each in people:
            address, _, password = each.partition(":")
            server.add(address, password=password or "secret", service=service)
    control.listen(server, given.control)
    server.start()
    print(server.port, flush=True)
    sys.stdin.read()
    server.stop()


main()
