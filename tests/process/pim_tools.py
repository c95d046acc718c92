# SPDX-License-Identifier: Apache-2.0
"""khal, khard and todoman on a device's vdir, with a home of their own; and what an object says, to compare two of them."""
import collections
import os
import re
import subprocess


class Tools:
    """`pim` is the vdir's root; the names are of its collections."""

    def __init__(self, stage, pim, events="default", tasks="tasks", cards="default"):
        self.pim, self.home = pim, stage.path("home")
        os.makedirs(self.home, exist_ok=True)
        formats = "".join(f"{name} = {value}\n" for name, value in (
            ("timeformat", "%H:%M"), ("dateformat", "%Y-%m-%d"), ("longdateformat", "%Y-%m-%d"),
            ("datetimeformat", "%Y-%m-%d %H:%M"), ("longdatetimeformat", "%Y-%m-%d %H:%M"),
            ("local_timezone", "Europe/Berlin"), ("default_timezone", "Europe/Berlin")))
        self.khal_ini = stage.write("khal.conf", f"[calendars]\n[[home]]\npath = {pim}/calendars/{events}\n[sqlite]\n"
                                    f"path = {stage.path('khal.db')}\n[locale]\n{formats}[default]\ndefault_calendar = home\n")
        self.khard_ini = stage.write("khard.conf", f"[addressbooks]\n[[people]]\npath = {pim}/contacts/{cards}\n[general]\n"
                                     "editor = /bin/false\nmerge_editor = /bin/false\ndefault_action = list\n")
        self.todo_ini = stage.write("todo.py", f'path = "{pim}/calendars/*"\ndate_format = "%Y-%m-%d"\ntime_format = "%H:%M"\n'
                                    f'default_list = "{tasks}"\ncache_path = "{stage.path("todo.db")}"\n')

    def run(self, *words, answers=""):
        home = {"HOME": self.home, "XDG_CONFIG_HOME": self.home, "XDG_CACHE_HOME": self.home, "XDG_DATA_HOME": self.home,
                "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        done = subprocess.run(words, input=answers, capture_output=True, text=True, timeout=60, env=home)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def khal(self, *words, **more):
        return self.run("khal", "-c", self.khal_ini, *words, **more)

    def khard(self, *words, **more):
        return self.run("khard", "-c", self.khard_ini, *words, **more)

    def todo(self, *words):
        return self.run("todoman", "--config", self.todo_ini, *words)

    def script(self, text, *words):
        """In the Python that khal runs in: with its own modules, and icalendar."""
        return self.run("/usr/bin/python3", "-c", text, *words)


def write(octets, *parts):
    """As the programs do: another file, renamed."""
    path = os.path.join(*parts)
    with open(path + ".draft", "wb") as out:
        out.write(octets)
    os.rename(path + ".draft", path)


STAMPS = ("DTSTAMP", "LAST-MODIFIED", "SEQUENCE", "PRODID", "REV")


def says(octets):
    """{component: Counter of its properties}: "VEVENT 20260105T100000/VALARM". Order, folds, cases of names and marks of time do
    not count; parameters and the parts of a rule have no order (RFC 5545 §3.1, §3.3.10)."""
    found, path = {}, []
    text = re.sub(r"\r?\n[ \t]", "", octets.decode("utf-8"))
    for line in text.splitlines():
        if not line.strip():
            continue
        quoted = re.match(r'((?:"[^"]*"|[^":])*):(.*)$', line, re.S)
        head, value = quoted[1], quoted[2]
        name, *params = re.findall(r'(?:"[^"]*"|[^";])+', head)
        name = name.upper()
        if name == "BEGIN":
            path.append([value.upper(), collections.Counter()])
        elif name == "END":
            kind, own = path.pop()
            key = "/".join([each[0] for each in path] + [kind])
            mark = next((value for prop, _, value in own if prop in ("RECURRENCE-ID", "TZID")), "")
            found.setdefault((key + " " + mark).strip(), collections.Counter()).update(own)
        elif name not in STAMPS:
            if name == "RRULE":
                value = ";".join(sorted(value.upper().split(";")))
            words = tuple(sorted({re.sub(r'"', "", each.upper()) for each in params} - {"VALUE=DATE-TIME"}))  # it is one anyway
            path[-1][1][(name, words, value)] += 1
    return found


def difference(before, after):
    """{component: (what went, what came)} between two objects' octets, where anything did."""
    one, two = says(before), says(after)
    empty = collections.Counter()
    found = {}
    for key in sorted(one.keys() | two.keys()):
        went, came = one.get(key, empty) - two.get(key, empty), two.get(key, empty) - one.get(key, empty)
        if went or came:
            found[key] = (sorted(went), sorted(came))
    return found
