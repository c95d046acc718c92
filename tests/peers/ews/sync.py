# SPDX-License-Identifier: Apache-2.0
"""SyncFolderItems and SyncFolderHierarchy. [MS-OXWSSYNC]
A SyncState is opaque to clients; here: which folder and kind it is of, the mailbox's epoch, the log's number up to which all
was told, and how far a listing of what was older has come (newest first)."""
import base64
import json

from . import soap
from .schema import EwsError, M, T, child, text
from .shape import Shape, boolean, render, render_folder

BROKEN = "The synchronization state data is corrupt or otherwise invalid."


def pack(box, kind, folder, told, below):
    state = json.dumps({"kind": kind, "folder": folder, "epoch": box.epoch, "told": told, "below": below}).encode()
    # Real ones are long, and longer the more there is.
    return base64.b64encode(state + b" " * box.server.sync_state_padding).decode()


def unpack(box, kind, folder, word):
    if not word:
        return box.sequence, box.sequence + 1  # a listing of what is there now
    try:
        state = json.loads(base64.b64decode(word, validate=True))
        if (state["kind"], state["folder"], state["epoch"]) != (kind, folder, box.epoch):
            raise ValueError
        if state["told"] < box.server.oldest_state.get(box.address, 0):
            raise ValueError
        return state["told"], state["below"]
    except (ValueError, KeyError):
        if box.server.restarts_silently:
            return box.sequence, box.sequence + 1
        raise EwsError("ErrorInvalidSyncStateData", BROKEN) from None


def since(told, things, gone):
    """(number, what) of all changes after told, in the order of their numbers."""
    found = [(thing.changed, "Create" if thing.created > told else "Update", thing) for thing in things if thing.changed > told]
    found += [(number, "Delete", ident) for number, ident, created in gone if number > told and created <= told]
    return sorted(found, key=lambda each: each[0])


def sync_folder_items(call, request):
    def one(_):
        shape = Shape(child(request, "ItemShape"))
        folder = call.one_folder(request, "SyncFolderId")
        box, limit = folder.box, int(text(request, "MaxChangesReturned"))
        if not 1 <= limit <= 512:
            raise EwsError("ErrorInvalidSyncStateData" if limit < 0 else "ErrorInvalidRequest", "MaxChangesReturned is 1 to 512.")
        told, below = unpack(box, "items", folder.id, text(request, "SyncState").strip())
        ignored = {each.get("Id") for each in child(request, "Ignore")} if child(request, "Ignore") is not None else ()
        changes, more = [], False
        if below:  # a listing; what changed or was made since it began comes afterwards
            old = sorted((item for item in folder.items.values() if item.created < below and item.created <= told),
                         key=lambda item: -item.created)
            for item in old[:limit]:
                changes.append(T.Create(render(item, shape, call.granted(box))))
                below = item.created
            if len(old) <= limit:
                below = 0
            more = bool(below) or box.sequence > told
        else:
            gone = [(number, ident, created) for number, what, ident, where, created in box.gone
                    if what == "item" and where == folder.id]
            news = since(told, folder.items.values(), gone)
            more = len(news) > limit
            for number, what, thing in news[:limit]:
                told = number
                if what == "Delete":
                    changes.append(T.Delete(T.ItemId(Id=thing, ChangeKey="AQ==")))
                elif thing.id in ignored:
                    continue
                elif what == "Update" and thing.only_read:
                    changes.append(T.ReadFlagChange(T.ItemId(Id=thing.id, ChangeKey=thing.change_key()),
                                                    T.IsRead(boolean(thing.is_read))))
                else:
                    changes.append(getattr(T, what)(render(thing, shape, call.granted(box))))
            if not more:
                told = box.sequence
        return [M.SyncState(pack(box, "items", folder.id, told, below)), M.IncludesLastItemInRange(boolean(not more)),
                M.Changes(*changes)]
    return soap.each("SyncFolderItems", [request], one)


def sync_folder_hierarchy(call, request):
    def one(_):
        shape, root = Shape(child(request, "FolderShape")), child(request, "SyncFolderId")
        # No root and the root given are states of two kinds.
        above = call.folder(root[0]) if root is not None else call.actor.by_name["msgfolderroot"]
        box, word = above.box, text(request, "SyncState").strip()
        told, below = unpack(box, "hierarchy", above.id if root is not None else "", word)
        under = list(above.below())
        if below:
            changes = [T.Create(render_folder(folder, shape, call.granted(box))) for folder in under]
        else:
            gone = [(number, ident, created) for number, what, ident, _, created in box.gone if what == "folder"]
            changes = []
            for _, what, thing in since(told, under, gone):
                changes.append(T.Delete(T.FolderId(Id=thing, ChangeKey="AQ==")) if what == "Delete" else getattr(T, what)(
                    render_folder(thing, shape, call.granted(box))))
        return [M.SyncState(pack(box, "hierarchy", above.id if root is not None else "", box.sequence, 0)),
                M.IncludesLastFolderInRange("true"), M.Changes(*changes)]
    return soap.each("SyncFolderHierarchy", [request], one)


OPERATIONS = {"SyncFolderItems": sync_folder_items, "SyncFolderHierarchy": sync_folder_hierarchy}
