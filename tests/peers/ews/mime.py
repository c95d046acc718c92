# SPDX-License-Identifier: Apache-2.0
"""Between a message's MIME and its properties, both ways. Like the real server this one keeps no octets as they came: what it
gives is made anew, with a line of its own."""
import email
import email.parser
import email.policy
import email.utils
import re

from .schema import T, local, text

POLICY = email.policy.SMTP.clone(refold_source="none")


def mailboxes(header):
    return [(name, address) for name, address in email.utils.getaddresses([str(header or "")]) if address]


def mailbox(name, address):
    return T.Mailbox(*([T.Name(name)] if name else []), T.EmailAddress(address), T.RoutingType("SMTP"),
                     T.MailboxType("Mailbox"))


def xml_text(words):
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", str(words))


def take(item, octets):
    """The properties that a server makes of MIME."""
    item.mime = octets
    try:
        parsed = email.message_from_bytes(octets, policy=email.policy.default)
    except RecursionError:  # parts within parts without end: its header will do
        parsed = email.parser.BytesHeaderParser(policy=email.policy.default).parsebytes(octets)

    def header(name):
        try:
            return xml_text(parsed.get(name, "") or "")
        except Exception:  # a header that the library can't read is read by nobody here
            return ""
    item.set(T.Subject(header("Subject")))
    for name, words in (("InternetMessageId", header("Message-ID").strip()), ("References", header("References")),
                        ("InReplyTo", header("In-Reply-To"))):
        if words:
            item.set(getattr(T, name)(words))
    for name, where in (("ToRecipients", "To"), ("CcRecipients", "Cc"), ("BccRecipients", "Bcc"), ("ReplyTo", "Reply-To")):
        people = mailboxes(header(where))
        if people:
            item.set(getattr(T, name)(*(mailbox(*each) for each in people)))
    sender = mailboxes(header("From"))
    if sender:
        item.set(T.From(mailbox(*sender[0])))
        item.set(T.Sender(mailbox(*(mailboxes(header("Sender")) or sender)[0])))
    try:
        when = email.utils.parsedate_to_datetime(header("Date"))
        item.set(T.DateTimeSent(when.astimezone(email.utils.datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")))
    except (TypeError, ValueError):
        pass
    item.set(T.HasAttachments("true" if any(part.is_attachment() for part in attachments(parsed)) else "false"))
    try:
        part = parsed.get_body(("html", "plain"))
        words = xml_text(part.get_content()) if part is not None else ""
        item.set(T.Body(words, BodyType="HTML" if part is not None and part.get_content_subtype() == "html" else "Text"))
    except Exception:
        item.set(T.Body("", BodyType="Text"))


def attachments(parsed):
    return [part for part in parsed.walk() if hasattr(part, "is_attachment") and not part.is_multipart()]


def people(element):
    return [(text(each, "Name"), text(each, "EmailAddress")) for each in element if local(each) == "Mailbox"]


def addresses(item, *names):
    """Whom a message goes to, by its properties."""
    return [address for name in names if name in item.values for _, address in people(item.values[name]) if address]


def give(item):
    """MIME of an item, made from its octets or from its properties."""
    if item.mime is not None:
        if not item.box.server.regenerates:
            return item.mime
        head, blank, body = item.mime.partition(b"\r\n\r\n" if b"\r\n\r\n" in item.mime else b"\n\n")
        head = b"\r\n".join(line for line in head.replace(b"\r\n", b"\n").split(b"\n")
                            if not line.lower().startswith(b"x-peer-regenerated:"))
        return head + b"\r\nX-Peer-Regenerated: yes\r\n\r\n" + (body if blank else b"")
    message = email.message.EmailMessage(policy=POLICY)
    for header, name in (("From", "From"), ("To", "ToRecipients"), ("Cc", "CcRecipients"), ("Reply-To", "ReplyTo")):
        if name in item.values:
            message[header] = ", ".join(email.utils.formataddr(each) for each in people(item.values[name]))
    message["Subject"] = item.word("Subject")
    message["Message-ID"] = item.word("InternetMessageId") or f"<{item.id}@peer.example>"
    message["Date"] = email.utils.format_datetime(item.received)
    body = item.values.get("Body")
    if body is not None:
        message.set_content(body.text or "", subtype="html" if body.get("BodyType") == "HTML" else "plain")
    else:
        message.set_content("")
    for attachment in item.attachments:
        main, _, sub = (attachment.kind or "application/octet-stream").partition("/")
        message.add_attachment(attachment.content, maintype=main, subtype=sub or "octet-stream", filename=attachment.name)
    return message.as_bytes()
