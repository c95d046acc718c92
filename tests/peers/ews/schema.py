# SPDX-License-Identifier: Apache-2.0
"""What the published schema says of the elements used here: namespaces, order of children, the home of each property.
[MS-OXWSCORE], [MS-OXWSMSG], [MS-OXWSMTGS], [MS-OXWSCONT], [MS-OXWSTASK], [MS-OXWSFOLD]; types.xsd and messages.xsd."""
from lxml import etree
from lxml.builder import ElementMaker

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

S = ElementMaker(namespace=SOAP, nsmap={"s": SOAP})
M = ElementMaker(namespace=MESSAGES, nsmap={"m": MESSAGES, "t": TYPES})
T = ElementMaker(namespace=TYPES, nsmap={"t": TYPES})

ITEM = """MimeContent ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived Size Categories
Importance InReplyTo IsSubmitted IsDraft IsFromMe IsResend IsUnmodified InternetMessageHeaders DateTimeSent DateTimeCreated
ResponseObjects ReminderDueBy ReminderIsSet ReminderNextTime ReminderMinutesBeforeStart DisplayCc DisplayTo DisplayBcc
HasAttachments ExtendedProperty Culture EffectiveRights LastModifiedName LastModifiedTime IsAssociated
WebClientReadFormQueryString WebClientEditFormQueryString ConversationId UniqueBody Flag StoreEntryId InstanceKey
NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RetentionDate Preview RightsManagementLicenseData
PredictedActionReasons IsClutter BlockStatus HasBlockedImages TextBody IconIndex""".split()
MESSAGE = """Sender ToRecipients CcRecipients BccRecipients IsReadReceiptRequested IsDeliveryReceiptRequested
ConversationIndex ConversationTopic From InternetMessageId IsRead IsResponseRequested References ReplyTo ReceivedBy
ReceivedRepresenting ApprovalRequestData VotingInformation ReminderMessageData""".split()
MEETING = """AssociatedCalendarItemId IsDelegated IsOutOfDate HasBeenProcessed ResponseType UID RecurrenceId DateTimeStamp
IsOrganizer""".split()
CALENDAR = """UID RecurrenceId DateTimeStamp Start End OriginalStart IsAllDayEvent LegacyFreeBusyStatus Location When IsMeeting
IsCancelled IsRecurring MeetingRequestWasSent IsResponseRequested CalendarItemType MyResponseType Organizer
RequiredAttendees OptionalAttendees Resources InboxReminders ConflictingMeetingCount AdjacentMeetingCount
ConflictingMeetings AdjacentMeetings Duration TimeZone AppointmentReplyTime AppointmentSequenceNumber AppointmentState
Recurrence FirstOccurrence LastOccurrence ModifiedOccurrences DeletedOccurrences MeetingTimeZone StartTimeZone EndTimeZone
ConferenceType AllowNewTimeProposal IsOnlineMeeting MeetingWorkspaceUrl NetShowUrl EnhancedLocation StartWallClock
EndWallClock StartTimeZoneId EndTimeZoneId IntendedFreeBusyStatus JoinOnlineMeetingUrl OnlineMeetingSettings
IsOrganizer""".split()
CONTACT = """FileAs FileAsMapping DisplayName GivenName Initials MiddleName Nickname CompleteName CompanyName EmailAddresses
AbchEmailAddresses PhysicalAddresses PhoneNumbers AssistantName Birthday BusinessHomePage Children Companies ContactSource
Department Generation ImAddresses JobTitle Manager Mileage OfficeLocation PostalAddressIndex Profession SpouseName Surname
WeddingAnniversary HasPicture PhoneticFullName PhoneticFirstName PhoneticLastName Alias Notes Photo UserSMIMECertificate
MSExchangeCertificate DirectoryId ManagerMailbox DirectReports""".split()
TASK = """ActualWork AssignedTime BillingInformation ChangeCount Companies CompleteDate Contacts DelegationState Delegator
DueDate IsAssignmentEditable IsComplete IsRecurring IsTeamTask Mileage Owner PercentComplete Recurrence StartDate Status
StatusDescription TotalWork""".split()
# Element of an item → (its children in order, its default ItemClass).
KINDS = {
    "Item": (ITEM, "IPM"),
    "Message": (ITEM + MESSAGE, "IPM.Note"),
    "CalendarItem": (ITEM + CALENDAR, "IPM.Appointment"),
    "Contact": (ITEM + CONTACT, "IPM.Contact"),
    "DistributionList": (ITEM + ["DisplayName", "FileAs", "ContactSource", "Members"], "IPM.DistList"),
    "Task": (ITEM + TASK, "IPM.Task"),
    "PostItem": (ITEM + """ConversationIndex ConversationTopic From InternetMessageId IsRead PostedTime References
     Sender""".split(), "IPM.Post"),
    "MeetingRequest": (ITEM + MESSAGE + MEETING + ["MeetingRequestType", "IntendedFreeBusyStatus"] + CALENDAR[3:],
                       "IPM.Schedule.Meeting.Request"),
    "MeetingResponse": (ITEM + MESSAGE + MEETING + ["Start", "End", "Location", "Recurrence", "CalendarItemType",
                                                    "ProposedStart", "ProposedEnd"], "IPM.Schedule.Meeting.Resp.Pos"),
    "MeetingCancellation": (ITEM + MESSAGE + MEETING + ["Start", "End", "Location", "Recurrence", "CalendarItemType"],
                            "IPM.Schedule.Meeting.Canceled"),
}
# A smart response names another item: its children.
RESPONSES = {name: "ItemClass Sensitivity Body Attachments InternetMessageHeaders Sender ToRecipients CcRecipients BccRecipients "
                   "IsReadReceiptRequested IsDeliveryReceiptRequested ReferenceItemId ReceivedBy ReceivedRepresenting "
                   "ProposedStart ProposedEnd".split() for name in ("AcceptItem", "TentativelyAcceptItem", "DeclineItem")}
