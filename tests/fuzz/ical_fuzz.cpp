// SPDX-License-Identifier: Apache-2.0
// Calendar objects of any origin: what is taken comes back to the octet and means what it meant; its instances end; an
// edit of one leaves an object.
#include <cstdlib>

#include "core/pim/canonical.hpp"
#include "core/pim/edit.hpp"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View octets(reinterpret_cast<const char*>(data), size);
  const pim::ZoneSource zones = [](const std::string& name) {
    return name == "Europe/Berlin" ? pim::Zone::fixed(std::chrono::hours(1)) : std::shared_ptr<const pim::Zone>();
  };
  (void)pim::split_by_uid(octets);
  auto object = pim::CalendarObject::parse(octets, zones);
  if (!object) return 0;
  if (object->octets() != octets) std::abort();
  const pim::Window window{std::chrono::sys_days(std::chrono::year(2026) / 1 / 1),
                           std::chrono::sys_days(std::chrono::year(2027) / 1 / 1), pim::Zone::utc()};
  (void)pim::wanted(*object, window);
  const auto meant = pim::canonical(*object);
  const auto found = pim::instances(*object, window, 100);
  if (!found || found->empty()) return 0;
  const auto id = found->front().id;
  if (pim::edit_instance(*object, id, *pim::Zone::utc(),
                         [](pim::Component& item) { item.set(pim::Line("SUMMARY", "x")); }))
    if (auto again = pim::CalendarObject::parse(object->octets(), zones); !again) std::abort();
  (void)pim::remove_instance(*object, id, *pim::Zone::utc());
  return 0;
}
