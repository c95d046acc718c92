# SPDX-License-Identifier: Apache-2.0
"""Mailboxes in memory: folders, items, and a numbered log of what changed, from which both sync and notifications read."""
import base64
import copy
import datetime
import itertools
import os

from lxml import etree

from . import mapi, mime
from .schema import FOLDERS, KINDS, EwsError, T, child, extended_key, local, text

# Distinguished name → (above, element, shown name).
TREE = {"root": (None, "Folder", "Root"), "msgfolderroot": ("root", "Folder", "Top of Information Store"),
        "inbox": ("msgfolderroot", "Folder", "Inbox"), "sentitems": ("msgfolderroot", "Folder", "Sent Items"),
        "drafts": ("msgfolderroot", "Folder", "Drafts"), "deleteditems": ("msgfolderroot", "Folder", "Deleted Items"),
        "junkemail": ("msgfolderroot", "Folder", "Junk Email"), "outbox": ("msgfolderroot", "Folder", "Outbox"),
        "calendar": ("msgfolderroot", "CalendarFolder", "Calendar"), "contacts": ("msgfolderroot", "ContactsFolder", "Contacts"),
        "tasks": ("msgfolderroot", "TasksFolder", "Tasks"), "notes": ("msgfolderroot", "Folder", "Notes"),
        "journal": ("msgfolderroot", "Folder", "Journal"), "searchfolders": ("root", "Folder", "Finder"),
        "recoverableitemsdeletions": ("root", "Folder", "Deletions")}
CLASSES = {"notes": "IPF.StickyNote", "journal": "IPF.Journal", "root": "", "searchfolders": ""}
# Properties of MAPI that the server has a meaning for. [MS-OXPROPS]
DELIVERY_TIME = (("PropertyTag", str(0x0E06)), ("PropertyType", "SystemTime"))
FLAG_STATUS = (("PropertyTag", str(0x1090)), ("PropertyType", "Integer"))
SEARCH_KEY = (("PropertyTag", str(0x300B)), ("PropertyType", "Binary"))
RIGHTS = ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems")


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def stamp(when):
    return when.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def extended(key, value):
    return T.ExtendedProperty(T.ExtendedFieldURI(dict(key, PropertyTag=hex(int(dict(key)["PropertyTag"])))), T.Value(value))


class Folder:
    def __init__(self, box, ident, parent, element, name, folder_class, distinguished=None):
        self.box, self.id, self.parent, self.element, self.name = box, ident, parent, element, name
        self.folder_class, self.distinguished = folder_class, distinguished
        self.items, self.extended = {}, {}
        self.key = self.created = self.changed = self.articles = 0
        self.committed = now()  # when something in it changed the last time

    def children(self):
        return [folder for folder in self.box.folders.values() if folder.parent is self]

    def below(self):
        for folder in self.children():
            yield folder
            yield from folder.below()


class Item:
    def __init__(self, box, ident, kind):
        self.box, self.id, self.kind, self.folder = box, ident, kind, None
        self.values, self.extended, self.attachments = {}, {}, []  # name → element; key → ExtendedProperty
        self.mime, self.is_read, self.draft, self.submitted = None, True, False, False
        self.key = self.created = self.changed = self.article = 0
        self.exceptions, self.removed = {}, set()  # of a series, by original start
        self.only_read = False  # nothing but the read flag since `changed`
        self.received = self.modified = now()
        # Stays when the item moves, and its id does not.
        self.extended[SEARCH_KEY] = extended(SEARCH_KEY, base64.b64encode(os.urandom(16)).decode())

    def set(self, element):
        """Takes one child element as this item's value."""
        name = local(element)
        if name == "IsRead":
            self.is_read = (element.text or "").strip().lower() in ("true", "1")
        elif name == "ExtendedProperty":
            key = extended_key(child(element, "ExtendedFieldURI"))
            if mapi.put(self, key, element):
                return
            self.extended[key] = mapi.stored(key, element)
            value = child(element, "Value")
            if key == DELIVERY_TIME:
                self.received = datetime.datetime.fromisoformat(value.text.replace("Z", "+00:00"))
            elif key == FLAG_STATUS:
                self.values["Flag"] = T.Flag(T.FlagStatus("Flagged" if value.text == "2" else "NotFlagged"))
        elif name == "Flag":
            self.values[name] = copy.deepcopy(element)
            flagged = "2" if text(element, "FlagStatus") == "Flagged" else "0"
            self.extended[FLAG_STATUS] = extended(FLAG_STATUS, flagged)
        else:
            self.values[name] = copy.deepcopy(element)
            self.values[name].tail = None

    def word(self, name, default=""):
        found = self.values.get(name)
        return default if found is None else (found.text or "")

    @property
    def size(self):
        if self.mime is not None:
            return len(self.mime)
        return 200 + sum(len(etree.tostring(value)) for value in self.values.values()) + sum(
            len(attachment.content) for attachment in self.attachments)

    def change_key(self):
        return base64.b64encode(f"FwAAABYAAAB{self.box.number:04}{self.key:012}".encode()).decode()

    def item_class(self):
        return self.word("ItemClass") or KINDS[self.kind][1]