RESPONSES["CancelCalendarItem"] = """Subject Body ToRecipients CcRecipients BccRecipients IsReadReceiptRequested
IsDeliveryReceiptRequested From ReferenceItemId NewBodyContent ReceivedBy ReceivedRepresenting""".split()
FOLDERS = {"Folder": "IPF.Note", "CalendarFolder": "IPF.Appointment", "ContactsFolder": "IPF.Contact", "TasksFolder": "IPF.Task",
           "SearchFolder": "IPF.Note"}
FOLDER = """FolderId ParentFolderId FolderClass DisplayName TotalCount ChildFolderCount ExtendedProperty
ManagedFolderInformation EffectiveRights DistinguishedFolderId PolicyTag ArchiveTag SharingEffectiveRights PermissionSet
UnreadCount""".split()

ATTACHMENT = """AttachmentId Name ContentType ContentId ContentLocation Size LastModifiedTime IsInline IsContactPhoto
Content""".split()

# Operation → (attributes it must have, its children in order; "?" may be missing, "|" one of).
OPERATIONS = {
    "GetFolder": ("", "FolderShape FolderIds"),
    "FindFolder": ("Traversal", "FolderShape IndexedPageFolderView|FractionalPageFolderView? Restriction? ParentFolderIds"),
    "CreateFolder": ("", "ParentFolderId Folders"),
    "UpdateFolder": ("", "FolderChanges"),
    "DeleteFolder": ("DeleteType", "FolderIds"),
    "MoveFolder": ("", "ToFolderId FolderIds"),
    "EmptyFolder": ("DeleteType DeleteSubFolders", "FolderIds"),
    "SyncFolderHierarchy": ("", "FolderShape SyncFolderId? SyncState?"),
    "SyncFolderItems": ("", "ItemShape SyncFolderId SyncState? Ignore? MaxChangesReturned SyncScope?"),
    "GetItem": ("", "ItemShape ItemIds"),
    "FindItem": ("Traversal", "ItemShape IndexedPageItemView|FractionalPageItemView|CalendarView|ContactsView? "
                 "GroupBy|DistinguishedGroupBy? Restriction? SortOrder? ParentFolderIds QueryString?"),
    "CreateItem": ("", "SavedItemFolderId? Items"),
    "UpdateItem": ("ConflictResolution", "SavedItemFolderId? ItemChanges"),
    "DeleteItem": ("DeleteType", "ItemIds"),
    "MoveItem": ("", "ToFolderId ItemIds ReturnNewItemIds?"),
    "CopyItem": ("", "ToFolderId ItemIds ReturnNewItemIds?"),
    "SendItem": ("SaveItemToFolder", "ItemIds SavedItemFolderId?"),
    "CreateAttachment": ("", "ParentItemId Attachments"),
    "GetAttachment": ("", "AttachmentShape? AttachmentIds"),
    "DeleteAttachment": ("", "AttachmentIds"),
    "ResolveNames": ("ReturnFullContactData", "ParentFolderIds? UnresolvedEntry"),
    "Subscribe": ("", "PullSubscriptionRequest|PushSubscriptionRequest|StreamingSubscriptionRequest"),
    "Unsubscribe": ("", "SubscriptionId"),
    "GetEvents": ("", "SubscriptionId Watermark"),
    "GetStreamingEvents": ("", "SubscriptionIds ConnectionTimeout"),
    "ConvertId": ("DestinationFormat", "SourceIds"),
    "GetServerTimeZones": ("", "Ids?"),
    "GetUserConfiguration": ("", "UserConfigurationName UserConfigurationProperties"),
}
# The part before the colon of a FieldURI is a family, not an item's kind; one list a family.
FAMILIES = {"item": ITEM, "message": MESSAGE + ["PostedTime"], "calendar": CALENDAR, "contacts": CONTACT, "task": TASK,
            "meeting": MEETING + ["ProposedStart", "ProposedEnd"], 
            "meetingRequest": ["MeetingRequestType", "IntendedFreeBusyStatus"], "postitem": ["PostedTime"],
            "folder": FOLDER, "distributionlist": ["Members"]}
