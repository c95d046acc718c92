# SPDX-License-Identifier: Apache-2.0
"""Operations on items. [MS-OXWSCORE], [MS-OXWSMSG]"""
import base64
import binascii
import copy

from . import ical_in, mapi, meetings, mime, occurrences, search, soap
from .mailbox import FLAG_STATUS
from .schema import ATTACHMENT, EwsError, M, T, check_item, check_order, child, extended_key, invalid, local, property_of, text, truth
from .shape import Shape, need, only_id, render

PR_MESSAGE_FLAGS = (("PropertyTag", str(0x0E07)), ("PropertyType", "Integer"))


def get_item(call, request):
    shape, ids = Shape(child(request, "ItemShape")), child(request, "ItemIds")
    if len(ids) > call.server.batch_limit:
        raise soap.Fault("ErrorTimeoutExpired", "The request timed out.")

    def one(ident):
        if local(ident) == "OccurrenceItemId":
            return [M.Items(render(occurrences.occurrence(*occurrences.named(call, ident)), shape))]
        item = call.item(ident)
        if item.id in call.server.phantoms:
            raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")
        if item.id in call.server.corrupt and shape.wants(item.kind, "MimeContent"):
            raise EwsError(call.server.corrupt[item.id], "The item is corrupt.")
        return [M.Items(render(item, shape, call.granted(item.box)))]
    return soap.each("GetItem", ids, one)


def find_item(call, request):
    shape, view = Shape(child(request, "ItemShape")), child(request, "IndexedPageItemView")
    restriction, calendar = child(request, "Restriction"), child(request, "CalendarView")
    query = text(request, "QueryString")

    def one(ident):
        folder = call.folder(ident)
        found = list(folder.items.values()) if request.get("Traversal") != "Associated" else []
        if restriction is not None:
            found = [item for item in found if search.matches(item, restriction[0])]
        if query:
            found = [item for item in found if search.query(item, query)]
        if calendar is not None:
            begin, end = (search.normal(calendar.get(name)) for name in ("StartDate", "EndDate"))
            found = [item for item in found if item.kind == "CalendarItem" and "Recurrence" not in item.values
                     and search.normal(item.word("Start")) < end and search.normal(item.word("End")) > begin]
            found.sort(key=lambda item: search.normal(item.word("Start")))
        else:
            found = search.sort(found, child(request, "SortOrder"))
        limit = call.server.find_limit if restriction is None else min(call.server.find_limit, 250)
        if view is None and len(found) > limit:
            raise EwsError("ErrorExceededFindCountLimit", "You have exceeded the number of items that can be returned.")
        page, attributes = search.page(found, view, limit)
        return [M.RootFolder(T.Items(*(render(item, shape, call.granted(folder.box)) for item in page)), attributes)]
    return soap.each("FindItem", child(request, "ParentFolderIds"), one)


# --- making ---
def fill(call, item, element):
    for each in element:
        name = local(each)
        if name == "MimeContent":
            try:
                take = ical_in.take if item.kind == "CalendarItem" else mime.take
                take(item, base64.b64decode(each.text or "", validate=False))
            except binascii.Error:
                raise EwsError("ErrorMimeContentInvalidBase64String", "MimeContent is not base64.") from None
        elif name == "Attachments":
            item.attachments.extend(attachment_of(call, each_) for each_ in each)
        elif name in ("ItemId", "ParentFolderId", "Size", "DateTimeReceived", "DateTimeCreated", "EffectiveRights", "LastModifiedTime"):
            raise EwsError("ErrorInvalidPropertySet", f"Set action is invalid for property {name}.")
        else:
            item.set(each)
    # A saved message is a draft unless PR_MESSAGE_FLAGS comes without MSGFLAG_UNSENT; they say as well whether it was read.
    flags = item.extended.get(PR_MESSAGE_FLAGS)
    bits = mapi.MSGFLAG_UNSENT if flags is None else int(text(flags, "Value", "8"))
    item.draft = item.kind == "Message" and bool(bits & mapi.MSGFLAG_UNSENT)
    if flags is not None and child(element, "IsRead") is None:
        item.is_read = bool(bits & mapi.MSGFLAG_READ)


