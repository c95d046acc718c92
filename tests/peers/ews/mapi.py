# SPDX-License-Identifier: Apache-2.0
"""Properties of MAPI that the store has, whoever made an item: a client may ask for them by tag or name instead of by the schema's
field. [MS-OXPROPS]; those of IMAP as clients use them."""
import base64
import copy
import datetime
import email.parser
import email.policy

from .schema import KINDS, T, child, local

# --- what an item is asked for: (tag, type) → text or None ---
MSGFLAG_READ, MSGFLAG_UNMODIFIED, MSGFLAG_SUBMIT, MSGFLAG_UNSENT, MSGFLAG_HASATTACH = 1, 2, 4, 8, 16
PUBLIC_STRINGS, INTERNET_HEADERS = "00020329-0000-0000-c000-000000000046", "00020386-0000-0000-c000-000000000046"


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def flags(item):
    return (MSGFLAG_READ * item.is_read | MSGFLAG_UNMODIFIED * (item.key == item.created) | MSGFLAG_SUBMIT * item.submitted |
            MSGFLAG_UNSENT * item.draft | MSGFLAG_HASATTACH * (bool(item.attachments) or item.word("HasAttachments") == "true"))


def recurring(item):
    return ("true" if "Recurrence" in item.values else "false") if item.kind == "CalendarItem" else None


ITEM = {("0x001a", "String"): lambda item: item.item_class(),
        ("0x0e06", "SystemTime"): lambda item: stamp(item.received),
        ("0x0e07", "Integer"): lambda item: str(flags(item)),
        ("0x0e08", "Integer"): lambda item: str(item.size),
        ("0x0e23", "Integer"): lambda item: str(item.article),  # PidTagInternetArticleNumber, rising in a folder
        ("0x3007", "SystemTime"): lambda item: stamp(item.received),
        ("0x3008", "SystemTime"): lambda item: stamp(item.modified),
        ("appointment 33315", "Boolean"): recurring,  # PidLidRecurring
        ("0x0ff9", "Binary"): lambda item: base64.b64encode(item.id.encode()).decode()}  # PidTagRecordKey, another one when it moves
# The same value under two names: what is set by one is read by the other.
FIELDS = {("0x0037", "String"): "Subject", ("0x1000", "String"): "Body", ("0x1035", "String"): "InternetMessageId",
          ("0x3001", "String"): "DisplayName", ("0x3a06", "String"): "GivenName", ("0x3a11", "String"): "Surname",
          ("0x3a16", "String"): "CompanyName", ("0x3a17", "String"): "JobTitle", ("0x3a18", "String"): "Department",
          ("0x3a19", "String"): "OfficeLocation", ("0x3a42", "SystemTime"): "Birthday", ("0x3a44", "String"): "MiddleName",
          ("0x3a46", "String"): "Profession", ("0x3a48", "String"): "SpouseName", ("0x3a4e", "String"): "Manager",
          ("0x3a4f", "String"): "Nickname", ("task 33028", "SystemTime"): "StartDate", ("task 33029", "SystemTime"): "DueDate"}
# → (list, key of its entry, part of the entry)
ENTRIES = {"0x3a08": ("PhoneNumbers", "BusinessPhone", None), "0x3a09": ("PhoneNumbers", "HomePhone", None),
           "0x3a1c": ("PhoneNumbers", "MobilePhone", None), "0x3a21": ("PhoneNumbers", "Pager", None),
           "0x3a24": ("PhoneNumbers", "BusinessFax", None), "0x3a25": ("PhoneNumbers", "HomeFax", None),
           **{tag: ("PhysicalAddresses", where, part) for where, tags in (
               ("Home", ("0x3a5d", "0x3a59", "0x3a5c", "0x3a5a", "0x3a5b")), ("Other", ("0x3a63", "0x3a5f", "0x3a62", "0x3a60", "0x3a61")))
              for tag, part in zip(tags, ("Street", "City", "State", "CountryOrRegion", "PostalCode"))}}
FOLDER = {("0x3001", "String"): lambda folder: folder.name,
          ("0x3613", "String"): lambda folder: folder.folder_class or None,
          ("0x3602", "Integer"): lambda folder: str(len(folder.items)),
          ("0x3603", "Integer"): lambda folder: str(sum(not item.is_read for item in folder.items.values())),
          ("0x3008", "SystemTime"): lambda folder: stamp(folder.committed),
          ("0x360a", "Boolean"): lambda folder: "true" if folder.children() else "false",
          ("0x670a", "SystemTime"): lambda folder: stamp(folder.committed),  # PidTagLocalCommitTimeMax
          ("0x6751", "Integer"): lambda folder: str(folder.articles + 1)}  # PidTagArticleNumNext


