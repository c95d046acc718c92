# SPDX-License-Identifier: Apache-2.0
"""MimeContent of a calendar item: iCalendar, made of its properties. [MS-OXCICAL]"""
import datetime
import zoneinfo

from . import occurrences
from .schema import child, local, text

CRLF = "\r\n"
SHORT = {"Monday": "MO", "Tuesday": "TU", "Wednesday": "WE", "Thursday": "TH", "Friday": "FR", "Saturday": "SA", "Sunday": "SU",
         "Day": "MO,TU,WE,TH,FR,SA,SU", "Weekday": "MO,TU,WE,TH,FR", "WeekendDay": "SA,SU"}
STATES = {"Accept": "ACCEPTED", "Tentative": "TENTATIVE", "Decline": "DECLINED"}


def escaped(words):
    return words.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\r\n", "\n").replace("\n", "\\n")


def utc(when):
    return when.astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def offset(delta):
    minutes = int(delta.total_seconds()) // 60
    return ("-" if minutes < 0 else "+") + f"{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def timezone(ident):
    """The rules of those zones that the server knows: the last Sundays of March and October, or none."""
    zone = zoneinfo.ZoneInfo(occurrences.ZONES.get(ident, "UTC"))
    winter, summer = (zone.utcoffset(datetime.datetime(2026, month, 1)) for month in (1, 7))
    hour = 1 + int(winter.total_seconds()) // 3600
    lines = ["BEGIN:VTIMEZONE", f"TZID:{ident}"]
    for name, before, after, month, at in (("STANDARD", summer, winter, 10, hour + 1), ("DAYLIGHT", winter, summer, 3, hour)):
        if name == "DAYLIGHT" and summer == winter:
            break
        lines += [f"BEGIN:{name}", f"DTSTART:16010101T{at:02}0000", f"TZOFFSETFROM:{offset(before)}", f"TZOFFSETTO:{offset(after)}"]
        if summer != winter:
            lines.append(f"RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH={month}")
        lines.append(f"END:{name}")
    return [*lines, "END:VTIMEZONE"]


def rule(recurrence):
    pattern, limit = recurrence
    kind, days = local(pattern), [SHORT[word] for word in text(pattern, "DaysOfWeek").split()]
    parts = {"FREQ": "YEARLY" if "Yearly" in kind else "MONTHLY" if "Monthly" in kind else kind.removesuffix("Recurrence").upper(),
             "INTERVAL": text(pattern, "Interval", "1")}
    if child(limit, "NumberOfOccurrences") is not None:
        parts["COUNT"] = text(limit, "NumberOfOccurrences")
    if child(limit, "EndDate") is not None:
        parts["UNTIL"] = text(limit, "EndDate")[:10].replace("-", "") + "T235959Z"
    if days:
        parts["BYDAY"] = ",".join(days)
    if "DayOfWeekIndex" in map(local, pattern):
        parts["BYSETPOS"] = str(occurrences.INDEX[text(pattern, "DayOfWeekIndex")])
    if child(pattern, "DayOfMonth") is not None:
        parts["BYMONTHDAY"] = text(pattern, "DayOfMonth")
    if child(pattern, "Month") is not None:
        parts["BYMONTH"] = str(occurrences.MONTHS.index(text(pattern, "Month")) + 1)
    return "RRULE:" + ";".join(f"{name}={value}" for name, value in parts.items())


def event(item, uid, ident, original=None):
    zone, whole = zoneinfo.ZoneInfo(occurrences.ZONES.get(ident, "UTC")), item.word("IsAllDayEvent") == "true"

    def when(name, words):
        at = occurrences.instant(words).astimezone(zone)
        return f"{name};VALUE=DATE:{at:%Y%m%d}" if whole else f"{name};TZID={ident}:{at:%Y%m%dT%H%M%S}"
    lines = ["BEGIN:VEVENT", f"UID:{uid}", f"DTSTAMP:{utc(item.modified)}", f"SUMMARY:{escaped(item.word('Subject'))}",
             when("DTSTART", item.word("Start")), when("DTEND", item.word("End")),
             f"X-MICROSOFT-CDO-ALLDAYEVENT:{str(whole).upper()}", f"SEQUENCE:{item.word('AppointmentSequenceNumber', '0')}"]
    if original:
        lines.append(when("RECURRENCE-ID", original))
    if "Recurrence" in item.values:
        lines.append(rule(item.values["Recurrence"]))
        lines += [when("EXDATE", removed) for removed in sorted(item.removed)]
    for name, line in (("Location", "LOCATION"), ("Body", "DESCRIPTION")):
        if item.word(name):
            lines.append(f"{line}:{escaped(item.word(name))}")
    guests = [(each, role) for name, role in (("RequiredAttendees", "REQ-PARTICIPANT"), ("OptionalAttendees", "OPT-PARTICIPANT"))
              for each in item.values.get(name, ())]
    if guests:
        lines.append(f"ORGANIZER:MAILTO:{text(item.values['Organizer'][0], 'EmailAddress')}")
    for each, role in guests:
        state = STATES.get(text(each, "ResponseType"), "NEEDS-ACTION")
        lines.append(f"ATTENDEE;ROLE={role};PARTSTAT={state};RSVP=TRUE:MAILTO:{text(child(each, 'Mailbox'), 'EmailAddress')}")
    if item.word("ReminderIsSet") == "true":
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:REMINDER",
                  f"TRIGGER;RELATED=START:-PT{item.word('ReminderMinutesBeforeStart', '15')}M", "END:VALARM"]
    return [*lines, "END:VEVENT"]


def give(item):
    held = item.values.get("StartTimeZone")
    ident = held.get("Id") if held is not None else "UTC"
    lines = ["BEGIN:VCALENDAR", "METHOD:PUBLISH", "PRODID:Microsoft Exchange Server 2010", "VERSION:2.0", *timezone(ident),
             *event(item, item.word("UID"), ident)]
    for original, changed in sorted(item.exceptions.items()):
        lines += event(changed, item.word("UID"), ident, original)
    return CRLF.join([*lines, "END:VCALENDAR", ""]).encode()
