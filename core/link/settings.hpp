// SPDX-License-Identifier: Apache-2.0
// The [link] section: how this gateway reaches its relay. The relay's address itself stands in [gateway].
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/config/settings.hpp"
#include "core/link/url.hpp"
#include "core/proxy/route.hpp"

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
  std::string way_out;  ///< proxy =; empty: as the environment says
  std::string proxy_user;
  std::filesystem::path proxy_password_file;
  std::string no_proxy;
  proxy::Environment environment;  ///< from main(); not in the table
  std::uint32_t lanes = 4;
  std::chrono::milliseconds connect_within{15'000};
  std::chrono::milliseconds answer_within{20'000};
  std::chrono::milliseconds retry_most{60'000};
  std::uint64_t queue_most = std::uint64_t{64} << 20;
  std::uint64_t window = std::uint64_t{256} << 10;
};

const config::Table<Settings>& table();

/// Where to dial for that address of the relay's, with what is demanded there and the way to it.
sim::Endpoint endpoint_of(const Settings&, const Url&);
/// For status: the proxy on the way to it, "none", or what is wrong.
std::string proxy_shown(const Settings&, const Url&);

}  // namespace tidegate::link
