// SPDX-License-Identifier: Apache-2.0
// Resync by compare, the device's side (design: state; docs/wire.md, compare flow): the gateway's digests a (folder,
// month) against our own rows, then its pages for those that differ. Pure: rows in, what to ask and what to drop out.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/e2e/sync.hpp"

namespace tidegate::device {

using e2e::Gid;

/// Months since 1970-01, UTC (may be negative before it; then as a large number, as on the wire).
std::uint32_t month_of(std::int64_t received_unix);

/// One compare of one view, from its first CompareDigests to CompareEnd.
class Compare {
 public:
  /// `wish`: the latest that stood when it began (Index::compare_wish).
  explicit Compare(std::uint64_t view, std::uint64_t wish = 0) : view_(view), wish_(wish) {}
  std::uint64_t wish() const { return wish_; }

  void digests(const e2e::CompareDigests&);  ///< collects; any number of messages up to the one with `last`

  /// One of our rows. Every row once, after the last digests and before wants().
  void ours(const Gid&, const std::vector<Gid>& folders, std::int64_t received, std::uint64_t seq);
  /// The (folder, month) that differ. What lies in none of them and is known to the gateway counts as named.
  std::vector<e2e::CompareWant> wants();

  struct Held {  ///< our row of an item
    std::uint64_t seq = 0;
    Bytes fingerprint, content_rev;
  };
  /// An entry of a page: true if it must be asked for; of what has its content here only the rest.
  bool entry(const e2e::ComparePage::Entry&, const std::optional<Held>&);
  /// After a page's entries: what to ask now; the last of it when every bucket's pages are there.
  std::vector<e2e::CompareWant> page_done(const e2e::ComparePage&);

  void came(const Gid& gid) { named_.insert(gid); }  ///< an item arrived meanwhile
  bool complete() const { return asked_ && waiting_.empty(); }
  bool named(const Gid& gid) const { return named_.contains(gid); }

 private:
  using Bucket = std::pair<Gid, std::uint32_t>;
  struct Sum {
    std::uint32_t count = 0;
    std::array<std::byte, 16> digest{};
    std::vector<Gid> gids;
  };
  std::vector<e2e::CompareWant> ask_items(bool last);

  std::uint64_t view_, wish_;
  std::map<Bucket, e2e::CompareDigests::Digest> theirs_;
  std::map<Bucket, Sum> own_;
  std::set<Bucket> waiting_;
  std::set<Gid> named_;
  std::vector<Gid> lacking_, older_;  ///< older: by the number alone, not the content
  bool asked_ = false;                ///< wants() was called
};

}  // namespace tidegate::device
