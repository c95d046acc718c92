// SPDX-License-Identifier: Apache-2.0
// Expands what it is given, for series_test.py. Reads heads `OCTETS FROM TO FLOATING-ZONE`, each followed by an object;
// writes a line a case: `begins,ends,summary` an instance, or `! fault`.
#include <iostream>
#include <string>

#include "core/pim/instances.hpp"
#include "core/pim/system_zones.hpp"

using namespace tidegate;

int main() {
  pim::SystemZones zones;
  std::size_t size = 0;
  std::int64_t from = 0, to = 0;
  std::string floating;
  while (std::cin >> size >> from >> to >> floating) {
    std::cin.ignore(1);
    Bytes octets(size, '\0');
    std::cin.read(octets.data(), static_cast<std::streamsize>(size));
    const pim::Window window{pim::Utc(std::chrono::seconds(from)), pim::Utc(std::chrono::seconds(to)),
                             zones.find(floating)};
    const auto object = pim::CalendarObject::parse(octets, zones.source());
    const auto found = object ? pim::instances(*object, window) : std::unexpected(object.error());
    const auto inside = object ? pim::any_inside(*object, window) : std::unexpected(object.error());
    if (!found || !inside) {
      std::cout << "! " << (found ? inside.error() : found.error()).text << '\n' << std::flush;
      continue;
    }
    if (*inside != !found->empty()) {
      std::cout << "! any_inside and instances disagree\n" << std::flush;
      continue;
    }
    for (const auto& each : *found)
      std::cout << each.begins.time_since_epoch().count() << ',' << each.ends.time_since_epoch().count() << ','
                << each.component->value("SUMMARY") << ' ';
    std::cout << '\n' << std::flush;
  }
}
