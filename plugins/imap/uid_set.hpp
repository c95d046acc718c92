// SPDX-License-Identifier: Apache-2.0
// Sets of UIDs as ascending runs: what a folder's anchor remembers, and what goes into a command. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::imap {

using Uid = std::uint32_t;

/// first..last, both included; 1 <= first <= last.
struct Run {
  Uid first = 0, last = 0;
  bool operator==(const Run&) const = default;
};

/// An ordered set of UIDs. Runs are ascending and never touch each other. Any thread, not shared while changed.
class UidSet {
 public:
  UidSet() = default;
  static UidSet of(std::vector<Uid> uids);       ///< any order, doubles allowed
  static UidSet of_runs(std::vector<Run> runs);  ///< any order, overlaps allowed

  void add(Uid uid) { add(uid, uid); }
  void add(Uid first, Uid last);  ///< nothing happens when first is 0 or above last
  void add(const UidSet&);
  void subtract(Uid first, Uid last);
  void subtract(const UidSet&);

  [[nodiscard]] bool contains(Uid) const;
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] Uid lowest() const { return runs_.empty() ? 0 : runs_.front().first; }
  [[nodiscard]] Uid highest() const { return runs_.empty() ? 0 : runs_.back().last; }
  [[nodiscard]] UidSet newest(std::uint64_t how_many) const;  ///< the highest ones
  [[nodiscard]] UidSet within(const UidSet& other) const;     ///< the intersection
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  [[nodiscard]] std::vector<Uid> newest_first() const;

  /// RFC 3501 §9 sequence-set texts, each at most max_text octets and max_uids UIDs (IMAP-32: servers bound their
  /// command lines). Highest UIDs first.
  [[nodiscard]] std::vector<std::string> texts(std::size_t max_text = 4000, std::uint64_t max_uids = 5000) const;

  bool operator==(const UidSet&) const = default;

 private:
  std::vector<Run> runs_;
};

}  // namespace tidegate::imap