def default_folder(box, kind):
    return box.by_name[{"CalendarItem": "calendar", "Contact": "contacts", "DistributionList": "contacts", "Task": "tasks"}.get(
        kind, "drafts")]


def create_item(call, request):
    disposition = request.get("MessageDisposition")
    invitations = request.get("SendMeetingInvitations", "SendToNone")
    saved = child(request, "SavedItemFolderId")
    folder = None if saved is None else call.folder(saved[0], "CreateContents")

    def one(element):
        check_item(element)
        if local(element) in meetings.ANSWERS:
            made = meetings.respond(call, element, disposition)
            return [M.Items(*(only_id(item) for item in made))]
        box = folder.box if folder else call.actor
        item = box.new_item(local(element))
        fill(call, item, element)
        if item.kind == "CalendarItem":
            if "SendMeetingInvitations" not in request.attrib:
                raise EwsError("ErrorSendMeetingInvitationsRequired", "SendMeetingInvitations is required for calendar items.")
            meetings.complete(item, box)
            occurrences.settle(item)
        if item.kind in ("Message", "MeetingRequest"):
            if disposition is None:
                raise EwsError("ErrorMessageDispositionRequired", "Message disposition is required for messages.")
            if disposition != "SaveOnly":
                send(call, item)
                if disposition == "SendOnly":
                    return [M.Items()]
                box.add(item, folder or box.by_name["sentitems"])
                return [M.Items()]  # no id comes back of what was sent
        box.add(item, folder or default_folder(box, item.kind))
        if item.kind == "CalendarItem" and invitations != "SendToNone":
            meetings.invite(call, item)
        return [M.Items(only_id(item))]
    return soap.each("CreateItem", child(request, "Items"), one)


def send(call, item):
    to = mime.addresses(item, "ToRecipients", "CcRecipients", "BccRecipients")
    if not to:
        raise EwsError("ErrorInvalidRecipients", "At least one recipient isn't valid.")
    if "From" not in item.values:
        item.set(T.From(mime.mailbox(call.actor.name, call.actor.address)))
    if "InternetMessageId" not in item.values:
        item.set(T.InternetMessageId(f"<{item.id[-9:-1]}.{item.box.number}@peer.example>"))
    item.draft, item.submitted, item.is_read = False, False, True
    octets = mime.give(item)
    call.server.sent.append((call.actor.address, to, octets))
    for address in to:
        box = call.server.boxes.get(address.lower())
        if box:
            box.deliver(octets)


def send_item(call, request):
    save = truth(request.get("SaveItemToFolder"))
    saved = child(request, "SavedItemFolderId")
    folder = call.folder(saved[0], "CreateContents") if saved is not None else call.actor.by_name["sentitems"]

    def one(ident):
        item = call.item(ident, fresh=True)
        send(call, item)
        if save:
            item.box.move(item, folder)
        else:
            item.box.remove(item)
        return []
    return soap.each("SendItem", child(request, "ItemIds"), one)


# --- changing ---
def uri_of(update):
    uri = update[0]
    if local(uri) not in ("FieldURI", "IndexedFieldURI", "ExtendedFieldURI"):
        raise invalid(f"{local(update)} begins with a path, not {local(uri)}.")
    return uri


def index(item, name, uri, value):
    """One entry of EmailAddresses, PhoneNumbers, PhysicalAddresses; None takes it away."""
    held = item.values.setdefault(name, getattr(T, name)())
    key, parts = uri.get("FieldIndex"), uri.get("FieldURI").split(":")
    entry = next((each for each in held if each.get("Key") == key), None)
    if len(parts) == 3:  # one part of a postal address
        if entry is None:
            entry = T.Entry(Key=key)
            held.append(entry)
        for old in [each for each in entry if local(each) == parts[2]]:
            entry.remove(old)
        if value is not None:
            entry.append(copy.deepcopy(value[0][0]))
    elif entry is not None:
        held.remove(entry)
        entry = None
    if len(parts) == 2 and value is not None:
        held.append(copy.deepcopy(value[0]))
    if not len(held):
        del item.values[name]


