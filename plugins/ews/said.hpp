// SPDX-License-Identifier: Apache-2.0
// What the object that a device wrote says, as fields; and what a session's files ask and send of objects alike. Pure
// but for the system's zones.
#pragma once
#include <span>
#include <string>

#include "core/pim/zone.hpp"
#include "core/sdk/store.hpp"
#include "plugins/ews/attachments.hpp"
#include "plugins/ews/events.hpp"
#include "plugins/ews/objects.hpp"
#include "plugins/ews/requests.hpp"

namespace tidegate::ews {

pim::ZoneSource zones();

struct Said {
  std::string uid;
  Fields fields = {};
  Event event = {};
  std::string element = {};  ///< of the item that it becomes
  std::vector<File> files = {};
};
/// `home`: the zone of floating times and all-day events. Faults: invalid, unsupported.
Result<Said> said_by(Kind, const Bytes& octets, const std::string& home);
/// A fault of an object, at that back-end.
std::unexpected<Fault> said_at(const std::string& where, Fault);

std::string ask_objects(std::span<const Bytes> ids, Kind);
/// SetItemField of a property whose element is ready.
std::string set_ready(std::string_view element, const Property&, const std::string& ready);

}  // namespace tidegate::ews
