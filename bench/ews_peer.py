# SPDX-License-Identifier: Apache-2.0
"""An Exchange server of many mailboxes that costs next to nothing: answers are put together from pieces that were made before, and
requests are looked at by regular expressions. One inbox each; who acts is whom ExchangeImpersonation names. tests/peers/ews is the
honest one."""
import asyncio
import base64
import re
import ssl
import threading
import time

PATH = "/EWS/Exchange.asmx"
HEAD = ('<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header><t:ServerVersionInfo MajorVersion="15"'
        ' MinorVersion="1" MajorBuildNumber="2507" MinorBuildNumber="6" Version="V2017_07_11"/></s:Header><s:Body>')
TAIL = "</s:Body></s:Envelope>"
GOOD = 'ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
BAD = ('ResponseClass="Error"><m:MessageText>Not here.</m:MessageText><m:ResponseCode>{}</m:ResponseCode>'
       '<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>')
RIGHTS = "".join(f"<t:{name}>true</t:{name}>" for name in
                 ("CreateAssociated", "CreateContents", "CreateHierarchy", "Delete", "Modify", "Read", "ViewPrivateItems"))
RECEIVED = "2026-01-01T00:00:00Z"


def answer(operation, *messages):
    each = "".join(f"<m:{operation}ResponseMessage {message}</m:{operation}ResponseMessage>" for message in messages)
    return f"{HEAD}<m:{operation}Response><m:ResponseMessages>{each}</m:ResponseMessages></m:{operation}Response>{TAIL}".encode()


def folder(ident, name, parent, unread=0):
    return (f'<t:Folder><t:FolderId Id="{ident}" ChangeKey="AQ=="/><t:ParentFolderId Id="{parent}" ChangeKey="AQ=="/>'
            f"<t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{name}</t:DisplayName><t:TotalCount>{unread}</t:TotalCount>"
            f"<t:ChildFolderCount>0</t:ChildFolderCount><t:EffectiveRights>{RIGHTS}</t:EffectiveRights></t:Folder>")


class Item:
    """As long as Exchange's ids are, and unique in the server."""

    def __init__(self, box, number, octets):
        self.id = f"AAMkADk1{box.number:08}{number:0>112}AAA="
        self.ident = f'<t:ItemId Id="{self.id}" ChangeKey="CQAAABYAAAD{number:0>20}"/>'
        self.mime = f'<t:MimeContent CharacterSet="UTF-8">{base64.b64encode(octets).decode()}</t:MimeContent>' if octets else ""
        self.about = (f'<t:ParentFolderId Id="{box.inbox}" ChangeKey="AQ=="/><t:ItemClass>IPM.Note</t:ItemClass>'
                      f"<t:DateTimeReceived>{RECEIVED}</t:DateTimeReceived><t:Size>{len(octets) + 600}</t:Size>"
                      f"<t:IsDraft>false</t:IsDraft><t:InternetMessageId>&lt;{number}.{box.number}@bench.example&gt;"
                      f"</t:InternetMessageId><t:IsRead>false</t:IsRead>")

    def got(self, mime, about):
        return f"{GOOD}<m:Items><t:Message>{self.mime if mime else ''}{self.ident}{self.about if about else ''}</t:Message></m:Items>"


class Box:
    def __init__(self, number, address, messages):
        self.number, self.address = number, address
        self.root, self.inbox = f"AAMkROOT{number:08}AAA=", f"AAMkINBX{number:08}AAA="
        self.items = [Item(self, at, octets) for at, octets in enumerate(messages)]
        self.came = []  # since then
        self.subscription, self.stream = None, None


