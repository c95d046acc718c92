#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the settings of the manual pages in docs/man anew from the samples in etc/ (which the programs print from their
tables, held equal by tests). Usage: scripts/manual.py"""
import os
import re

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = {"docs/man/tidegated.ini.5": "etc/tidegated.ini", "docs/man/tidegate-relay.ini.5": "etc/relay.ini"}
BEGIN, END = '.\\" settings, by scripts/manual.py\n', '.\\" end of settings\n'


def rows(ini):
    """(section, about, [(key, kind, default or None, doc)]) of an annotated sample."""
    sections, comment = [], []
    for line in ini.splitlines():
        if line.startswith("; "):
            comment.append(line[2:])
        elif head := re.fullmatch(r"\[(.+)\]", line):
            sections.append((head[1], " ".join(comment), []))
            comment = []
        elif key := re.fullmatch(r"(;?)([a-z0-9_-]+) = ?(.*)|(;?)([a-z0-9_-]+) =", line):
            open_, name, default = (key[1], key[2], key[3]) if key[2] else (key[4], key[5], "")
            doc, _, kind = " ".join(comment).rpartition(" (")
            sections[-1][2].append((name, kind.rstrip(")"), default if open_ or default else None, doc))
            comment = []
        elif not line:
            comment = []
    return sections


def roff(words):
    """Plain words as roff source."""
    words = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    words = "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in words)
    return "\\&" + words if words.startswith((".", "'")) else words


def settings(ini):
    out, before = "", {}
    for section, about, keys in rows(ini):
        kind = section.partition(":")[0]
        known = before.setdefault(kind, [])
        out += f'.SS "[{roff(section)}]"\n{roff(about)}\n'
        for row in keys:
            name, typed, default, doc = row
            if row in known:
                continue
            out += f".TP\n.BR {roff(name)} \" (\\fI{roff(typed)}\\fP)\"\n{roff(doc)}\n"
            if default is None:
                out += "Must be given.\n"
            elif default and name == "plugin":
                out += f"Here\n.BR {roff(default)} .\n"
            elif default:
                out += f"Default:\n.BR \"{roff(default)}\" .\n"
        repeated = [row[0] for row in keys if row in known]
        if repeated:
            out += ".PP\nAnd " + ", ".join(f"\\fB{roff(name)}\\fP" for name in repeated) + ", as above.\n"
        known += keys
    return out


def written(page, ini):
    head, _, rest = page.partition(BEGIN)
    return head + BEGIN + settings(ini) + END + rest.partition(END)[2]


if __name__ == "__main__":
    for page_path, ini_path in PAGES.items():
        with open(os.path.join(SOURCE, page_path), encoding="utf-8") as file:
            old = file.read()
        with open(os.path.join(SOURCE, ini_path), encoding="utf-8") as file:
            new = written(old, file.read())
        if new != old:
            with open(os.path.join(SOURCE, page_path), "w", encoding="utf-8") as file:
                file.write(new)
            print(page_path, "written")