SINGULAR = {"EmailAddress": "EmailAddresses", "PhysicalAddress": "PhysicalAddresses", "PhoneNumber": "PhoneNumbers",
            "ImAddress": "ImAddresses"}


class EwsError(Exception):
    """One response message that says what went wrong; values go into its MessageXml."""

    def __init__(self, code, text="", **values):
        super().__init__(code, text)
        self.code, self.text, self.values = code, text or code, values


class Fault(EwsError):
    """The whole request fails: a SOAP fault with HTTP 500."""


def local(element):
    return etree.QName(element).localname


def child(element, name):
    for found in element:
        if isinstance(found.tag, str) and local(found) == name:
            return found
    return None


def text(element, name, default=""):
    found = child(element, name)
    return default if found is None else (found.text or "")


def truth(word):
    return (word or "").strip().lower() in ("true", "1")


def invalid(why):
    return Fault("ErrorSchemaValidation", "The request failed schema validation: " + why)


def check_order(element, order, what):
    """xs:sequence: children in the schema's order, of its namespace, none that it doesn't know."""
    at = 0
    for found in element:
        name = local(found)
        if name not in order:
            raise invalid(f"{what} has no child {name}.")
        if etree.QName(found).namespace != TYPES:
            raise invalid(f"{name} is not of the types namespace.")
        where = order.index(name)
        if where < at:
            raise invalid(f"{name} comes too late in {what}.")
        at = where


def check_operation(request):
    name = local(request)
    if etree.QName(request).namespace != MESSAGES or name not in OPERATIONS:
        raise Fault("ErrorInvalidRequest", f"no operation {request.tag}")
    attributes, parts = OPERATIONS[name]
    for attribute in attributes.split():
        if attribute not in request.attrib:
            raise invalid(f"{name} needs the attribute {attribute}.")
    found = list(request)
    for part in parts.split():
        names = part.rstrip("?").split("|")
        if found and local(found[0]) in names and etree.QName(found[0]).namespace == MESSAGES:
            found.pop(0)
        elif not part.endswith("?"):
            raise invalid(f"{name} needs {part} here, not {local(found[0]) if found else 'its end'}.")
    if found:
        raise invalid(f"{local(found[0])} has no place there in {name}.")


def check_item(element):
    name = local(element)
    order = KINDS[name][0] if name in KINDS else RESPONSES.get(name)
    if order is None or etree.QName(element).namespace != TYPES:
        raise invalid(f"no item {element.tag}.")
    check_order(element, order, name)


def property_of(uri):
    """FieldURI → name of the child that holds it. message:ToRecipients → ToRecipients."""
    family, _, name = uri.partition(":")
    name = SINGULAR.get(name.split(":")[0], name.split(":")[0])
    if name not in FAMILIES.get(family, ()):
        raise invalid(f"no property {uri}.")
    return name


def extended_key(uri):
    """An ExtendedFieldURI as a key: all its attributes, without regard to case of the set's GUID."""
    given = dict(uri.attrib)
    if "PropertyTag" in given:
        given["PropertyTag"] = str(int(given["PropertyTag"], 0))
    if "PropertySetId" in given:
        given["PropertySetId"] = given["PropertySetId"].lower()
    return tuple(sorted(given.items()))
