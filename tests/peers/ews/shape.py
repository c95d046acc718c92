# SPDX-License-Identifier: Apache-2.0
"""Items and folders as a response shape asks for them: BaseShape, additional properties, in the schema's order."""
import base64
import copy

from . import ical, mapi
from .mailbox import RIGHTS, stamp
from .mime import give, people
from .schema import FOLDER, KINDS, EwsError, T, child, extended_key, local, property_of, text, truth

DEFAULT = {
    "Message": "Subject Sensitivity Body DateTimeSent DateTimeCreated Size Importance From IsRead HasAttachments ToRecipients "
               "CcRecipients BccRecipients InternetMessageId Attachments ResponseObjects IsReadReceiptRequested "
               "IsDeliveryReceiptRequested",
    "CalendarItem": "Subject Attachments HasAttachments Start End IsAllDayEvent LegacyFreeBusyStatus Location IsMeeting "
                    "IsCancelled IsRecurring CalendarItemType Organizer RequiredAttendees OptionalAttendees Resources Recurrence",
    "Contact": "FileAs CompanyName Attachments HasAttachments CompleteName EmailAddresses PhysicalAddresses PhoneNumbers "
               "ImAddresses",
    "Task": "Subject DueDate PercentComplete StartDate Status HasAttachments"}
NOT_IN_ALL = {"MimeContent", "TextBody", "UniqueBody", "NormalizedBody", "SharingEffectiveRights"}


class Shape:
    def __init__(self, element):
        self.base = text(element, "BaseShape", "Default") if element is not None else "AllProperties"
        self.mime = element is not None and truth(text(element, "IncludeMimeContent"))
        self.body_type = text(element, "BodyType", "Best") if element is not None else "Best"
        self.names, self.indexed, self.extended = set(), [], []
        additional = None if element is None else child(element, "AdditionalProperties")
        for uri in additional if additional is not None else ():
            if local(uri) == "FieldURI":
                self.names.add(property_of(uri.get("FieldURI")))
            elif local(uri) == "IndexedFieldURI":
                self.indexed.append((property_of(uri.get("FieldURI")), uri.get("FieldIndex")))
            else:
                self.extended.append(extended_key(uri))

    def wants(self, kind, name):
        if name in self.names or (name == "MimeContent" and self.mime):
            return True
        if name in NOT_IN_ALL:
            return False
        return self.base == "AllProperties" or self.base == "Default" and name in DEFAULT.get(kind, "Subject").split()


def boolean(value):
    return "true" if value else "false"


def rights(granted):
    return T.EffectiveRights(*(getattr(T, name)(boolean(name in granted)) for name in RIGHTS))


