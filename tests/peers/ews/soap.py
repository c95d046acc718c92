# SPDX-License-Identifier: Apache-2.0
"""Envelopes: reading requests (DTDs and entities refused) and writing answers, faults and response messages."""
from lxml import etree

from .schema import ERRORS, S, SOAP, T, TYPES, EwsError, Fault, M, child, invalid, local

VERSIONS = ["Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2013",
            "Exchange2013_SP1", "Exchange2015", "Exchange2016"]
BUILD = {"MajorVersion": "15", "MinorVersion": "1", "MajorBuildNumber": "2507", "MinorBuildNumber": "6", "Version": "V2017_07_11"}


def parse(octets):
    """→ (header or None, the request). Raises Fault."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
                             remove_pis=True, remove_blank_text=False)
    try:
        envelope = etree.fromstring(octets, parser)
    except etree.XMLSyntaxError as error:
        raise Fault("ErrorInvalidRequest", f"not XML: {error}") from None
    if envelope.getroottree().docinfo.doctype:
        raise Fault("ErrorInvalidRequest", "a document type is not allowed")
    if envelope.tag != f"{{{SOAP}}}Envelope":
        raise Fault("ErrorInvalidRequest", "not a SOAP 1.1 envelope")
    header, body = child(envelope, "Header"), child(envelope, "Body")
    if body is None or len(body) != 1:
        raise Fault("ErrorInvalidRequest", "a SOAP body with one child is needed")
    strip_blanks(body)
    return header, body[0]


def strip_blanks(element):
    """Indentation between elements is no content."""
    for each in element.iter(etree.Element):
        if len(each) and each.text and not each.text.strip():
            each.text = None
        if each.tail and not each.tail.strip():
            each.tail = None


def check_version(header):
    version = None if header is None else child(header, "RequestServerVersion")
    if version is None:
        return "Exchange2007"
    word = version.get("Version")
    if word not in VERSIONS:
        raise Fault("ErrorInvalidServerVersion", f"The specified server version {word} is invalid.")
    return word


def envelope(*body):
    answer = S.Envelope(S.Header(T.ServerVersionInfo(BUILD)), S.Body(*body))
    return etree.tostring(answer, xml_declaration=True, encoding="utf-8")


def message_xml(namespace_maker, values):
    return namespace_maker.MessageXml(*(T.Value(str(value), Name=name) for name, value in values.items()))


def fault(error):
    detail = etree.Element("detail")
    for name, word in (("ResponseCode", error.code), ("Message", error.text)):
        made = etree.SubElement(detail, f"{{{ERRORS}}}{name}", nsmap={"e": ERRORS})
        made.text = word
    if error.values:
        detail.append(message_xml(T, error.values))
    whole = S.Fault()
    code = etree.SubElement(whole, "faultcode", nsmap={"a": TYPES})
    code.text = "a:" + error.code
    etree.SubElement(whole, "faultstring").text = error.text
    whole.append(detail)
    return etree.tostring(S.Envelope(S.Body(whole)), xml_declaration=True, encoding="utf-8")


# What real servers say of a failed synchronisation as well.
AT_THE_END = {"SyncFolderItems": lambda: (M.SyncState(), M.IncludesLastItemInRange("true")),
              "SyncFolderHierarchy": lambda: (M.SyncState(), M.IncludesLastFolderInRange("true"))}


def success(operation, *content):
    return M(operation + "ResponseMessage", M.ResponseCode("NoError"), *content, ResponseClass="Success")


def failure(operation, error):
    made = M(operation + "ResponseMessage", M.MessageText(error.text), M.ResponseCode(error.code), M.DescriptiveLinkKey("0"),
             ResponseClass="Error")
    if error.values:
        made.append(message_xml(M, error.values))
    made.extend(AT_THE_END.get(operation, lambda: ())())
    return made


def answer(operation, messages):
    return M(operation + "Response", M.ResponseMessages(*messages))


def each(operation, things, work):
    """One response message a thing: what work gives for it, or its error."""
    messages = []
    for thing in things:
        try:
            messages.append(success(operation, *work(thing)))
        except Fault:
            raise
        except EwsError as error:
            messages.append(failure(operation, error))
    return answer(operation, messages)


def impersonated(header):
    """The address that ExchangeImpersonation names, or None."""
    wish = None if header is None else child(header, "ExchangeImpersonation")
    if wish is None:
        return None
    sid = child(wish, "ConnectingSID")
    if sid is None or len(sid) != 1 or local(sid[0]) not in ("PrincipalName", "SID", "PrimarySmtpAddress", "SmtpAddress"):
        raise invalid("ConnectingSID names one account.")
    return (sid[0].text or "").strip().lower()