def named(key, name, numbered):
    words = dict(key)
    return (words.get("DistinguishedPropertySetId") == name or words.get("PropertySetId") == numbered) and words.get("PropertyName")


def is_keywords(key):
    return named(key, "PublicStrings", PUBLIC_STRINGS) == "Keywords" and dict(key).get("PropertyType") == "StringArray"


def path(key):
    words = dict(key)
    if "PropertyTag" in words:
        words["PropertyTag"] = hex(int(words["PropertyTag"]))
    return T.ExtendedFieldURI(words)


def address_of(key):
    words = dict(key)
    if "PropertyTag" in words:
        return f"0x{int(words['PropertyTag']):04x}", words.get("PropertyType")
    if words.get("DistinguishedPropertySetId") in ("Task", "Appointment") and "PropertyId" in words:
        return f"{words['DistinguishedPropertySetId'].lower()} {words['PropertyId']}", words.get("PropertyType")
    return None, None


def put(item, key, element):
    """Takes an ExtendedProperty where the schema has a field for it. → Was it one?"""
    tag, kind = address_of(key)
    held = child(element, "Value")
    if is_keywords(key):
        item.values["Categories"] = T.Categories(*(T.String(each.text or "") for each in child(element, "Values")))
    elif (tag, kind) in FIELDS and FIELDS[tag, kind] in KINDS[item.kind][0]:
        name = FIELDS[tag, kind]
        item.values[name] = getattr(T, name)(normal(kind, held.text or ""), *([{"BodyType": "Text"}] if name == "Body" else []))
    elif tag in ENTRIES and ENTRIES[tag][0] in KINDS[item.kind][0]:
        name, where, part = ENTRIES[tag]
        entries = item.values.setdefault(name, getattr(T, name)())
        entry = next((each for each in entries if each.get("Key") == where), None)
        if entry is None:
            entry = T.Entry(Key=where)
            entries.append(entry)
        if part is None:
            entry.text = held.text
        else:
            for old in [each for each in entry if local(each) == part]:
                entry.remove(old)
            entry.append(getattr(T, part)(held.text or ""))
    else:
        return False
    return True


def remove(item, key):
    tag, kind = address_of(key)
    if is_keywords(key):
        item.values.pop("Categories", None)
    elif (tag, kind) in FIELDS:
        item.values.pop(FIELDS[tag, kind], None)
    elif tag in ENTRIES:
        name, where, part = ENTRIES[tag]
        for entry in [each for each in item.values.get(name, ()) if each.get("Key") == where]:
            for old in [each for each in entry if local(each) == part]:
                entry.remove(old)
            if not len(entry):
                entry.getparent().remove(entry)


def entry_of(item, tag):
    name, where, part = ENTRIES[tag]
    for entry in item.values.get(name, ()):
        if entry.get("Key") == where:
            return entry.text if part is None else next((each.text for each in entry if local(each) == part), None)
    return None


def normal(kind, value):
    """Times are given back in UTC and without fractions, however they came."""
    if kind != "SystemTime":
        return value
    when = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    return stamp(when.astimezone(datetime.timezone.utc) if when.tzinfo else when)


def stored(key, element):
    """An ExtendedProperty that has no field, as it is kept."""
    made, held = copy.deepcopy(element), child(element, "Value")
    if held is not None and held.text:
        child(made, "Value").text = normal(dict(key).get("PropertyType"), held.text)
    return made


def get(thing, key, kinds):
    """→ ExtendedProperty or None. kinds: ITEM or FOLDER."""
    words, value = dict(key), None
    tag, kind = address_of(key)
    if (tag, kind) in kinds:
        value = kinds[tag, kind](thing)
    elif kinds is ITEM and (tag, kind) in FIELDS:
        value = None if FIELDS[tag, kind] not in thing.values else thing.word(FIELDS[tag, kind])
    elif kinds is ITEM and tag in ENTRIES:
        value = entry_of(thing, tag)
    elif kinds is ITEM and is_keywords(key):
        held = thing.values.get("Categories")
        return T.ExtendedProperty(path(key), T.Values(*(T.Value(each.text or "") for each in held))) if held is not None else None
    elif kinds is ITEM and (named(key, "InternetHeaders", INTERNET_HEADERS) or "").lower().startswith("x-") and thing.mime:
        header = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(thing.mime)[words["PropertyName"]]
        value = None if header is None else str(header)
    if value is None:
        return thing.extended.get(key)
    return T.ExtendedProperty(path(key), T.Value(value))


def text(element):
    """Of an ExtendedProperty; several values side by side."""
    held = child(element, "Value")
    if held is not None:
        return held.text or ""
    return "; ".join(each.text or "" for each in child(element, "Values"))
