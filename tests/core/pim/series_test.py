# SPDX-License-Identifier: Apache-2.0
"""10,000 random series (zones, gaps, overlaps, rules, RDATE, EXDATE, overrides, THISANDFUTURE) expanded twice: by
core/pim (the program pim_expand, one process for all) and here, by python3-dateutil's rules in naive local time and
CPython's zoneinfo (dateutil's tzical for zones that the object itself defines). Compared: the list of (begin, end,
which component) inside a random window, in order. One Python process; a case differs only by its seed, which a failure
names. SERIES=N and SEED=N change number and seed.

What dateutil reads otherwise than RFC 5545 is not generated, and is in instances_test.cpp's tables instead: a DTSTART
that does not fit its rule, BYWEEKNO without BYDAY, BYSETPOS in the first week of a weekly rule. Neither are the last days of December as the first week of the next year
counted from its end (-52, -53): dateutil takes them for that only if it is counted from the beginning."""
import calendar
import datetime as dt
import io
import os
import random
import signal
import subprocess
import sys
import unittest
import zoneinfo

from dateutil import rrule, tz

BUILD = os.environ["TIDEGATE_BUILD"]
CASES = int(os.environ.get("SERIES", "10000"))
SEED = int(os.environ.get("SEED", "20260102"))
BATCH = 250
MOST = 150  # instances of a series that the other side makes
UTC = dt.timezone.utc
NAMES = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"]
FREQS = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Cairo",
         "Pacific/Apia", "Asia/Tehran", "Europe/Dublin", "America/St_Johns", "Pacific/Chatham", "Africa/Casablanca",
         "America/Santiago", "Asia/Kathmandu", "Antarctica/Troll", "Europe/Moscow", "Asia/Gaza", "America/Havana"]


def text(moment):
    return moment.strftime("%Y%m%dT%H%M%S")


class Fixed:
    """Times of a zone: naive local → UTC seconds."""

    def __init__(self, zone):
        self.zone = zone

    def seconds(self, local):
        # fold=0: the first of two; in a gap the offset before it (PEP 495), as RFC 5545 §3.3.5 wants it.
        return int(local.replace(tzinfo=self.zone, fold=0).timestamp())

    def local(self, seconds):
        return dt.datetime.fromtimestamp(seconds, UTC).astimezone(self.zone).replace(tzinfo=None)


class Defined(Fixed):
    """By dateutil's reading of a VTIMEZONE, which knows neither gaps nor folds as RFC 5545 does: none is asked for."""

    def seconds(self, local):
        if not tz.datetime_exists(local, self.zone) or tz.datetime_ambiguous(local, self.zone):
            raise Skip
        return int(local.replace(tzinfo=self.zone).timestamp())

    def local(self, seconds):
        return dt.datetime.fromtimestamp(seconds, self.zone).replace(tzinfo=None)


class Skip(Exception):
    pass


def give_up(*_):
    raise Skip


