// SPDX-License-Identifier: Apache-2.0
// The [link] section: how this gateway reaches its relay. The relay's address itself stands in [gateway].
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/config/settings.hpp"

namespace tidegate::link {

/// What to do where a company's proxy opens TLS (docs/wire.md, opening).
enum class Interception : std::uint8_t {
  refuse,  ///< the opening is bound to the TLS connection: a proxy that opens it makes the relay refuse
  allow,   ///< signs an empty binding; needs ca_file here and the same flag for this gateway at the relay
};

struct Settings {
  std::string relay;  ///< https://host[:port], from [gateway]; not in the table
  std::filesystem::path ca_file;
  std::string pin;
  Interception interception = Interception::refuse;
  std::uint32_t lanes = 4;
  std::chrono::milliseconds connect_within{15'000};
  std::chrono::milliseconds answer_within{20'000};
  std::chrono::milliseconds retry_most{60'000};
  std::uint64_t queue_most = std::uint64_t{64} << 20;
  std::uint64_t window = std::uint64_t{256} << 10;
};

const config::Table<Settings>& table();

}  // namespace tidegate::link
