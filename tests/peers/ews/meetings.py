# SPDX-License-Identifier: Apache-2.0
"""Invitations and answers to them, between mailboxes of this server. [MS-OXWSMTGS]"""
import uuid

from . import mime
from .schema import EwsError, T, child, local, text

ANSWERS = {"AcceptItem": ("Accept", "Pos"), "TentativelyAcceptItem": ("Tentative", "Tent"), "DeclineItem": ("Decline", "Neg"),
           "CancelCalendarItem": ("", "")}
CARRIED = ("Subject", "Body", "Start", "End", "IsAllDayEvent", "Location", "RequiredAttendees", "OptionalAttendees", "Recurrence", "UID",
           "Organizer", "StartTimeZone", "EndTimeZone", "LegacyFreeBusyStatus")


def complete(item, box):
    """What the server adds to a calendar item that was made here."""
    for name, words in (("Start", ""), ("End", ""), ("UID", uuid.uuid4().hex.upper()), ("IsAllDayEvent", "false"),
                        ("LegacyFreeBusyStatus", "Busy")):
        if name not in item.values:
            if not words:
                raise EwsError("ErrorCalendarDurationIsTooLong" if name == "End" else "ErrorMissingArgument", f"{name} is missing.")
            item.set(getattr(T, name)(words))
    if item.word("End") < item.word("Start") and item.word("End")[-1:] == item.word("Start")[-1:] == "Z":
        raise EwsError("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate")
    if "Organizer" not in item.values:
        item.set(T.Organizer(mime.mailbox(box.name, box.address)))


def attendees(item):
    for name in ("RequiredAttendees", "OptionalAttendees", "Resources"):
        for attendee in item.values.get(name, ()):
            yield text(child(attendee, "Mailbox"), "EmailAddress").lower()


def message(call, box, kind, event, subject, sender):
    made = box.new_item(kind)
    for name in CARRIED:
        if name in event.values:
            made.set(event.values[name])
    made.set(T.Subject(subject))
    made.set(T.From(mime.mailbox(sender.name, sender.address)))
    made.set(T.ToRecipients(mime.mailbox(box.name, box.address)))
    made.is_read = False
    return made


def invite(call, event):
    for address in attendees(event):
        call.server.sent.append((call.actor.address, [address], b""))
        box = call.server.boxes.get(address)
        if box and box is not event.box:
            copy = box.new_item("CalendarItem")
            for name in CARRIED:
                if name in event.values:
                    copy.set(event.values[name])
            copy.set(T.MyResponseType("NoResponseReceived"))
            box.add(copy, box.by_name["calendar"])
            made = message(call, box, "MeetingRequest", event, event.word("Subject"), event.box)
            made.set(T.AssociatedCalendarItemId(Id=copy.id, ChangeKey=copy.change_key()))
            made.set(T.MeetingRequestType("NewMeetingRequest"))
            box.add(made, box.by_name["inbox"], "NewMailEvent")


def call_off(call, event):
    """Who organizes tells the guests; a guest has nobody to tell."""
    if event.word("MyResponseType", "Organizer") != "Organizer":
        return
    for address in attendees(event):
        call.server.sent.append((call.actor.address, [address], b""))
        box = call.server.boxes.get(address)
        if box and box is not event.box:
            made = message(call, box, "MeetingCancellation", event, f"Canceled: {event.word('Subject')}", event.box)
            box.add(made, box.by_name["inbox"], "NewMailEvent")


def respond(call, element, disposition):
    """AcceptItem and the like, as an item of CreateItem → the items that came of it."""
    reference = child(element, "ReferenceItemId")
    if reference is None:
        raise EwsError("ErrorMissingArgument", "ReferenceItemId is missing.")
    item, (word, suffix) = call.item(reference, "Modify"), ANSWERS[local(element)]
    if local(element) == "CancelCalendarItem":
        if item.word("MyResponseType", "Organizer") != "Organizer":
            raise EwsError("ErrorCalendarIsNotOrganizer", "Only the organizer cancels.")
        item.box.move(item, item.box.by_name["deleteditems"])
        return []
    uid = item.word("UID")
    event = next((each for each in item.box.items.values() if each.kind == "CalendarItem" and each.word("UID") == uid), None)
    if event is None or item.word("MyResponseType") == "Organizer" or event.word("MyResponseType", "Organizer") == "Organizer":
        raise EwsError(f"ErrorCalendarIsOrganizerFor{local(element).replace('Item', '').replace('TentativelyAccept', 'Tentative')}",
                       "This is the organizer's own mailbox.")
    event.set(T.MyResponseType(word))
    event.box.changed(event)
    organizer = text(event.values["Organizer"][0], "EmailAddress").lower()
    if disposition != "SaveOnly":
        call.server.sent.append((call.actor.address, [organizer], b""))
        box = call.server.boxes.get(organizer)
        if box:
            answer = message(call, box, "MeetingResponse", event, f"{word}: {event.word('Subject')}", call.actor)
            answer.set(T.ItemClass("IPM.Schedule.Meeting.Resp." + suffix))
            answer.set(T.ResponseType(word))
            box.add(answer, box.by_name["inbox"], "NewMailEvent")
    if item.kind == "MeetingRequest":
        item.box.move(item, item.box.by_name["deleteditems"])
    if word == "Decline":
        event.box.move(event, event.box.by_name["deleteditems"])
    return [event]
