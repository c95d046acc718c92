# SPDX-License-Identifier: Apache-2.0
"""What every operation needs: who calls, and ids turned into folders and items that the caller may see."""
import base64
import dataclasses

from .mailbox import RIGHTS
from .schema import EwsError, T, invalid, local, text
from .shape import need


@dataclasses.dataclass
class Attachment:
    id: str
    name: str
    kind: str
    content: bytes
    inline: bool = False
    content_id: str = ""
    photo: bool = False

    def element(self, whole):
        made = T.FileAttachment(T.AttachmentId(Id=self.id), T.Name(self.name), T.ContentType(self.kind))
        if self.content_id:
            made.append(T.ContentId(self.content_id))
        made.append(T.Size(str(len(self.content))))
        made.append(T.IsInline("true" if self.inline else "false"))
        made.append(T.IsContactPhoto("true" if self.photo else "false"))
        if whole:
            made.append(T.Content(base64.b64encode(self.content).decode()))
        return made


class Call:
    def __init__(self, server, account, actor, version, node):
        """account: who logged in; actor: who is acted for (another one with impersonation)."""
        self.server, self.account, self.actor, self.version, self.node = server, account, actor, version, node

    def granted(self, box):
        return RIGHTS if box is self.actor else box.delegates.get(self.actor.address, ())

    def folder(self, element, *wanted):
        """FolderId or DistinguishedFolderId → Folder."""
        name = local(element)
        if name == "DistinguishedFolderId":
            box = self.actor
            for mailbox in element:
                box = self.server.mailbox(text(mailbox, "EmailAddress"))
            found = box.by_name.get(element.get("Id"))
            if found is None:
                raise EwsError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        elif name == "FolderId":
            box = self.server.owner(element.get("Id"), "ErrorInvalidIdMalformed")
            found = box.folders.get(element.get("Id"))
        else:
            raise invalid(f"{name} is no folder's id.")
        if found is None:
            raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")
        need(self.granted(found.box), "Read", *wanted)
        return found

    def one_folder(self, request, name, *wanted):
        ids = [each for each in request if local(each) == name]
        if len(ids) != 1 or len(ids[0]) != 1:
            raise invalid(f"{name} holds one folder's id.")
        return self.folder(ids[0][0], *wanted)

    def item(self, element, *wanted, fresh=False, code="ErrorStaleObject"):
        """ItemId → Item. fresh: its ChangeKey has to be given and be the present one."""
        ident = element.get("Id")
        if not ident:
            raise EwsError("ErrorInvalidIdEmpty", "Id must be non-empty.")
        box = self.server.owner(ident, "ErrorItemNotFound" if ident.startswith("AAMk") else "ErrorInvalidIdMalformed")
        found = box.items.get(ident)
        if found is None:
            raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")
        need(self.granted(box), "Read", *wanted)
        if fresh and element.get("ChangeKey") != found.change_key():
            raise EwsError(code if element.get("ChangeKey") else "ErrorChangeKeyRequired",
                           "The send or update operation could not be performed because the change key passed in the request "
                           "does not match the current change key for the item.")
        return found
