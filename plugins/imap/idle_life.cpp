// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/idle_life.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tidegate::imap {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A server that drops connections sooner has another trouble than silence.
constexpr milliseconds shortest = seconds(20);
// What is dropped within this time of each other was dropped by one event.
constexpr milliseconds one_event = seconds(30);

constexpr std::array<std::pair<std::string_view, milliseconds>, 3> known = {{
    {".yahoo.com", minutes(3)},
    {".aol.com", minutes(3)},
    {".rambler.ru", seconds(55)},
}};

bool alike(milliseconds a, milliseconds b) { return std::max(a, b) - std::min(a, b) <= std::max(a, b) / 8; }

}  // namespace

milliseconds idle_most(std::string_view host) {
  for (const auto& [end, most] : known) {
    if (host.ends_with(end)) return most;
  }
  return milliseconds::max();
}

void IdleLife::survived(milliseconds idle) {
  if (idle >= suspect_) suspect_ = milliseconds(0);
}

void IdleLife::dropped(milliseconds idle, Clock::time_point at) {
  idle = std::min(idle, life_);
  if (idle < shortest) return;
  if (suspect_.count() == 0) {
    suspect_ = idle;
    since_ = at;
  } else if (at - since_ >= one_event) {
    if (alike(idle, suspect_)) {
      life_ = std::max(shortest, std::min(idle, suspect_) / 4 * 3);
      suspect_ = milliseconds(0);
    } else {
      suspect_ = idle;
      since_ = at;
    }
  }
}

}  // namespace tidegate::imap
