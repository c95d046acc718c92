// SPDX-License-Identifier: Apache-2.0
// What a collection's anchor holds: the server's token, and what was told of each member, so that a server that forgot
// its tokens, has none, or names what did not change, costs a comparison and no second listing. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::caldav {

struct Known {
  std::string name;           ///< what stands behind the collection's path
  std::uint64_t etag = 0;     ///< digest
  std::uint64_t content = 0;  ///< digest_of_content; 0: it was not read
  bool operator==(const Known&) const = default;
};

struct Anchor {
  std::string token;     ///< of sync-collection; empty: compare ETags
  std::string ctag;      ///< as it was before the token was taken
  bool listing = false;  ///< begun with an empty anchor, not ended yet
  bool compare = false;  ///< compare everything at the next call
  /// Listed with nothing but a CTag: the token that is told later is worth something only if that one still stands.
  bool unsure = false;
  std::int64_t compared = 0;  ///< when all ETags were compared last, in Unix time
  std::vector<Known> told;    ///< by name
  /// The collection is too large for told (an anchor is at most 1 MiB): what was told is known to the core alone.
  bool too_many = false;
  /// Of a listing: everything up to here was told; "MODIFIED NAME", later dates first.
  std::int64_t place_modified = INT64_MAX;
  std::string place_name;

  const Known* find(std::string_view name) const;
  void tell(Known);
  void forget(std::string_view name);
};

/// Sets too_many where it must.
Bytes encode(Anchor&);
/// nullopt: none of ours.
std::optional<Anchor> decode_anchor(View);

}  // namespace tidegate::caldav
