#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tidegate-plugin-check's --hand at the scripted EWS server. Usage: hand.py SOCKET spoil|mend"""
import json
import os
import socket
import sys


def ask(path, **wish):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        line.sendall(json.dumps(wish).encode() + b"\n")
        answer = json.loads(line.makefile().readline())
    if "error" in answer:
        sys.exit(answer["error"])
    return answer["answer"]


def main():
    path, word = sys.argv[1:3]
    if word == "spoil":
        ask(path, verb="spoil", of=os.environ["TIDEGATE_CHECK_USER"], message_id=os.environ["TIDEGATE_CHECK_MESSAGE_ID"])
    elif word == "mend":
        ask(path, verb="mend")
    else:
        sys.exit(77)  # it can't go back in time


main()