def computed(item, name, granted):
    """What no client sets: a server knows it."""
    if name == "ItemId":
        return T.ItemId(Id=item.id, ChangeKey=item.change_key())
    if name == "ParentFolderId":
        return T.ParentFolderId(Id=item.folder.id, ChangeKey="AQ==")
    if name == "MimeContent":
        return T.MimeContent(base64.b64encode((ical.give if item.kind == "CalendarItem" else give)(item)).decode(), CharacterSet="UTF-8")
    if name == "Attachments" and item.attachments:
        return T.Attachments(*(attachment.element(False) for attachment in item.attachments))
    if name == "EffectiveRights":
        return rights(granted)
    if name == "Flag" and name not in item.values:
        return T.Flag(T.FlagStatus("NotFlagged"))
    if name == "ConversationId":
        return T.ConversationId(Id=base64.b64encode(("conversation" + item.word("Subject")).encode()).decode())
    if name in ("DisplayTo", "DisplayCc"):
        found = item.values.get(name.replace("Display", "") + "Recipients")
        return getattr(T, name)("; ".join(each[0] or each[1] for each in people(found)) if found is not None else "")
    words = {"ItemClass": item.item_class(), "Size": str(item.size), "DateTimeReceived": stamp(item.received),
             "DateTimeCreated": stamp(item.received), "LastModifiedTime": stamp(item.modified), "IsDraft": boolean(item.draft),
             "LastModifiedName": item.box.name, "IsSubmitted": boolean(item.submitted), "IsAssociated": "false",
             "IsFromMe": "false", "IsResend": "false", "IsUnmodified": boolean(item.key == item.created),
             "HasAttachments": boolean(item.attachments) if item.mime is None else item.word("HasAttachments", "false")}
    if "IsRead" in KINDS[item.kind][0]:
        words["IsRead"] = boolean(item.is_read)
    if item.kind == "CalendarItem":
        words.update({"IsRecurring": "false", "CalendarItemType": "RecurringMaster" if "Recurrence" in item.values else "Single",
                      "IsCancelled": item.word("IsCancelled", "false"), "AppointmentSequenceNumber": item.word(
                          "AppointmentSequenceNumber", "0"),
                      "IsMeeting": boolean("RequiredAttendees" in item.values or "OptionalAttendees" in item.values),
                      "MyResponseType": item.word("MyResponseType", "Organizer")})
    if item.kind == "Task":
        words.update({"IsComplete": boolean(item.word("Status") == "Completed"), "IsRecurring": boolean("Recurrence" in item.values)})
    return getattr(T, name)(words[name]) if name in words else None


def value(item, name, granted=RIGHTS):
    found = computed(item, name, granted)
    return copy.deepcopy(item.values[name]) if found is None and name in item.values else found


def extended(thing, shape, kinds):
    return [copy.deepcopy(found) for found in (mapi.get(thing, key, kinds) for key in shape.extended) if found is not None]


def render(item, shape, granted=RIGHTS):
    made = getattr(T, item.kind)()
    for name in KINDS[item.kind][0]:
        if name == "ExtendedProperty":
            made.extend(extended(item, shape, mapi.ITEM))
        elif name == "ItemId" or shape.wants(item.kind, name):
            found = value(item, name, granted)
            if found is not None:
                made.append(found)
        elif any(each == name for each, _ in shape.indexed) and name in item.values:
            wanted = {index for each, index in shape.indexed if each == name}
            entries = [copy.deepcopy(entry) for entry in item.values[name] if entry.get("Key") in wanted]
            if entries:
                made.append(getattr(T, name)(*entries))
    return made


def only_id(item):
    return getattr(T, item.kind)(T.ItemId(Id=item.id, ChangeKey=item.change_key()))


def folder_value(folder, name, granted):
    if name == "ParentFolderId":
        return T.ParentFolderId(Id=folder.parent.id, ChangeKey="AQ==") if folder.parent else None
    if name == "EffectiveRights":
        return rights(granted)
    if name == "FolderClass" and not folder.folder_class:
        return None
    if name == "UnreadCount" and folder.element in ("CalendarFolder", "ContactsFolder"):
        return None
    words = {"FolderClass": folder.folder_class, "DisplayName": folder.name, "TotalCount": str(len(folder.items)),
             "ChildFolderCount": str(len(folder.children())),
             "UnreadCount": str(sum(not item.is_read for item in folder.items.values()))}
    if folder.distinguished:
        words["DistinguishedFolderId"] = folder.distinguished
    return getattr(T, name)(words[name]) if name in words else None


def render_folder(folder, shape, granted=RIGHTS):
    made = getattr(T, folder.element)()
    default = ("DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount")
    for name in FOLDER:
        if name == "FolderId":
            made.append(T.FolderId(Id=folder.id, ChangeKey="AQ=="))
        elif name == "ExtendedProperty":
            made.extend(extended(folder, shape, mapi.FOLDER))
        elif name in shape.names or shape.base == "AllProperties" or shape.base == "Default" and name in default:
            found = folder_value(folder, name, granted)
            if found is not None:
                made.append(found)
    return made


def need(granted, *wanted):
    if not set(wanted) <= set(granted):
        raise EwsError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")


