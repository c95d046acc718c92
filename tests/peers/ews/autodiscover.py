# SPDX-License-Identifier: Apache-2.0
"""Where mailboxes are: GetUserSettings [MS-OXWSADISC] and plain XML [MS-OXDSCLI]."""
from lxml import etree
from lxml.builder import ElementMaker

from . import soap
from .schema import S, Fault, child

PATH = "/autodiscover/autodiscover."
SPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
ASKED = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
SAID = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
A = ElementMaker(namespace=SPACE, nsmap={None: SPACE})
P = ElementMaker(namespace=SAID, nsmap={None: SAID})
XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"


def settings(server, address):
    """→ {name: value}, or what Autodiscover says instead of them; None: nobody."""
    box = server.boxes.get(address.lower())
    given = server.directions.get(address.lower(), {})
    if box is None and not given:
        return None
    return {"EwsUrl": server.url, "GroupingInformation": f"NODE~{box.node if box else 0}", **given}


def answer(server, account, path, octets):
    """→ (HTTP status, octets)"""
    try:
        return 200, (by_soap if path.endswith("svc") else by_plain)(server, octets)
    except (Fault, AttributeError, etree.XMLSyntaxError):
        return 500, b""


def by_soap(server, octets):
    _, request = soap.parse(octets)
    if etree.QName(request).namespace != SPACE or etree.QName(request).localname != "GetUserSettingsRequestMessage":
        raise Fault("ErrorInvalidRequest")
    asked = child(request, "Request")
    wanted = [each.text for each in child(asked, "RequestedSettings")]
    users = []
    for user in child(asked, "Users"):
        address = child(user, "Mailbox").text
        server.discovered.append(("svc", address))
        found = settings(server, address)
        redirect = next((name for name in ("RedirectAddress", "RedirectUrl") if name in (found or {})), None)
        if found is None or redirect:
            users.append(A.UserResponse(A.ErrorCode(redirect or "InvalidUser"), A.ErrorMessage("see there"),
                                        *([A.RedirectTarget(found[redirect])] if redirect else []), A.UserSettings()))
            continue
        held = {"ExternalEwsUrl": found["EwsUrl"], "InternalEwsUrl": found["EwsUrl"], "GroupingInformation": found["GroupingInformation"]}
        users.append(A.UserResponse(A.ErrorCode("NoError"), A.ErrorMessage("No error."), A.UserSettingErrors(), A.UserSettings(
            *(A.UserSetting(A.Name(name), A.Value(held[name]), {XSI: "StringSetting"}) for name in wanted if name in held))))
    whole = S.Envelope(S.Header(), S.Body(A.GetUserSettingsResponseMessage(
        A.Response(A.ErrorCode("NoError"), A.ErrorMessage(), A.UserResponses(*users)))))
    return etree.tostring(whole, xml_declaration=True, encoding="utf-8")


def by_plain(server, octets):
    request = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
    address = request.find(f"{{{ASKED}}}Request/{{{ASKED}}}EMailAddress").text
    server.discovered.append(("xml", address))
    found = settings(server, address)
    if found is None:
        inside = P.Response(P.Error(P.ErrorCode("500"), P.Message("The email address can't be found.")))
    elif "RedirectAddress" in found:
        inside = P.Response(P.Account(P.Action("redirectAddr"), P.RedirectAddr(found["RedirectAddress"])))
    elif "RedirectUrl" in found:
        inside = P.Response(P.Account(P.Action("redirectUrl"), P.RedirectUrl(found["RedirectUrl"])))
    else:
        inside = P.Response(P.User(P.DisplayName(address)), P.Account(
            P.AccountType("email"), P.Action("settings"),
            P.Protocol(P.Type("EXCH"), P.EwsUrl(found["EwsUrl"]), P.GroupingInformation(found["GroupingInformation"])),
            P.Protocol(P.Type("EXPR"), P.EwsUrl(found["EwsUrl"]))))
    outer = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
    whole = etree.Element(f"{{{outer}}}Autodiscover", nsmap={None: outer})
    whole.append(inside)
    return etree.tostring(whole, xml_declaration=True, encoding="utf-8")
