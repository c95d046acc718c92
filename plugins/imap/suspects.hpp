// SPDX-License-Identifier: Apache-2.0
// Messages on which a server breaks the connection when their headers are fetched: found by asking for fewer from break
// to break, then left out of listings, so that the rest of the folder is told (law 11). Pure; one thread.
//
//   broke(several)          → suspects: asked for in small sets
//   broke(one)              → asked for alone from now on
//   broke(one) once more    → left out for a while, longer each time
//   came(…)                 → nothing is held against it any more
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/imap/shunned.hpp"
#include "plugins/imap/uid_set.hpp"

namespace tidegate::imap {

/// `folder` is whatever names one together with its UIDVALIDITY.
class Suspects {
 public:
  /// Is anything held against a UID from `from` on? "n:*" would ask for it together with others.
  [[nodiscard]] bool any(std::string_view folder, std::uint64_t from) const;
  /// The sets to ask for, each in commands of its own, in this order. What is left out is in none.
  [[nodiscard]] std::vector<UidSet> parts(std::string_view folder, const UidSet& wanted, Clock::time_point now) const;
  void came(std::string_view folder, const UidSet& asked);
  /// Gives for how long the message is left out from here on, where it is.
  std::optional<std::chrono::milliseconds> broke(std::string_view folder, const UidSet& asked, Clock::time_point now);

 private:
  struct Folder {
    UidSet several;  ///< one of them, perhaps
    UidSet alone;    ///< broke when asked for alone
  };
  std::map<std::string, Folder, std::less<>> folders_;
  Shunned left_out_{1, std::chrono::minutes(10), std::chrono::hours(24)};
};

}  // namespace tidegate::imap
