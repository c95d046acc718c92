# SPDX-License-Identifier: Apache-2.0
"""Operations on folders. [MS-OXWSFOLD]"""
import copy

from . import search, soap
from .schema import FOLDERS, EwsError, M, T, child, extended_key, invalid, local, text, truth
from .shape import Shape, render_folder


def get_folder(call, request):
    shape = Shape(child(request, "FolderShape"))

    def one(ident):
        folder = call.folder(ident)
        return [M.Folders(render_folder(folder, shape, call.granted(folder.box)))]
    return soap.each("GetFolder", child(request, "FolderIds"), one)


def find_folder(call, request):
    shape, deep = Shape(child(request, "FolderShape")), request.get("Traversal") == "Deep"

    def one(ident):
        above = call.folder(ident)
        found = list(above.below()) if deep else above.children()
        restriction = child(request, "Restriction")
        if restriction is not None:
            found = [folder for folder in found if search.matches(folder, restriction[0])]
        page, attributes = search.page(found, child(request, "IndexedPageFolderView"), call.server.find_limit)
        return [M.RootFolder(T.Folders(*(render_folder(folder, shape, call.granted(folder.box)) for folder in page)), attributes)]
    return soap.each("FindFolder", child(request, "ParentFolderIds"), one)


def create_folder(call, request):
    parent = call.one_folder(request, "ParentFolderId", "CreateHierarchy")

    def one(element):
        if local(element) not in FOLDERS:
            raise invalid(f"no folder {local(element)}.")
        name = text(element, "DisplayName")
        if not name:
            raise EwsError("ErrorFolderSave", "Folder save failed: it has no name.")
        folder = parent.box.make_folder(parent, local(element), name, text(element, "FolderClass") or None)
        for each in element:
            if local(each) == "ExtendedProperty":
                folder.extended[extended_key(child(each, "ExtendedFieldURI"))] = copy.deepcopy(each)
        return [M.Folders(getattr(T, folder.element)(T.FolderId(Id=folder.id, ChangeKey="AQ==")))]
    return soap.each("CreateFolder", child(request, "Folders"), one)


def update_folder(call, request):
    def one(change):
        folder = call.folder(change[0], "CreateHierarchy")
        for update in child(change, "Updates"):
            if local(update) != "SetFolderField":
                continue
            value = update[1][0]
            if local(value) == "DisplayName":
                if folder.distinguished:
                    raise EwsError("ErrorObjectTypeChanged" if not value.text else "ErrorAccessDenied", "A distinguished folder stays.")
                folder.name = value.text
            elif local(value) == "ExtendedProperty":
                folder.extended[extended_key(child(value, "ExtendedFieldURI"))] = copy.deepcopy(value)
        folder.box.touch(folder)
        folder.box.event("ModifiedEvent", folder=folder)
        return [M.Folders(getattr(T, folder.element)(T.FolderId(Id=folder.id, ChangeKey="AQ==")))]
    return soap.each("UpdateFolder", child(request, "FolderChanges"), one)


def delete_folder(call, request):
    def one(ident):
        folder = call.folder(ident, "Delete")
        if folder.distinguished:
            raise EwsError("ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted.")
        bin_ = folder.box.by_name["deleteditems"]
        if request.get("DeleteType") == "MoveToDeletedItems" and folder.parent is not bin_:
            move(folder, bin_)
        else:
            folder.box.remove_folder(folder)
        return []
    return soap.each("DeleteFolder", child(request, "FolderIds"), one)


def move(folder, to):
    if to is folder or to in folder.below():
        raise EwsError("ErrorMoveCopyFailed", "A folder can't be moved into itself.")
    if any(other.name.lower() == folder.name.lower() for other in to.children() if other is not folder):
        raise EwsError("ErrorFolderExists", "A folder with the specified name already exists.")
    folder.parent = to  # its id stays
    folder.box.touch(folder)
    folder.box.event("ModifiedEvent", folder=folder)


def move_folder(call, request):
    to = call.one_folder(request, "ToFolderId", "CreateHierarchy")

    def one(ident):
        folder = call.folder(ident, "Delete")
        move(folder, to)
        return [M.Folders(getattr(T, folder.element)(T.FolderId(Id=folder.id, ChangeKey="AQ==")))]
    return soap.each("MoveFolder", child(request, "FolderIds"), one)


def empty_folder(call, request):
    def one(ident):
        folder = call.folder(ident, "Delete")
        for item in [*folder.items.values()]:
            if request.get("DeleteType") == "MoveToDeletedItems":
                folder.box.move(item, folder.box.by_name["deleteditems"])
            else:
                folder.box.remove(item)
        if truth(request.get("DeleteSubFolders")):
            for below in folder.children():
                folder.box.remove_folder(below)
        return []
    return soap.each("EmptyFolder", child(request, "FolderIds"), one)


OPERATIONS = {"GetFolder": get_folder, "FindFolder": find_folder, "CreateFolder": create_folder, "UpdateFolder": update_folder,
              "DeleteFolder": delete_folder, "MoveFolder": move_folder, "EmptyFolder": empty_folder}
