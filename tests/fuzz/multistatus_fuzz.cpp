// SPDX-License-Identifier: Apache-2.0
// Any answer of a DAV server, any object, any anchor: a fault or values, never more.
#include <cstdint>
#include <cstdlib>

#include "plugins/caldav/anchor.hpp"
#include "plugins/caldav/collections.hpp"
#include "plugins/caldav/objects.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate::caldav;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (auto said = read_multistatus(all))
    for (const auto& each : said->resources) {
      const auto path = canonical(each.href);
      if (canonical(path) != path) std::abort();
      collection_of(each, path);
    }
  if (const auto object = look_at(all)) name_for(*object);
  if (auto anchor = decode_anchor(all); anchor && encode(*anchor) != all) std::abort();
  http_date(all);
  return 0;
}
