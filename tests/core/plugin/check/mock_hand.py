#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tidegate-plugin-check's --hand at a mock back-end with `control = SOCKET`. Usage: mock_hand.py SOCKET WORD"""
import os
import socket
import sys

path, word = sys.argv[1:]
about = {key: os.environ["TIDEGATE_CHECK_" + key] for key in ("USER", "FOLDER", "ITEM")}
line = f"{word} {about['USER']} {about['FOLDER']}"
if about["ITEM"]:
    line += " " + about["ITEM"].rpartition("/")[2]
with socket.socket(socket.AF_UNIX) as control:
    control.connect(path)
    control.sendall(line.encode() + b"\n")
    answer = control.makefile().readline().strip()
if answer != "ok":
    sys.exit(f"the mock answered {answer!r} to {line!r}")
