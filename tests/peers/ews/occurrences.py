# SPDX-License-Identifier: Apache-2.0
"""Occurrences of a series: named by the master and their place, changed and deleted one by one. [MS-OXWSMTGS] §2.2.4"""
import copy
import datetime
import zoneinfo

from dateutil import rrule

from .schema import EwsError, T, child, local, text

ZONES = {"W. Europe Standard Time": "Europe/Berlin", "Tokyo Standard Time": "Asia/Tokyo", "GTB Standard Time": "Europe/Bucharest"}
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SETS = {"Day": range(7), "Weekday": range(5), "WeekendDay": (5, 6)}
MONTHS = "January February March April May June July August September October November December".split()
INDEX = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1}


def zone_of(item):
    held = item.values.get("StartTimeZone")
    return zoneinfo.ZoneInfo(ZONES.get(held.get("Id") if held is not None else "", "UTC"))


def instant(words):
    made = datetime.datetime.fromisoformat(words.replace("Z", "+00:00"))
    return made if made.tzinfo else made.replace(tzinfo=datetime.timezone.utc)


def stamp(when):
    return when.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def settle(item):
    """Times without a zone are those of the zones beside them, and are kept in UTC."""
    for name in ("Start", "End"):
        words, zone = item.word(name), item.values.get(name + "TimeZone")
        if words and zone is not None and datetime.datetime.fromisoformat(words.replace("Z", "+00:00")).tzinfo is None:
            here = zoneinfo.ZoneInfo(ZONES.get(zone.get("Id"), "UTC"))
            item.set(getattr(T, name)(stamp(datetime.datetime.fromisoformat(words).replace(tzinfo=here))))


def starts(item):
    """The original starts, in order, as instants."""
    zone, pattern = zone_of(item), item.values["Recurrence"][0]
    limit = item.values["Recurrence"][1]
    first = instant(item.word("Start")).astimezone(zone).replace(tzinfo=None)
    days = [each for word in text(pattern, "DaysOfWeek").split() for each in SETS.get(word, [DAYS.index(word)] if word in DAYS else [])]
    month = text(pattern, "Month")
    words = {"interval": int(text(pattern, "Interval", "1")), "dtstart": first}
    kind = local(pattern)
    if month:
        words["bymonth"] = MONTHS.index(month) + 1
    if kind.startswith("Absolute"):
        day = int(text(pattern, "DayOfMonth"))
        words.update({"bymonthday": -1} if day == 31 else {"bymonthday": day} if day < 29 else
                     {"bymonthday": list(range(28, day + 1)), "bysetpos": -1})
    elif days:
        words["byweekday"] = days
        if kind.startswith("Relative"):
            words["bysetpos"] = INDEX[text(pattern, "DayOfWeekIndex")]
    if child(limit, "NumberOfOccurrences") is not None:
        words["count"] = int(text(limit, "NumberOfOccurrences"))
    if child(limit, "EndDate") is not None:
        words["until"] = datetime.datetime.fromisoformat(text(limit, "EndDate")[:10] + "T23:59:59")
    frequency = {"D": rrule.DAILY, "W": rrule.WEEKLY}.get(kind[0], rrule.YEARLY if "Yearly" in kind else rrule.MONTHLY)
    for at in rrule.rrule(frequency, **words):
        yield at.replace(tzinfo=zone)


def named(call, element, *wanted):
    """OccurrenceItemId → (master, original start)"""
    master = call.item(T.ItemId(Id=element.get("RecurringMasterId")), *wanted)
    index = int(element.get("InstanceIndex"))
    if "Recurrence" not in master.values:
        raise EwsError("ErrorCalendarCannotUseIdForOccurrenceId", "The item is no recurring master.")
    for number, at in enumerate(starts(master), 1):
        if number == index:
            original = stamp(at)
            if original in master.removed:
                raise EwsError("ErrorCalendarOccurrenceIsDeletedFromRecurrence", "The occurrence was deleted.")
            return master, original
        if number > 2000:
            break
    raise EwsError("ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange", "There is no such occurrence.")


def occurrence(master, original):
    """As it is; one that was never changed is like its master."""
    if original in master.exceptions:
        return master.exceptions[original]
    made = copy.copy(master)
    made.values = {name: value for name, value in master.values.items()
                   if name not in ("Recurrence", "ModifiedOccurrences", "DeletedOccurrences")}
    made.extended, made.id, made.exceptions, made.removed = {}, master.box.identify("o"), {}, set()
    length = instant(master.word("End")) - instant(master.word("Start"))
    made.set(T.Start(original))
    made.set(T.End(stamp(instant(original) + length)))
    return made


def changed(master, original, item):
    master.exceptions[original] = item
    master.box.items[item.id] = item
    tell(master)


def deleted(master, original):
    gone = master.exceptions.pop(original, None)
    if gone is not None:
        master.box.items.pop(gone.id, None)
    master.removed.add(original)
    tell(master)


def reset(master):
    """A new pattern has no exceptions."""
    for item in master.exceptions.values():
        master.box.items.pop(item.id, None)
    master.exceptions.clear()
    master.removed.clear()
    tell(master)


def tell(master):
    for name in ("ModifiedOccurrences", "DeletedOccurrences"):
        master.values.pop(name, None)
    if master.exceptions:
        master.set(T.ModifiedOccurrences(*(
            T.Occurrence(T.ItemId(Id=item.id, ChangeKey=item.change_key()), T.Start(item.word("Start")), T.End(item.word("End")),
                         T.OriginalStart(original)) for original, item in sorted(master.exceptions.items()))))
    if master.removed:
        master.set(T.DeletedOccurrences(*(T.DeletedOccurrence(T.Start(original)) for original in sorted(master.removed))))