class Peer:
    """Runs in a thread of its own. `asked`: how many requests of each operation; `cpu_s()`: what it used itself."""

    def __init__(self, certificate, key, mailboxes):
        """mailboxes: address → the octets of each message, the oldest first."""
        self.boxes = {address: Box(number, address, messages) for number, (address, messages) in enumerate(mailboxes.items())}
        self.items = {item.id: item for box in self.boxes.values() for item in box.items}
        self.subscribed, self.streams, self.asked, self.lock = {}, 0, {}, threading.Lock()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls, backlog=4096,
                                                                        limit=1 << 20))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"https://localhost:{self.port}{PATH}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def cpu_s(self):
        return time.clock_gettime(time.pthread_getcpuclockid(self.thread.ident))

    def close(self):
        async def end():
            self.server.close()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
        asyncio.run_coroutine_threadsafe(end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def backend(self, stage):
        """The lines of a gateway's back-end that uses it."""
        return {"plugin": "ews", "url": self.url, "ca_file": stage.ca, "admin": "gateway", "proxy": "none",
                "password_file": stage.write("ews.password", "secret\n")}

    def counts(self):
        with self.lock:
            return dict(self.asked)

    def arrive(self, address, octets):
        """A new mail. Returns when (time.time()) its event left; None: nobody listens."""
        async def tell():
            box = self.boxes[address]
            item = Item(box, len(box.items) + len(box.came), octets)
            box.came.append(item)
            self.items[item.id] = item
            if box.stream is None:
                return None
            event = (f'<t:Watermark>AQ==</t:Watermark><t:TimeStamp>{RECEIVED}</t:TimeStamp>{item.ident}'
                     f'<t:ParentFolderId Id="{box.inbox}" ChangeKey="AQ=="/>')
            said = answer("GetStreamingEvents", f"{GOOD}<m:Notifications><m:Notification><t:SubscriptionId>{box.subscription}"
                          f"</t:SubscriptionId><t:NewMailEvent>{event}</t:NewMailEvent></m:Notification></m:Notifications>")
            box.stream.write(f"{len(said):x}\r\n".encode() + said + b"\r\n")
            return time.time()
        return asyncio.run_coroutine_threadsafe(tell(), self.loop).result()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
                body = (await reader.readexactly(int(length[1]))).decode() if length else ""
                operation = re.search(r"<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)", body)
                user = re.search(r"<t:PrimarySmtpAddress>([^<]*)<", body)
                name, box = operation[1] if operation else "", self.boxes.get(user[1] if user else "")
                with self.lock:
                    self.asked[name] = self.asked.get(name, 0) + 1
                if name == "GetStreamingEvents":
                    await self._stream(writer, re.findall(r"<t:SubscriptionId>([^<]*)<", body))
                    return
                said = b"" if box is None else getattr(self, "_" + name, self._unknown)(box, body)
                status = "200 OK" if said else "401 Unauthorized\r\nWWW-Authenticate: Basic realm=peer"
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(said)}\r\n\r\n".encode())
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _stream(self, writer, subscriptions):
        """Until the connection ends."""
        boxes = [self.subscribed[each] for each in subscriptions if each in self.subscribed]
        open_ = answer("GetStreamingEvents", GOOD + "<m:ConnectionStatus>OK</m:ConnectionStatus>")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(f"{len(open_):x}\r\n".encode() + open_ + b"\r\n")
        for box in boxes:
            box.stream = writer
        self.streams += 1
        try:
            while not writer.transport.is_closing():
                await asyncio.sleep(0.2)
        finally:
            self.streams -= 1
            for box in boxes:
                if box.stream is writer:
                    box.stream = None

    def listening(self):
        """Mailboxes whose events somebody hears."""
        async def count():
            return sum(box.stream is not None for box in self.boxes.values())
        return asyncio.run_coroutine_threadsafe(count(), self.loop).result()

    @staticmethod
    def _unknown(_, __):
        return answer("GetItem", BAD.format("ErrorInvalidOperation"))

    @staticmethod
    def _GetFolder(box, body):
        known = {"msgfolderroot": folder(box.root, "Top", box.root), "root": folder(box.root, "Top", box.root),
                 "inbox": folder(box.inbox, "Inbox", box.root), box.inbox: folder(box.inbox, "Inbox", box.root)}
        asked = re.findall(r'<t:(?:Distinguished)?FolderId Id="([^"]*)"', body)
        return answer("GetFolder", *(f"{GOOD}<m:Folders>{known[each]}</m:Folders>" if each in known else
                                     BAD.format("ErrorFolderNotFound") for each in asked))

    @staticmethod
    def _SyncFolderHierarchy(box, body):
        new = "" if "SyncState>" in body else f"<t:Create>{folder(box.inbox, 'Inbox', box.root)}</t:Create>"
        return answer("SyncFolderHierarchy", f"{GOOD}<m:SyncState>SDE=</m:SyncState><m:IncludesLastFolderInRange>true"
                      f"</m:IncludesLastFolderInRange><m:Changes>{new}</m:Changes>")

    @staticmethod
    def _SyncFolderItems(box, body):
        """The newest first; a state is how many are left of the listing, and how many of those that came since were told."""
        state = re.search(r"SyncState>(\d+)\.(\d+)<", body)
        most = int(re.search(r"MaxChangesReturned>(\d+)<", body)[1])
        left, told = (int(state[1]), int(state[2])) if state else (len(box.items), 0)
        page = box.items[max(0, left - most):left][::-1] if left else box.came[told:told + most]
        left, told = (left - len(page), told) if left else (0, told + len(page))
        changes = "".join(f"<t:Create><t:Message>{item.ident}</t:Message></t:Create>" for item in page)
        last = "false" if left or told < len(box.came) else "true"
        return answer("SyncFolderItems", f"{GOOD}<m:SyncState>{left}.{told}</m:SyncState><m:IncludesLastItemInRange>{last}"
                      f"</m:IncludesLastItemInRange><m:Changes>{changes}</m:Changes>")

    def _GetItem(self, _, body):
        mime, about = "IncludeMimeContent>true" in body or '"item:MimeContent"' in body, "AdditionalProperties" in body
        asked = re.findall(r'<t:ItemId [^>]*?\bId="([^"]*)"', body)
        return answer("GetItem", *(self.items[each].got(mime, about) if each in self.items else BAD.format("ErrorItemNotFound")
                                   for each in asked))

    def _Subscribe(self, box, _):
        box.subscription = f"JgBleA{box.number:08}"
        self.subscribed[box.subscription] = box
        return answer("Subscribe", f"{GOOD}<m:SubscriptionId>{box.subscription}</m:SubscriptionId>")

    @staticmethod
    def _Unsubscribe(_, __):
        return answer("Unsubscribe", GOOD)
