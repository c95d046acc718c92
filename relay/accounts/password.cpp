// SPDX-License-Identifier: Apache-2.0
#include "relay/accounts/password.hpp"

#include <array>

#include <argon2.h>

namespace tidegate::relay {

Result<std::string> hash_password(View password, View salt, HashCost cost) {
  std::array<char, 256> encoded{};
  const int rc = argon2id_hash_encoded(cost.passes, cost.memory_kib, 1, password.data(), password.size(), salt.data(),
                                       salt.size(), 32, encoded.data(), encoded.size());
  if (rc != ARGON2_OK)
    return fault(FaultKind::unavailable, "argon2", "the relay could not hash a password; try again later",
                 argon2_error_message(rc));
  return std::string(encoded.data());
}

bool verify_password(View password, const std::string& encoded) {
  return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

void refuse_slowly(View password, HashCost cost) { (void)hash_password(password, "tidegate-nobody!", cost); }

}  // namespace tidegate::relay