def apply(item, update):
    """→ the name of what was changed"""
    uri, action = uri_of(update), local(update)
    name = "ExtendedProperty" if local(uri) == "ExtendedFieldURI" else property_of(uri.get("FieldURI"))
    value = None
    if action != "DeleteItemField":
        if len(update) != 2 or len(update[1]) != 1:
            raise EwsError("ErrorIncorrectUpdatePropertyCount", "An object within a change description must contain one property.")
        value = update[1][0]
        if local(value) != name:
            raise EwsError("ErrorUpdatePropertyMismatch", "The property and its path don't match.")
    if name in ("ItemId", "ParentFolderId", "Size", "DateTimeReceived", "EffectiveRights", "UserSMIMECertificate", "LastModifiedTime"):
        raise EwsError("ErrorInvalidPropertySet", f"Set action is invalid for property {name}.")
    if name == "ExtendedProperty":
        if value is None:
            item.extended.pop(extended_key(uri), None)
            mapi.remove(item, extended_key(uri))
            if extended_key(uri) == FLAG_STATUS:
                item.values.pop("Flag", None)
        else:
            item.set(value)
    elif local(uri) == "IndexedFieldURI":
        index(item, name, uri, value)
    elif value is None:
        item.values.pop(name, None)
    elif name == "MimeContent":
        mime.take(item, base64.b64decode(value.text or ""))
    elif action == "AppendToItemField" and name in item.values and not len(value):
        item.values[name].text = (item.values[name].text or "") + (value.text or "")
    elif action == "AppendToItemField" and name in item.values:
        item.values[name].extend(copy.deepcopy(each) for each in value)
    else:
        item.set(value)
    return name


def update_item(call, request):
    how = request.get("ConflictResolution")

    def one(change):
        updates = child(change, "Updates")
        if local(change[0]) == "OccurrenceItemId":
            master, original = occurrences.named(call, change[0], "Modify")
            item = occurrences.occurrence(master, original)
            for each in updates:
                apply(item, each)
            item.key = item.box.step()
            occurrences.changed(master, original, item)
            master.box.changed(master)
            return [M.Items(only_id(item)), M.ConflictResults(T.Count("0"))]
        item = call.item(change[0], "Modify")
        if item.kind == "CalendarItem" and "SendMeetingInvitationsOrCancellations" not in request.attrib:
            raise EwsError("ErrorSendMeetingInvitationsOrCancellationsRequired", "SendMeetingInvitationsOrCancellations is required.")
        if item.kind == "Message" and "MessageDisposition" not in request.attrib:
            raise EwsError("ErrorMessageDispositionRequired", "Message disposition is required for messages.")
        given = change[0].get("ChangeKey")
        alone = all(local(uri_of(each)) == "FieldURI" and uri_of(each).get("FieldURI") == "message:IsRead" for each in updates)
        if not given and how != "AlwaysOverwrite" and not alone:
            raise EwsError("ErrorChangeKeyRequiredForWriteOperations", "A change key is required for this operation.")
        if given and given != item.change_key() and how == "NeverOverwrite":
            raise EwsError("ErrorIrresolvableConflict", "The send or update operation could not be performed because the change key "
                           "passed in the request does not match the current change key for the item.")
        changed = {apply(item, update) for update in updates}
        if changed & {"Start", "End"}:
            occurrences.settle(item)
        if "Recurrence" in changed and item.kind == "CalendarItem":
            occurrences.reset(item)
        item.box.changed(item, only_read=changed <= {"IsRead"})
        if request.get("MessageDisposition") in ("SendOnly", "SendAndSaveCopy") and item.kind == "Message":
            send(call, item)
            if request.get("MessageDisposition") == "SendAndSaveCopy":
                item.box.move(item, item.box.by_name["sentitems"])
            else:
                item.box.remove(item)
            return [M.Items()]
        made = [M.Items(only_id(item))]
        if request.get("MessageDisposition"):
            made.append(M.ConflictResults(T.Count("0")))
        return made
    return soap.each("UpdateItem", child(request, "ItemChanges"), one)