class Mailbox:
    """All calls with the server's lock held."""

    def __init__(self, server, number, address, name, password):
        self.server, self.number, self.address, self.name, self.password = server, number, address, name, password
        self.node, self.epoch, self.serial = 0, os.urandom(4).hex(), itertools.count(1)
        self.folders, self.items, self.by_name = {}, {}, {}
        self.sequence = 0
        self.gone = []  # (sequence, "item" or "folder", id, its folder's id, created)
        self.events = []  # (number, kind, element builder)
        self.zone = "W. Europe Standard Time"  # its user's
        self.aliases = set()  # other addresses of it
        self.delegates = {}  # address → the rights that it has here
        for name_, (above, element, shown) in TREE.items():
            folder_class = CLASSES.get(name_, FOLDERS[element])
            self.make_folder(self.by_name.get(above), element, shown, folder_class, name_)

    def identify(self, what):
        """Opaque, as long as the real ones are, and different only in the case of letters here and there, as they are."""
        number = next(self.serial)
        tail = "".join("aA"[number >> bit & 1] for bit in range(4)) + f"{number:08}"
        head = "AAMk" + base64.b64encode(f"{what}:{self.number}:{self.epoch}".encode()).decode().rstrip("=")
        made = head.ljust((119 if what == "f" else 151) - len(tail), "A") + tail + "="
        self.server.owners[made] = self
        return made

    def step(self):
        self.sequence += 1
        return self.sequence

    def touch(self, thing):
        thing.changed = thing.key = self.step()

    # --- folders ---
    def make_folder(self, parent, element, name, folder_class=None, distinguished=None):
        if parent is not None and any(other.name.lower() == name.lower() for other in parent.children()):
            raise EwsError("ErrorFolderExists", "A folder with the specified name already exists.")
        folder = Folder(self, self.identify("f"), parent, element, name, FOLDERS[element] if folder_class is None else folder_class,
                        distinguished)
        self.folders[folder.id] = folder
        if distinguished:
            self.by_name[distinguished] = folder
        self.touch(folder)
        folder.created = folder.changed
        if parent is not None:
            self.event("CreatedEvent", folder=folder)
        return folder

    def remove_folder(self, folder):
        for below in [*folder.children()]:
            self.remove_folder(below)
        for item in [*folder.items.values()]:
            self.remove(item)
        del self.folders[folder.id]
        self.server.owners.pop(folder.id, None)
        self.gone.append((self.step(), "folder", folder.id, "", folder.created))
        self.event("DeletedEvent", folder=folder)

    # --- items ---
    def add(self, item, folder, event="CreatedEvent", old=None):
        item.folder = folder
        folder.items[item.id] = item
        for each in item.exceptions.values():
            each.folder = folder
        folder.articles += 1
        item.article = folder.articles
        self.items[item.id] = item
        self.touch(item)
        item.created, item.only_read, item.modified = item.changed, False, now()
        self.event(event, item=item, old=old)
        return item

    def changed(self, item, only_read=False):
        item.only_read = only_read
        key = item.key
        self.touch(item)
        if only_read:
            item.key = key  # a message's read flag is not part of its change key
        else:
            item.modified = now()
        self.event("ModifiedEvent", item=item)

    def remove(self, item, say=True):
        item.folder.items.pop(item.id, None)
        self.items.pop(item.id, None)
        self.server.owners.pop(item.id, None)
        self.gone.append((self.step(), "item", item.id, item.folder.id, item.created))
        if say:
            self.event("DeletedEvent", item=item)

    def move(self, item, folder):
        """To the same mailbox or another: a new id always (ids of items change when they move)."""
        old = (item.id, item.change_key(), item.folder)
        self.remove(item, say=False)
        item.box, item.id = folder.box, folder.box.identify("i")
        return folder.box.add(item, folder, "MovedEvent", old)

    def copy(self, item, folder):
        made = copy.copy(item)
        made.values, made.extended, made.attachments = dict(item.values), dict(item.extended), list(item.attachments)
        made.exceptions, made.removed = dict(item.exceptions), set(item.removed)
        made.box, made.id = folder.box, folder.box.identify("i")
        return folder.box.add(made, folder, "CopiedEvent", (item.id, item.change_key(), item.folder))

    def new_item(self, kind):
        return Item(self, self.identify("i"), kind)

    def deliver(self, octets, folder="inbox", received=None, read=False):
        """A mail arrives from outside."""
        item = self.new_item("Message")
        mime.take(item, octets)
        item.is_read, item.received = read, received or now()
        return self.add(item, self.by_name[folder] if folder in self.by_name else self.folders[folder], "NewMailEvent")

    # --- notifications ---
    def event(self, kind, item=None, folder=None, old=None):
        if item and item.folder:
            item.folder.committed = now()
        self.events.append((kind, stamp(now()), item and (item.id, item.change_key(), item.folder), folder, old))
        with self.server.wake:
            self.server.wake.notify_all()

    def event_element(self, number):
        kind, when, item, folder, old = self.events[number]
        made = getattr(T, kind)(T.Watermark(self.watermark(number + 1)), T.TimeStamp(when))
        if item:
            made.append(T.ItemId(Id=item[0], ChangeKey=item[1]))
            made.append(T.ParentFolderId(Id=item[2].id, ChangeKey="AQ=="))
        else:
            made.append(T.FolderId(Id=folder.id, ChangeKey="AQ=="))
            made.append(T.ParentFolderId(Id=folder.parent.id, ChangeKey="AQ=="))
        if old:
            made.append(T.OldItemId(Id=old[0], ChangeKey=old[1]))
            made.append(T.OldParentFolderId(Id=old[2].id, ChangeKey="AQ=="))
        return made

    def watermark(self, number):
        return base64.b64encode(f"{self.epoch}:{self.number}:{number:010}".encode()).decode()
