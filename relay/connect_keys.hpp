// SPDX-License-Identifier: Apache-2.0
// The KeyIds that GET /rts/connect hands out (design: RTS, opening): nothing is kept for a GET, any node that shares
// the secret can check them, each opens once. Pure: time and randomness come in. Reactor thread.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::relay {

class ConnectKeys {
 public:
  ConnectKeys(Bytes secret, std::string node, std::int64_t lifetime_s, std::size_t most_used)
      : secret_(std::move(secret)), node_(std::move(node)), lifetime_(lifetime_s), most_used_(most_used) {}

  struct Pair {
    std::string key_id, key;
  };
  Pair make(View random16, std::int64_t now_unix) const;
  /// Opens with the pair, once. Faults: auth (not ours, expired, used), unavailable (too many openings lately).
  Result<void> open(View key_id, View key, std::int64_t now_unix);

 private:
  std::string key_for(View key_id, View node, View expiry) const;

  Bytes secret_;
  std::string node_;
  std::int64_t lifetime_;
  std::size_t most_used_;
  std::unordered_set<std::string> used_, used_before_;  ///< of this and of the last lifetime
  std::int64_t turned_ = 0;
};

}  // namespace tidegate::relay
