// SPDX-License-Identifier: Apache-2.0
// Scripted changes and faults. One step a line, ; and # begin comments (docs/sdk/mock.md):
//   at 2s add alice INBOX sample.eml        path from the script's folder; without one: a made-up message
//   at 3s flag alice INBOX newest +seen -flagged      newest, oldest or an item's name
//   at 4s remove alice INBOX oldest
//   every 100ms x50 add alice INBOX         at 100ms, 200ms … fifty times
//   at 5s fault changes throttled 500ms x3  the next 3 calls of that verb; `any` is every verb
//   at 5s anchor_expired once               = fault changes anchor_expired x1
//   at 6s slow read 200ms x2                the next 2 take that much longer: real time, not virtual
//   at 7s lose hints 10s
//   at 8s spoil alice INBOX newest          it cannot be read any more; `mend` undoes it
//   at 9s keep alice INBOX                  in memory only: as a backup does; `restore` goes back to it, numbers and
//   all
// Times count from the making of the back-end, in the host's time.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

struct Step {
  enum class What : std::uint8_t { add, flag, remove, spoil, mend, keep, restore, fault, slow, lose_hints };
  unsigned line = 0;
  What what = What::add;
  std::chrono::milliseconds at{};
  std::chrono::milliseconds every{};  ///< 0: once
  std::uint32_t times = 1;            ///< of the repetition; of fault and slow: calls
  std::string user, folder, item;     ///< item: newest, oldest or a name
  std::string file;                   ///< add: what the line says; empty: made up
  std::uint32_t set = 0, clear = 0;   ///< flag
  std::string verb;                   ///< fault, slow
  FaultKind kind = FaultKind::unavailable;
  std::chrono::milliseconds span{};  ///< retry_after, slowness, how long hints get lost
};

/// Fault invalid with where = "name:line". Pure.
Result<std::vector<Step>> parse_script(std::string_view name, std::string_view text);
/// One line without its `at` or `every`. Fault invalid. Pure.
Result<Step> parse_step(std::string_view line);

/// The faults and delays that are due. Any thread.
class Mischief {
 public:
  void arm(const Step&);
  /// What the script wants of this call: it is counted off.
  struct Wish {
    std::optional<Fault> fault;
    std::chrono::milliseconds delay{};
  };
  Wish wish(std::string_view verb);

 private:
  std::mutex mutex_;
  std::vector<Step> armed_;
};

}  // namespace tidegate::mock