def delete_item(call, request):
    def one(ident):
        if local(ident) == "OccurrenceItemId":
            master, original = occurrences.named(call, ident, "Delete")
            occurrences.deleted(master, original)
            master.box.changed(master)
            return []
        item = call.item(ident, "Delete")
        if ident.get("ChangeKey") and ident.get("ChangeKey") != item.change_key() and call.server.delete_checks_keys:
            raise EwsError("ErrorStaleObject", "The change key does not match.")
        if item.kind == "CalendarItem" and "SendMeetingCancellations" not in request.attrib:
            raise EwsError("ErrorSendMeetingCancellationsRequired", "SendMeetingCancellations is required.")
        if item.kind == "Task" and "AffectedTaskOccurrences" not in request.attrib:
            raise EwsError("ErrorAffectedTaskOccurrencesRequired", "AffectedTaskOccurrences is required.")
        if item.kind == "CalendarItem" and request.get("SendMeetingCancellations") != "SendToNone":
            meetings.call_off(call, item)
        bins = {"MoveToDeletedItems": "deleteditems", "SoftDelete": "recoverableitemsdeletions"}
        to = item.box.by_name.get(bins.get(request.get("DeleteType")))
        if to not in (None, item.folder):
            item.box.move(item, to)
        else:
            item.box.remove(item)
        return []
    return soap.each("DeleteItem", child(request, "ItemIds"), one)


def relocate(call, request, name, how):
    to = call.one_folder(request, "ToFolderId", "CreateContents")

    def one(ident):
        item = call.item(ident, *(["Delete"] if name == "MoveItem" else []))
        across = item.box is not to.box
        made = how(item, to)
        wanted = text(request, "ReturnNewItemIds", "true")
        return [M.Items() if across or not truth(wanted) else M.Items(only_id(made))]
    return soap.each(name, child(request, "ItemIds"), one)


def move_item(call, request):
    return relocate(call, request, "MoveItem", lambda item, to: item.box.move(item, to))


def copy_item(call, request):
    return relocate(call, request, "CopyItem", lambda item, to: item.box.copy(item, to))


# --- attachments ---
def attachment_of(call, element):
    if local(element) != "FileAttachment":
        raise EwsError("ErrorInvalidOperation", "This server keeps files, not items, as attachments.")
    check_order(element, ATTACHMENT, "FileAttachment")
    if not text(element, "Name"):
        raise invalid("FileAttachment needs a Name.")
    try:
        content = base64.b64decode(text(element, "Content"), validate=False)
    except binascii.Error:
        raise EwsError("ErrorInvalidRequest", "Content is not base64.") from None
    made = call.server.attachment(text(element, "Name"), text(element, "ContentType"), content, truth(text(element, "IsInline")),
                                  text(element, "ContentId"))
    made.photo = truth(text(element, "IsContactPhoto"))
    return made


def create_attachment(call, request):
    item = call.item(child(request, "ParentItemId"), "Modify")

    def one(element):
        made = attachment_of(call, element)
        item.attachments.append(made)
        item.box.changed(item)
        ident = T.AttachmentId(Id=made.id, RootItemId=item.id, RootItemChangeKey=item.change_key())
        return [M.Attachments(T.FileAttachment(ident))]
    return soap.each("CreateAttachment", child(request, "Attachments"), one)


def find_attachment(call, ident):
    for box in call.server.boxes.values():
        for item in box.items.values():
            for attachment in item.attachments:
                if attachment.id == ident:
                    need(call.granted(box), "Read")
                    return item, attachment
    raise EwsError("ErrorInvalidAttachmentId", "The specified attachment Id is invalid.")


def get_attachment(call, request):
    return soap.each("GetAttachment", child(request, "AttachmentIds"), lambda ident: [
        M.Attachments(find_attachment(call, ident.get("Id"))[1].element(True))])


def delete_attachment(call, request):
    def one(ident):
        item, attachment = find_attachment(call, ident.get("Id"))
        need(call.granted(item.box), "Modify")
        item.attachments.remove(attachment)
        item.box.changed(item)
        return [M.RootItemId(RootItemId=item.id, RootItemChangeKey=item.change_key())]
    return soap.each("DeleteAttachment", child(request, "AttachmentIds"), one)


OPERATIONS = {"GetItem": get_item, "FindItem": find_item, "CreateItem": create_item, "SendItem": send_item, "UpdateItem": update_item,
              "DeleteItem": delete_item, "MoveItem": move_item, "CopyItem": copy_item, "CreateAttachment": create_attachment,
              "GetAttachment": get_attachment, "DeleteAttachment": delete_attachment}
