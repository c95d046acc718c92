# SPDX-License-Identifier: Apache-2.0
"""Names, ids and time zones: what is not in a mailbox. [MS-OXWSRSLNM], [MS-OXWSCVTID], [MS-OXWSGTZ]"""
from . import mime, soap
from .schema import TYPE, EwsError, M, T, child, local, text

# Windows id → (name, minutes west of UTC, (daylight begins in month, ends in month) or None), the last Sunday each.
ZONES = {"UTC": ("(UTC) Coordinated Universal Time", 0, None), "Tokyo Standard Time": ("(UTC+09:00) Osaka, Sapporo, Tokyo", -540, None),
         "W. Europe Standard Time": ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", -60, (3, 10)),
         "GTB Standard Time": ("(UTC+02:00) Athens, Bucharest", -120, (3, 10))}


def resolve_names(call, request):
    sought = text(request, "UnresolvedEntry").lower().removeprefix("smtp:")
    found = [box for box in call.server.boxes.values() if sought and (sought in box.name.lower() or box.address.startswith(sought)
                                                                          or sought in box.aliases)]

    def one(_):
        if not found:
            raise EwsError("ErrorNameResolutionNoResults", "No results were found.")
        return [M.ResolutionSet(*(T.Resolution(mime.mailbox(box.name, box.address)) for box in found[:100]),
                                TotalItemsInView=str(len(found)), IncludesLastItemInRange="true" if len(found) <= 100 else "false")]
    answer = soap.each("ResolveNames", [request], one)
    if len(found) > 1:
        message = answer[0][0]
        message.set("ResponseClass", "Warning")
        child(message, "ResponseCode").text = "ErrorNameResolutionMultipleResults"
        message.insert(0, M.MessageText("Multiple results were found."))
    return answer


def convert_id(call, request):
    def one(ident):
        """Only between its own ids. The mailbox that is asked with is not looked at: the answer has the real one."""
        if local(ident) != "AlternateId" or {ident.get("Format"), request.get("DestinationFormat")} != {"EwsId"}:
            raise EwsError("ErrorUnsupportedTypeForConversion", "This server converts from EwsId to EwsId.")
        box = call.server.owner(ident.get("Id"), "ErrorInvalidIdMalformed")
        return [M.AlternateId({TYPE: "t:AlternateIdType"}, Format="EwsId", Id=ident.get("Id"), Mailbox=box.address)]
    return soap.each("ConvertId", child(request, "SourceIds"), one)


def duration(minutes):
    return ("-" if minutes < 0 else "") + f"PT{abs(minutes) // 60}H" + (f"{abs(minutes) % 60}M" if minutes % 60 else "")


def zone(ident):
    name, bias, months = ZONES[ident]
    # A bias is what is added to local time to have UTC.
    periods = [T.Period(Bias=duration(bias), Name="Standard", Id="std")]
    groups = T.TransitionsGroup(Id="0")
    if months:
        periods.append(T.Period(Bias=duration(bias - 60), Name="Daylight", Id="dst"))
        for to, month, hour in (("dst", months[0], 2), ("std", months[1], 3)):
            groups.append(T.RecurringDayTransition(T.To(to, Kind="Period"), T.TimeOffset(f"PT{hour}H"), T.Month(str(month)),
                                                   T.DayOfWeek("Sunday"), T.Occurrence("-1")))
    else:
        groups.append(T.Transition(T.To("std", Kind="Period")))
    return T.TimeZoneDefinition(T.Periods(*periods), T.TransitionsGroups(groups),
                                T.Transitions(T.Transition(T.To("0", Kind="Group"))), Id=ident, Name=name)


def get_server_time_zones(call, request):
    ids = child(request, "Ids")
    wanted = list(ZONES) if ids is None else [each.text for each in ids if each.text in ZONES]
    return soap.each("GetServerTimeZones", [request], lambda _: [M.TimeZoneDefinitions(*(zone(ident) for ident in wanted))])


def get_user_configuration(call, request):
    """What Outlook on the web keeps of its user's wishes: the zone, and nothing else here. [MS-OXWSUSRCFG]"""
    def one(name):
        folder = call.folder(name[0], "Read")
        if (folder.distinguished, name.get("Name")) != ("root", "OWA.UserOptions"):
            raise EwsError("ErrorItemNotFound", "The specified object was not found in the store.")

        def entry(part, value):
            return getattr(T, part)(T.Type("String"), T.Value(value))
        return [M.UserConfiguration(T.UserConfigurationName(Name=name.get("Name")), T.Dictionary(T.DictionaryEntry(
            entry("DictionaryKey", "timezone"), entry("DictionaryValue", folder.box.zone))))]
    return soap.each("GetUserConfiguration", [child(request, "UserConfigurationName")], one)


OPERATIONS = {"GetUserConfiguration": get_user_configuration, "ResolveNames": resolve_names, "ConvertId": convert_id, "GetServerTimeZones": get_server_time_zones}
