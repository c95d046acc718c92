// SPDX-License-Identifier: Apache-2.0
#include "core/tls/silent_life.hpp"

#include <algorithm>

namespace tidegate::tls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds shortest = seconds(20);
// What is dropped within this time of each other was dropped by one event.
constexpr milliseconds one_event = seconds(30);

bool alike(milliseconds a, milliseconds b) { return std::max(a, b) - std::min(a, b) <= std::max(a, b) / 8; }

}  // namespace

void SilentLife::survived(milliseconds silence) {
  if (silence >= suspect_) suspect_ = milliseconds(0);
}

void SilentLife::dropped(milliseconds silence, Clock::time_point at) {
  silence = std::min(silence, life_);
  if (silence < shortest) return;
  if (suspect_.count() == 0) {
    suspect_ = silence;
    since_ = at;
  } else if (at - since_ >= one_event) {
    if (alike(silence, suspect_)) {
      life_ = std::max(shortest, std::min(silence, suspect_) / 4 * 3);
      suspect_ = milliseconds(0);
    } else {
      suspect_ = silence;
      since_ = at;
    }
  }
}

}  // namespace tidegate::tls
