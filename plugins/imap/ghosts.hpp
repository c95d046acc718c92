// SPDX-License-Identifier: Apache-2.0
// Messages that a folder counts and names, and never gives when they are asked for: they make it look changed for ever.
// Counted as known for a while, longer each time they are asked for in vain. Pure; one thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "plugins/imap/shunned.hpp"
#include "plugins/imap/uid_set.hpp"

namespace tidegate::imap {

/// `folder` is whatever names one together with its UIDVALIDITY.
class Ghosts {
 public:
  /// How many the folder counts that need not be asked for now.
  [[nodiscard]] std::uint64_t count(std::string_view folder, Clock::time_point now) const;
  /// `asked` was asked for, `missing` of it did not come.
  void asked(std::string_view folder, const UidSet& asked, const UidSet& missing, Clock::time_point now);
  /// All that the folder names now: who is gone is none any more.
  void named(std::string_view folder, const UidSet& all);

 private:
  void settle(std::string_view folder);
  std::map<std::string, UidSet, std::less<>> folders_;
  Shunned rests_{0, std::chrono::minutes(10), std::chrono::hours(6)};
};

}  // namespace tidegate::imap