def case_of(seed):
    """None: not one that can be judged. A rule whose day never comes keeps dateutil busy to the year 9999: a case has a
    twentieth of a second of this process's own time, and is told again if what tells it is raised where Python drops
    exceptions (in the callback of a weak reference). It may be told while the clock is being stopped, too."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, .05, .05)
        try:
            return Case(seed)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except (Skip, OverflowError, ValueError):
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return None


def some(random_, values, most):
    return sorted(random_.sample(values, random_.randint(1, min(most, len(values)))))


def either(random_, most, count):
    values = list(range(1, most + 1)) + list(range(-most, 0))
    return random_.sample(values, random_.randint(1, count))


def random_rule(r):
    """Parts as RFC 5545's table allows them, as text and as dateutil's arguments."""
    freq = r.choices(FREQS, [18, 22, 22, 22, 8, 5, 3])[0]
    parts, args = {"FREQ": freq}, {}
    if r.random() < .5:
        parts["INTERVAL"] = r.choice([1, 2, 2, 3, 4, 5, 7, 13, 25, 90])
        args["interval"] = parts["INTERVAL"]
    if r.random() < .3:
        day = r.randrange(7)
        parts["WKST"] = NAMES[day]
        args["wkst"] = (day + 6) % 7

    def put(name, argument, values):
        parts[name] = ",".join(map(str, values))
        args[argument] = list(values)

    days = r.random() < .5
    weeks = freq == "YEARLY" and r.random() < .15
    if r.random() < .25:
        put("BYMONTH", "bymonth", some(r, list(range(1, 13)), 4))
    if weeks:
        put("BYWEEKNO", "byweekno", [week for week in either(r, 53, 3) if week > -52] or [1])
    if freq == "YEARLY" and not weeks and r.random() < .15:
        put("BYYEARDAY", "byyearday", either(r, 366, 6))
    if freq in ("YEARLY", "MONTHLY", "DAILY") and not weeks and r.random() < .3:
        put("BYMONTHDAY", "bymonthday", either(r, 31, 4))
    if days or weeks:
        numbered = freq in ("YEARLY", "MONTHLY") and not weeks and r.random() < .5
        chosen = r.sample(range(7), r.randint(1, 4))
        words, values = [], []
        for day in chosen:
            most = 5 if freq == "MONTHLY" or "BYMONTH" in parts else 53
            n = r.choice([x for x in range(-most, most + 1) if x]) if numbered else 0
            words.append((f"{n:+}" if n and r.random() < .5 else str(n) if n else "") + NAMES[day])
            weekday = rrule.weekday((day + 6) % 7)
            values.append(weekday(n) if n else weekday)
        parts["BYDAY"] = ",".join(words)
        args["byweekday"] = values
    if r.random() < .2:
        put("BYHOUR", "byhour", some(r, list(range(24)), 3))
    if r.random() < .15:
        put("BYMINUTE", "byminute", some(r, list(range(60)), 3))
    if r.random() < .08:
        put("BYSECOND", "bysecond", some(r, list(range(60)), 2))
    if r.random() < .12 and freq != "WEEKLY" and any(key.startswith("BY") for key in parts):
        put("BYSETPOS", "bysetpos", [r.choice([1, 2, 3, -1, -2, 5])])
    return freq, parts, args


def random_vtimezone(r):
    """A zone of its own: two rules, or one offset."""
    standard = r.choice(range(-44, 52)) * 900
    begin = r.choice([1601, 1970, 1987])

    def offset(seconds):
        return f"{'-' if seconds < 0 else '+'}{abs(seconds) // 3600:02}{abs(seconds) // 60 % 60:02}"

    def observance(kind, before, after, month, nth):
        hour = r.choice([1, 2, 3])
        day = next(d for d in calendar.Calendar().itermonthdates(max(begin, 1970), month)
                   if d.month == month and d.weekday() == 6)
        if nth < 0:
            day = [d for d in calendar.Calendar().itermonthdates(begin, month) if d.month == month and d.weekday() == 6][-1]
        else:
            day = [d for d in calendar.Calendar().itermonthdates(begin, month) if d.month == month and d.weekday() == 6][nth - 1]
        return [f"BEGIN:{kind}", f"DTSTART:{day:%Y%m%d}T{hour:02}0000", f"TZOFFSETFROM:{offset(before)}",
                f"TZOFFSETTO:{offset(after)}", f"RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY={nth}SU", f"END:{kind}"]
    lines = ["BEGIN:VTIMEZONE", "TZID:Own Zone"]
    if r.random() < .8:
        lines += observance("DAYLIGHT", standard, standard + 3600, r.choice([3, 4]), r.choice([1, 2, -1]))
        lines += observance("STANDARD", standard + 3600, standard, r.choice([10, 11]), r.choice([1, 2, -1]))
    else:
        lines += ["BEGIN:STANDARD", f"DTSTART:{begin}0101T000000", f"TZOFFSETFROM:{offset(standard)}",
                  f"TZOFFSETTO:{offset(standard)}", "END:STANDARD"]
    lines.append("END:VTIMEZONE")
    return lines


class Case:
    def __init__(self, seed):
        r = self.r = random.Random(seed)
        self.kind = r.choices(["zoned", "own", "utc", "floating", "date"], [45, 12, 12, 12, 19])[0]
        self.lines, self.head = [], []
        self.floating_name = r.choice(ZONES)
        self.floating = Fixed(zoneinfo.ZoneInfo(self.floating_name))
        self.parameter = ""
        if self.kind == "zoned":
            name = r.choice(ZONES)
            self.zone = Fixed(zoneinfo.ZoneInfo(name))
            self.parameter = f";TZID={name}"
        elif self.kind == "own":
            self.head = random_vtimezone(r)
            source = "BEGIN:VCALENDAR\r\n" + "\r\n".join(self.head) + "\r\nEND:VCALENDAR\r\n"
            self.zone = Defined(tz.tzical(io.StringIO(source)).get())
            self.parameter = ";TZID=Own Zone"
        elif self.kind == "utc":
            self.zone = Fixed(UTC)
        else:
            self.zone = self.floating
            if self.kind == "date":
                self.parameter = ";VALUE=DATE"
        self.make()

    def word(self, local):
        return f"{local:%Y%m%d}" if self.kind == "date" else text(local) + ("Z" if self.kind == "utc" else "")

    def elsewhere(self, local, name):
        """`NAME…:value` for the same instant, in this zone or told in another."""
        how = self.r.random()
        if self.kind in ("date", "floating") or how < .6:
            return f"{name}{self.parameter}:{self.word(local)}"
        at = self.zone.seconds(local)
        if how < .8:
            return f"{name}:{text(dt.datetime.fromtimestamp(at, UTC))}Z"
        other = Fixed(zoneinfo.ZoneInfo("Asia/Kathmandu"))
        return f"{name};TZID=Asia/Kathmandu:{text(other.local(at))}"

    def make(self):
        r = self.r
        freq, parts, args = random_rule(r)
        if self.kind == "date":
            if FREQS.index(freq) > 3:
                raise Skip
            for name, argument in (("BYHOUR", "byhour"), ("BYMINUTE", "byminute"), ("BYSECOND", "bysecond")):
                parts.pop(name, None)
                args.pop(argument, None)
        start = dt.datetime(r.randint(1996, 2026), r.randint(1, 12), r.randint(1, 28))
        if self.kind != "date":
            # Many begin where clocks change.
            start += dt.timedelta(hours=r.choice([1, 2, 2, 3, r.randrange(24)]), minutes=r.choice([0, 0, 30, r.randrange(60)]))
        if r.random() < .2:
            start = start.replace(day=calendar.monthrange(start.year, start.month)[1])

        def of(begin):
            return rrule.rrule(getattr(rrule, freq), dtstart=begin, cache=False, **args)

        def some_of(begin, most):
            found = []
            last = begin + dt.timedelta(days=366 * 12)
            for each in of(begin).xafter(begin, inc=True):
                if each > last or len(found) >= most:
                    break
                found.append(each)
            return found
        # dateutil walks minute by minute to where a month begins.
        if FREQS.index(freq) > 4:
            for name, argument in (("BYMONTH", "bymonth"), ("BYSETPOS", "bysetpos")):
                parts.pop(name, None)
                args.pop(argument, None)
        first = some_of(start, 1)
        if not first:
            raise Skip
        start = first[0]
        series = some_of(start, MOST)
        if not series or series[0] != start:
            raise Skip
        limit = r.random()
        if limit < .3:
            parts["COUNT"] = r.randint(1, 30)
            whole = len(series) >= parts["COUNT"]
            series = series[:parts["COUNT"]]
        elif limit < .55:
            last = r.choice(series[:60])
            if self.kind in ("date", "floating"):
                parts["UNTIL"] = self.word(last)
                series = [each for each in series if each <= last]
            else:
                until = self.zone.seconds(last)
                parts["UNTIL"] = text(dt.datetime.fromtimestamp(until, UTC)) + "Z"
                kept = []
                for each in series:
                    if self.zone.seconds(each) > until:
                        break
                    kept.append(each)
                series = kept
            whole = True
        else:
            whole = False
        seconds = self.zone.seconds
        length = 86400 * r.choice([1, 1, 2, 7]) if self.kind == "date" else r.choice([0, 1800, 3600, 5400, 86400, 100000])
        # Behind it nothing is known here.
        horizon = None if whole else seconds(series[-1] if len(series) >= MOST else start + dt.timedelta(days=366 * 12))

        added = []
        for _ in range(r.choice([0, 0, 0, 1, 3])):
            at = r.choice(series[:50]) + dt.timedelta(days=r.randint(-3, 40), minutes=0 if self.kind == "date" else 37)
            if at > start:
                added.append(at)
        originals = sorted(set(series) | set(added))
        if not whole:
            originals = [each for each in originals if seconds(each) <= horizon]
        excluded = set()
        for _ in range(r.choice([0, 0, 1, 2, 5])):
            excluded.add(r.choice(originals[:60]))
        by_instant = {}
        for each in originals:  # a gap may put two at one instant: they can't be told apart by any id
            if seconds(each) in by_instant:
                raise Skip
            by_instant[seconds(each)] = each
        body = [f"DTSTART{self.parameter}:{self.word(start)}", "SUMMARY:m",
                "RRULE:" + ";".join(f"{key}={value}" for key, value in parts.items())]
        if self.kind == "date":
            end = start + dt.timedelta(seconds=length)
            body.append(r.choice([f"DTEND;VALUE=DATE:{end:%Y%m%d}", f"DURATION:P{length // 86400}D"]))
        elif length:
            body.append(f"DURATION:PT{length}S")
        if added:
            body += [f"RDATE{self.parameter}:" + ",".join(self.word(each) for each in added)]
        body += [self.elsewhere(each, "EXDATE") for each in sorted(excluded)]

        def span(local, size):
            end = seconds(local + dt.timedelta(seconds=size)) if self.kind == "date" else seconds(local) + size
            return seconds(local), end

        result, components, future = [], [body], None
        left = [each for each in originals if each not in excluded]
        overridden = {}
        for number in range(r.choice([0, 0, 1, 2, 4])):
            pool = [each for each in left[:60] if each not in overridden]
            if not pool:
                break
            which = r.choice(pool)
            moved = which + dt.timedelta(days=r.randint(-20, 20), minutes=0 if self.kind == "date" else r.randint(-600, 600))
            size = length if self.kind == "date" else r.choice([600, 7200])
            name = f"o{number}"
            override = [self.elsewhere(which, "RECURRENCE-ID"), f"DTSTART{self.parameter}:{self.word(moved)}", f"SUMMARY:{name}"]
            ranged = future is None and r.random() < .25
            if ranged:
                head, _, value = override[0].partition(":")
                override[0] = f"{head};RANGE=THISANDFUTURE:{value}"
                future = (which, moved - which, size, name)
            override.append(f"DURATION:P{size // 86400}D" if self.kind == "date" else f"DURATION:PT{size}S")
            components.append(override)
            overridden[which] = (*span(moved, size), name)
        for each in left:
            if each in overridden:
                result.append(overridden[each])
            elif future and each > future[0]:
                result.append((*span(each + future[1], future[2]), future[3]))
            else:
                result.append((*span(each, length), "m"))

        middle = seconds(r.choice(originals[:80]))
        self.begin = middle + r.choice([0, 0, 1, 60]) * -r.randint(0, 86400) + r.choice([0, 0, r.randint(-4000, 4000)])
        self.end = self.begin + r.choice([3600, 86400, 7 * 86400, 40 * 86400, 400 * 86400])
        if horizon is not None and future:
            horizon -= abs(int(future[1].total_seconds()))
        if horizon is not None and self.end > horizon - 2 * 86400:
            self.end = horizon - 2 * 86400
        if self.end <= self.begin:
            raise Skip
        inside = [(b, e, n) for b, e, n in result
                  if b < self.end and (e > self.begin or (b == e and b >= self.begin))]
        self.expected = sorted(inside)
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *self.head]
        for component in components:
            lines += ["BEGIN:VEVENT", "UID:u", "DTSTAMP:20260101T000000Z", *component, "END:VEVENT"]
        self.octets = ("\r\n".join(lines + ["END:VCALENDAR"]) + "\r\n").encode()


class Series(unittest.TestCase):
    def test_random_series_are_expanded_alike(self):
        signal.signal(signal.SIGVTALRM, give_up)
        with subprocess.Popen([os.path.join(BUILD, "tests/pim_expand")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as ours:
            seed, done, instances, kinds = SEED * 1_000_000, 0, 0, {}
            while done < CASES:
                batch = []
                while len(batch) < BATCH and done + len(batch) < CASES:
                    seed += 1
                    if case := case_of(seed):
                        batch.append((seed, case))
                for number, case in batch:
                    ours.stdin.write(f"{len(case.octets)} {case.begin} {case.end} {case.floating_name}\n".encode() + case.octets)
                    ours.stdin.flush()
                    answer = ours.stdout.readline().decode().strip()
                    got = answer if answer.startswith("!") else sorted(
                        (int(b), int(e), n) for b, e, n in (each.split(",") for each in answer.split()))
                    if got != case.expected:
                        extra = [] if isinstance(got, str) else sorted(set(got) - set(case.expected))
                        self.fail(f"seed {number}, window {case.begin} to {case.end}, floating {case.floating_name}\n"
                                  f"{case.octets.decode()}\nours has beside {extra or got}\n"
                                  f"others have beside {sorted(set(case.expected) - set(got))}\n"
                                  f"{len(got)} and {len(case.expected)} instances")
                    instances += len(got)
                    kinds[case.kind] = kinds.get(case.kind, 0) + (1 if got else 0)
                done += len(batch)
            ours.stdin.close()
        print(f"{done} series, {instances} instances; with instances by kind: {kinds}", file=sys.stderr)
        self.assertEqual(ours.returncode, 0)
        # What is compared is not nothing.
        for kind in ("zoned", "own", "utc", "floating", "date"):
            self.assertGreater(kinds.get(kind, 0), done // 40, kind)


if __name__ == "__main__":
    unittest.main()
