// SPDX-License-Identifier: Apache-2.0
// The [backend:…] section of a mock store.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

struct Settings {
  bool memory = false;      ///< mode = memory
  std::string root;         ///< directory mode: one sub-directory a user
  std::string script;       ///< file of script.hpp's form; empty: none
  std::string control;      ///< path of control.hpp's socket; empty: none
  std::uint32_t users = 0;  ///< memory mode: user0 … user<users-1>
  std::uint32_t items = 0;  ///< memory mode: messages in each INBOX at the start
  std::uint32_t item_size = 0;
  std::uint32_t rate = 0;  ///< memory mode: messages a second that come in, over all watched mailboxes in turn
};

std::span<const Setting> settings_table() noexcept;
/// Faults `invalid` name the key.
Result<Settings> read_settings(std::span<const std::pair<std::string, std::string>> values);

}  // namespace tidegate::mock
