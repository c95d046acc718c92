// SPDX-License-Identifier: Apache-2.0
// What a folder's anchor says: "all up to here has been seen". Opaque to the core, which stores it; the plugin keeps
// nothing else. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/imap/uid_set.hpp"

namespace tidegate::imap {

/// Flags told so far, summed up a bucket of UIDs: how a folder without CONDSTORE shows which part to look at again.
struct FlagDigests {
  std::uint32_t shift = 8;                         ///< bucket = UID >> shift
  std::map<std::uint32_t, std::uint32_t> buckets;  ///< sum of flag_hash() of the bucket's messages
  void note(Uid uid, std::uint32_t hash) { buckets[uid >> shift] += hash; }
  bool operator==(const FlagDigests&) const = default;
};

struct Anchor {
  std::uint32_t uidvalidity = 0;
  std::uint64_t uidnext = 1;       ///< UIDs from here on have not been looked at
  std::uint64_t modseq = 0;        ///< flags told up to here; 0: the folder has no CONDSTORE (RFC 7162)
  bool listing = false;            ///< Listed is still owed
  UidSet todo;                     ///< UIDs below uidnext that have not been told of yet, whether they exist or not
  UidSet known;                    ///< UIDs told of and not yet told to be gone; meaningless when !exact
  bool exact = true;               ///< false: the set grew too long, only `count` is kept
  std::uint64_t count = 0;         ///< how many are known
  std::uint64_t sweep_below = 0;   ///< a flag sweep under way: UIDs from here on are done; 0: none
  std::uint64_t sweep_modseq = 0;  ///< what modseq becomes when it is through
  FlagDigests digests;             ///< only where modseq is 0
  bool operator==(const Anchor&) const = default;

  void learn(Uid uid);
  void forget(const UidSet& gone);
};

/// The longest encoded UID set kept (about 25,000 runs). Beyond it a removal costs a new listing of that folder.
inline constexpr std::size_t max_known_octets = 64 * 1024;

/// Encodes; drops `known` in favour of `count` when it is too long.
std::string encode(Anchor anchor, std::size_t max_known = max_known_octets);
/// nullopt: no anchor of ours (damaged, or of another version). Allocates no more than a small multiple of its length.
std::optional<Anchor> decode_anchor(std::string_view octets);

}  // namespace tidegate::imap
