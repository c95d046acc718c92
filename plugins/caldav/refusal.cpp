// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/refusal.hpp"

#include <fmt/format.h>

#include "core/pim/calendar.hpp"
#include "core/pim/system_zones.hpp"
#include "core/pim/vcard.hpp"
#include "plugins/caldav/multistatus.hpp"

namespace tidegate::caldav {

Fault refusal(const web::Response& answer, std::string_view doing) {
  auto fault = web::fault_of(answer, doing);
  for (const auto space : {cal, card}) {
    if (names_condition(answer.body, {space, "max-resource-size"})) fault.kind = FaultKind::too_large;
    for (const auto* what : {"valid-calendar-data", "valid-calendar-object-resource", "supported-calendar-component",
                             "supported-calendar-data", "valid-address-data", "supported-address-data"}) {
      if (!names_condition(answer.body, {space, what})) continue;
      fault.kind = FaultKind::unsupported;
      fault.text = fmt::format("{}: the server does not take it ({}).", doing, what);
    }
  }
  if (names_condition(answer.body, {dav, "quota-not-exceeded"})) fault.kind = FaultKind::quota;
  // A server that finds fault with what it was sent has not broken its protocol.
  if (fault.kind == FaultKind::invalid) fault.kind = FaultKind::unsupported;
  return fault;
}

Fault refusal(const web::Response& answer, std::string_view doing, View octets, Kind kind) {
  auto made = refusal(answer, doing);
  // A server that stumbles over an object (500) is one that does not take it; whoever is overloaded has not looked.
  const bool stumbled = answer.status >= 500 && answer.status != 503 && answer.status != 504;
  if (made.kind != FaultKind::unsupported && made.kind != FaultKind::denied && !stumbled) return made;
  pim::SystemZones zones;
  const auto wrong = [&]() -> std::string {
    if (kind == Kind::contact) {
      const auto card = pim::Card::parse(octets);
      return card ? std::string() : card.error().text;
    }
    const auto object = pim::CalendarObject::parse(octets, zones.source());
    return object ? std::string() : object.error().text;
  }();
  if (wrong.empty()) return made;
  made.kind = FaultKind::unsupported;
  made.text += " " + wrong;
  return made;
}

}  // namespace tidegate::caldav
