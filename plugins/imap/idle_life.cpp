// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/idle_life.hpp"

#include <array>
#include <utility>

namespace tidegate::imap {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::pair<std::string_view, milliseconds>, 3> known = {{
    {".yahoo.com", minutes(3)},
    {".aol.com", minutes(3)},
    {".rambler.ru", seconds(55)},
}};

}  // namespace

milliseconds idle_most(std::string_view host) {
  for (const auto& [end, most] : known) {
    if (host.ends_with(end)) return most;
  }
  return milliseconds::max();
}

}  // namespace tidegate::imap
