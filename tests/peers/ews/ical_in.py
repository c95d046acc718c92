# SPDX-License-Identifier: Apache-2.0
"""A calendar item made of MimeContent: the one event of an iCalendar object, with its exceptions. [MS-OXCICAL]"""
import datetime
import re
import zoneinfo

from . import mime, occurrences
from .schema import EwsError, T

FULL = {"MO": "Monday", "TU": "Tuesday", "WE": "Wednesday", "TH": "Thursday", "FR": "Friday", "SA": "Saturday", "SU": "Sunday"}
WINDOWS = {name: ident for ident, name in occurrences.ZONES.items()}
PLACES = {number: word for word, number in occurrences.INDEX.items()}


def lines_of(octets):
    """(name, {parameter: value}, value) of each line, unfolded."""
    for line in re.sub(r"\r?\n[ \t]", "", octets.decode("utf-8", "replace")).splitlines():
        head, quote, tail = re.match(r'((?:[^:"]|"[^"]*")*)(:?)(.*)', line).groups()
        name, *parameters = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', head)
        if quote:
            yield name.upper(), dict((key.upper(), value.strip('"')) for key, _, value in (p.partition("=") for p in parameters)), tail


def plain(words):
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], words)


def events(octets):
    found, inside = [], []
    for line in lines_of(octets):
        if line[0] == "BEGIN":
            inside.append(line[2])
            if line[2] == "VEVENT":
                found.append([])
        elif line[0] == "END":
            inside.pop()
        elif inside[-1:] == ["VEVENT"]:
            found[-1].append(line)
        elif inside[-2:] == ["VEVENT", "VALARM"] and line[0] == "TRIGGER":
            found[-1].append(line)
    return found


def zone_of(item, parameters):
    name = parameters.get("TZID", item.box.zone)
    ident = WINDOWS.get(name, name)
    return ident if ident in occurrences.ZONES else "UTC"


def instant(item, parameters, value):
    when = datetime.datetime.strptime(value.rstrip("Z").ljust(15, "0") if "T" in value else value + "T000000", "%Y%m%dT%H%M%S")
    zone = "UTC" if value.endswith("Z") else zone_of(item, parameters)
    return when.replace(tzinfo=zoneinfo.ZoneInfo(occurrences.ZONES.get(zone, "UTC")))


def recurrence(value, first):
    parts = dict(part.split("=") for part in value.upper().split(";"))
    days = parts.get("BYDAY", "").split(",") if "BYDAY" in parts else []
    place = parts.get("BYSETPOS") or (re.match(r"[+-]?\d+", days[0]) or [None])[0] if days else None
    names = T.DaysOfWeek(" ".join(FULL[day[-2:]] for day in days) or first.strftime("%A"))
    interval, month = T.Interval(parts.get("INTERVAL", "1")), T.Month(occurrences.MONTHS[int(parts.get("BYMONTH", first.month)) - 1])
    frequency, day = parts["FREQ"], T.DayOfMonth(parts.get("BYMONTHDAY", str(first.day)).replace("-1", "31"))
    index = T.DayOfWeekIndex(PLACES.get(int(place), "Last")) if place else None
    if frequency == "DAILY" and not days:
        pattern = T.DailyRecurrence(interval)
    elif frequency in ("DAILY", "WEEKLY"):
        pattern = T.WeeklyRecurrence(interval, names)
    elif frequency == "MONTHLY":
        pattern = T.RelativeMonthlyRecurrence(interval, names, index) if place else T.AbsoluteMonthlyRecurrence(interval, day)
    else:
        pattern = T.RelativeYearlyRecurrence(names, index, month) if place else T.AbsoluteYearlyRecurrence(day, month)
    begin = T.StartDate(first.strftime("%Y-%m-%d"))
    if "COUNT" in parts:
        limit = T.NumberedRecurrence(begin, T.NumberOfOccurrences(parts["COUNT"]))
    elif "UNTIL" in parts:
        limit = T.EndDateRecurrence(begin, T.EndDate(re.sub(r"(\d{4})(\d\d)(\d\d).*", r"\1-\2-\3", parts["UNTIL"])))
    else:
        limit = T.NoEndRecurrence(begin)
    return T.Recurrence(pattern, limit)


def fill(item, lines):
    guests = {"RequiredAttendees": [], "OptionalAttendees": []}
    for name, parameters, value in lines:
        if name in ("DTSTART", "DTEND"):
            field = "Start" if name == "DTSTART" else "End"
            item.set(getattr(T, field)(occurrences.stamp(instant(item, parameters, value))))
            item.set(getattr(T, field + "TimeZone")(Id=zone_of(item, parameters)))
            if parameters.get("VALUE") == "DATE":
                item.set(T.IsAllDayEvent("true"))
        elif name == "X-MICROSOFT-CDO-ALLDAYEVENT":
            item.set(T.IsAllDayEvent(value.lower()))
        elif name in ("SUMMARY", "LOCATION", "UID"):
            item.set(getattr(T, {"SUMMARY": "Subject", "LOCATION": "Location", "UID": "UID"}[name])(plain(value)))
        elif name == "DESCRIPTION":
            item.set(T.Body(plain(value), BodyType="Text"))
        elif name == "CATEGORIES":
            item.set(T.Categories(*(T.String(plain(each)) for each in re.split(r"(?<!\\),", value))))
        elif name == "TRANSP":
            item.set(T.LegacyFreeBusyStatus("Free" if value == "TRANSPARENT" else "Busy"))
        elif name == "TRIGGER" and re.fullmatch(r"-PT\d+M", value):
            item.set(T.ReminderIsSet("true"))
            item.set(T.ReminderMinutesBeforeStart(value[3:-1]))
        elif name == "ATTENDEE":
            where = "OptionalAttendees" if parameters.get("ROLE") == "OPT-PARTICIPANT" else "RequiredAttendees"
            address = re.sub("(?i)^mailto:", "", value)
            guests[where].append(T.Attendee(mime.mailbox(parameters.get("CN", ""), address), T.ResponseType("Unknown")))
    for name, each in guests.items():
        if each:
            item.set(getattr(T, name)(*each))


def take(item, octets):
    found = events(octets)
    masters = [each for each in found if not any(line[0] == "RECURRENCE-ID" for line in each)]
    if len(masters) != 1:
        raise EwsError("ErrorItemSave", "The item save operation did not succeed: its MIME is no event.")
    fill(item, masters[0])
    for name, _, value in masters[0]:
        if name == "RRULE":
            item.set(recurrence(value, occurrences.instant(item.word("Start")).astimezone(occurrences.zone_of(item))))
    for name, parameters, value in masters[0]:
        for each in value.split(",") if name == "EXDATE" else ():
            occurrences.deleted(item, occurrences.stamp(instant(item, parameters, each)))
    for each in found:
        for name, parameters, value in each:
            if name == "RECURRENCE-ID":
                original = occurrences.stamp(instant(item, parameters, value))
                made = occurrences.occurrence(item, original)
                fill(made, each)
                occurrences.changed(item, original, made)
