// SPDX-License-Identifier: Apache-2.0
// When a request may leave: the server's own words (BackOffMilliseconds) and how many it bears at once and in a batch.
// Values are not discoverable (EWS-23), so they are found by trying. Thread-safe.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::ews {

class Gate {
 public:
  explicit Gate(unsigned at_once) : most_(at_once), may_(at_once) {}

  /// Waits for a place. Fault throttled: the server asked for peace, as long as retry_after; cancelled.
  Result<void> enter(const Call&, const std::string& budget, Clock::time_point now, const std::string& where);
  void leave();
  /// Nothing of that budget (who is acted for; empty: anything) leaves for so long. Never shortens.
  void rest(const std::string& budget, Clock::time_point now, std::chrono::milliseconds);
  /// It refused for their number: half as many. What went well lets one more, slowly.
  void too_many();
  void went_well();
  unsigned allowed() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any free_;
  const unsigned most_;
  unsigned may_, inside_ = 0, well_ = 0;
  std::map<std::string, Clock::time_point> resting_;
};

/// How many items one GetItem asks for. One thread at a time, or atomically enough: it is a guess.
class Batch {
 public:
  explicit Batch(unsigned most) : most_(most), now_(std::min(10U, most)) {}
  unsigned size() const;
  void expired();    ///< ErrorTimeoutExpired and the like: half
  void went_well();  ///< a full one: one more

 private:
  mutable std::mutex mutex_;
  const unsigned most_;
  unsigned now_;
};

}  // namespace tidegate::ews
