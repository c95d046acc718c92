// SPDX-License-Identifier: Apache-2.0
// Who this device is: its id and keys (STATE/device.key, mode 0600) and its account (notes in device.db). Blocking; the
// disk pool's thread.
#pragma once
#include <optional>
#include <string>

#include "core/e2e/noise.hpp"
#include "core/sim/world.hpp"
#include "core/wire/suite.hpp"
#include "device/shelf.hpp"
#include "device/way_out.hpp"

namespace tidegate::device {

struct Identity {
  Bytes device_id;        ///< 16 octets
  e2e::KeyPair signing;   ///< Ed25519: proves the device to the relay
  e2e::KeyPair exchange;  ///< X25519: proves it to the gateway
};

enum class Standing { none, pending, paired };

struct Account {
  Standing standing = Standing::none;
  std::string relay;  ///< as typed: https://host[:port]
  std::string ca_file;
  WayOut way_out;
  std::string user;
  wire::Suite suite = wire::Suite::noise_1;
  std::string handle;  ///< of the code it pairs or paired with
  Bytes guid;          ///< 16, the gateway's
  Bytes gateway_key;   ///< X25519, 32
  std::string gateway_name;
  Bytes previous;                    ///< handshake hash of the last session that the gateway confirmed
  std::uint64_t highest_backup = 0;  ///< version of the gateway's newest sealed backup that it told of
};

/// nullopt: no device was made here yet. Faults: invalid (damaged), denied, unavailable.
Result<std::optional<Identity>> load_identity(sim::Files&, const std::string& state);
/// Makes keys, and an id unless one is given, and has them durable before it returns.
Result<Identity> make_identity(sim::Files&, const std::string& state, const e2e::Random&, Bytes id = {});
/// 32 hexadecimal digits, as tidegatectl prints an id; blanks and dashes between are ignored. Fault invalid.
Result<Bytes> parse_device_id(std::string_view);
Result<void> forget_identity(sim::Files&, const std::string& state);
std::string key_path(const std::string& state);

Result<Account> load_account(Shelf&);
Account account_of(Index&);
Result<void> store_account(Shelf&, const Account&);  ///< durable when it returns

/// Where mail and the rest lie: what is given here, else as chosen when the device was made, else STATE/mail,
/// STATE/pim.
Result<Places> chosen_places(sim::Files&, const std::string& state, const std::string& maildir,
                             const std::string& vdir);
Result<void> choose_places(sim::Files&, const Places&);  ///< for later lives; durable

/// https://host[:port] (also wss:// or host[:port]). Fault invalid says what is wrong.
Result<sim::Endpoint> parse_relay(std::string_view);

}  // namespace tidegate::device
