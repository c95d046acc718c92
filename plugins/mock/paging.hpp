// SPDX-License-Identifier: Apache-2.0
// changes() over an index: anchors, live changes before the listing, newest first. Knows no disk.
#pragma once
#include <string>

#include "core/sdk/store.hpp"
#include "plugins/mock/folder.hpp"

namespace tidegate::mock {

/// How far a reader is. As text: "D epoch number" when only changes follow, "L epoch number start [received name]"
/// within a listing: changes up to `number` were given; items whose last change is above `start` come (or came) as
/// changes, not in the listing; it has gone down to `below`.
struct Anchor {
  std::string epoch;
  std::uint64_t number = 0;
  bool listing = false;
  std::uint64_t start = 0;
  std::optional<Place> below;
};
std::string encode(const Anchor&);
std::optional<Anchor> decode_anchor(View);  ///< nullopt: not one of ours

/// The next page of a folder that was just refreshed. Laws 1 and 2. Faults anchor_expired: law 3; regressed: law 10.
Result<Page> next_page(ItemFolder&, View scope, View anchor, const Want&);

/// The item's id from its folder's and its name within, and back.
Bytes item_id(View folder, View name);
std::pair<View, View> split_id(View id);  ///< folder, name

/// Inlined content of one page ends here (design 1: a job is at most 500 items or 2 MiB).
inline constexpr std::size_t page_octets = 2 << 20;

}  // namespace tidegate::mock
