# SPDX-License-Identifier: Apache-2.0
"""Restrictions, sort orders, pages and query strings. [MS-OXWSSRCH]"""
import datetime
import functools

from . import mapi, shape
from .mailbox import Folder
from .schema import EwsError, extended_key, invalid, local, property_of


def raw(thing, uri):
    """The value that a path names, as text, or None. Fields of several people are not searched by."""
    name = local(uri)
    if name == "ExtendedFieldURI":
        found = mapi.get(thing, extended_key(uri), mapi.FOLDER if isinstance(thing, Folder) else mapi.ITEM)
        return None if found is None else mapi.text(found)
    wanted = property_of(uri.get("FieldURI"))
    if isinstance(thing, Folder):
        found = shape.folder_value(thing, wanted, shape.RIGHTS)
    else:
        found = shape.value(thing, wanted)
    if found is None:
        return None
    if name == "IndexedFieldURI":
        parts = uri.get("FieldURI").split(":")
        for entry in found:
            if entry.get("Key") == uri.get("FieldIndex"):
                return entry.text if len(parts) < 3 else next((e.text for e in entry if local(e) == parts[2]), None)
        return None
    if len(found):
        return " ".join(word.strip() for word in found.itertext() if word.strip())
    return found.text or ""


def order(left, right):
    try:
        left, right = float(left), float(right)
    except ValueError:
        left, right = left.lower(), right.lower()
    return (left > right) - (left < right)


COMPARE = {"IsEqualTo": lambda c: c == 0, "IsNotEqualTo": lambda c: c != 0, "IsGreaterThan": lambda c: c > 0,
           "IsGreaterThanOrEqualTo": lambda c: c >= 0, "IsLessThan": lambda c: c < 0, "IsLessThanOrEqualTo": lambda c: c <= 0}


def normal(word):
    """Dates may come with an offset; the server's are in UTC. xs:boolean is true or 1."""
    if word in ("true", "false"):
        return str(int(word == "true"))
    if len(word) >= 19 and word[4:5] == "-" and "T" in word:
        try:
            return datetime.datetime.fromisoformat(word.replace("Z", "+00:00")).astimezone(datetime.timezone.utc).isoformat()
        except ValueError:
            pass
    return word


def matches(thing, test):
    kind = local(test)
    if kind in ("And", "Or"):
        return (all if kind == "And" else any)(matches(thing, each) for each in test)
    if kind == "Not":
        return not matches(thing, test[0])
    value = raw(thing, test[0])
    if kind == "Exists":
        return value is not None
    if kind == "Contains":
        sought, held = test[1].get("Value"), value or ""
        if test.get("ContainmentComparison", "Exact") != "Exact":
            sought, held = sought.lower(), held.lower()
        mode = test.get("ContainmentMode")
        return held == sought if mode == "FullString" else held.startswith(sought) if mode == "Prefixed" else sought in held
    if kind in COMPARE:
        other = test[1][0].get("Value") if local(test[1]) == "FieldURIOrConstant" and local(test[1][0]) == "Constant" else raw(
            thing, test[1][0])
        if value is None or other is None:
            return kind == "IsNotEqualTo"
        return COMPARE[kind](order(normal(value), normal(other)))
    raise invalid(f"no restriction {kind}.")


def query(thing, words):
    """The beginnings of AQS: words and subject:, from:, body:."""
    for word in words.split():
        field, colon, sought = word.partition(":")
        names = {"subject": ["Subject"], "from": ["From"], "body": ["Body"]}.get(field.lower()) if colon else None
        names, sought = (names, sought) if names else (["Subject", "Body", "From", "ToRecipients", "DisplayName"], word)
        held = " ".join(" ".join(value.itertext()) for name in names for value in [thing.values.get(name)] if value is not None)
        if sought.strip('"').lower() not in held.lower():
            return False
    return True


def sort(items, order_element):
    items = sorted(items, key=lambda item: (item.received, item.created), reverse=True)
    for field in reversed(order_element if order_element is not None else ()):
        items.sort(key=functools.cmp_to_key(lambda a, b, uri=field[0]: order(normal(raw(a, uri) or ""), normal(raw(b, uri) or ""))),
                   reverse=field.get("Order") == "Descending")
    return items


def page(found, view, limit):
    """→ (what is on the page, attributes of RootFolder)"""
    offset, size, backwards = 0, limit, False
    if view is not None:
        offset, size = int(view.get("Offset", "0")), int(view.get("MaxEntriesReturned", str(limit)))
        backwards = view.get("BasePoint") == "End"
        if size < 1 or offset < 0:
            raise EwsError("ErrorInvalidPagingMaxRows", "Paging max rows must be positive.")
    size = min(size, limit)
    if backwards:
        end = max(0, len(found) - offset)
        begin = max(0, end - size)
        return found[begin:end], {"IndexedPagingOffset": str(offset + size), "TotalItemsInView": str(len(found)),
                                  "IncludesLastItemInRange": "true" if begin == 0 else "false"}
    last = offset + size >= len(found)
    return found[offset:offset + size], {"IndexedPagingOffset": str(min(offset + size, len(found))), "TotalItemsInView": str(len(found)),
                                         "IncludesLastItemInRange": "true" if last else "false"}
