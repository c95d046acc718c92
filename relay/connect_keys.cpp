// SPDX-License-Identifier: Apache-2.0
#include "relay/connect_keys.hpp"

#include <charconv>
#include <utility>

#include "relay/crypto.hpp"

namespace tidegate::relay {

// KeyId = random "." node "." expiry, so that nothing needs to be remembered to check it.
ConnectKeys::Pair ConnectKeys::make(View random16, std::int64_t now_unix) const {
  const auto expiry = std::to_string(now_unix + lifetime_);
  auto key_id = hex(random16) + "." + node_ + "." + expiry;
  auto key = key_for(key_id, node_, expiry);
  return {std::move(key_id), std::move(key)};
}

std::string ConnectKeys::key_for(View key_id, View node, View expiry) const {
  Bytes message(key_id);
  message += '\0';
  message += node;
  message += '\0';
  message += expiry;
  return hex(hmac_sha256(secret_, message));
}

Result<void> ConnectKeys::open(View key_id, View key, std::int64_t now_unix) {
  const auto refused = [] {
    return fault(FaultKind::auth, "connect", "this KeyId is not valid any more; begin again with GET /rts/connect");
  };
  const auto first = key_id.find('.');
  const auto last = key_id.rfind('.');
  if (first == View::npos || last == first || key_id.size() > 200) return refused();
  const auto node = key_id.substr(first + 1, last - first - 1);
  const auto expiry_text = key_id.substr(last + 1);
  if (!equal(key, key_for(key_id, node, expiry_text))) return refused();
  std::int64_t expiry = 0;
  std::from_chars(expiry_text.data(), expiry_text.data() + expiry_text.size(), expiry);
  if (expiry <= now_unix || expiry > now_unix + lifetime_ + 1) return refused();
  // Two sets, turned once a lifetime: a key is remembered at least as long as it is valid.
  if (now_unix - turned_ > lifetime_) {
    used_before_ = std::exchange(used_, {});
    turned_ = now_unix;
  }
  if (used_.contains(std::string(key_id)) || used_before_.contains(std::string(key_id))) return refused();
  if (used_.size() >= most_used_)
    return fault(FaultKind::unavailable, "connect", "too many gateways are connecting; try again in a minute");
  used_.emplace(key_id);
  return {};
}

}  // namespace tidegate::relay
