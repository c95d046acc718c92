// SPDX-License-Identifier: Apache-2.0
// The mails a gateway writes into a user's own mailbox (RFC 5322, plain ASCII). They never leave the company's mail
// system. Pure.
#pragma once
#include <string>

#include "core/sim/reactor.hpp"

namespace tidegate::gateway {

struct Welcome {
  std::string from;  ///< the gateway's name
  std::string to, relay, code, link;
  std::int64_t expires = 0;
};
struct Paired {
  std::string from, to, device, device_print, gateway_print;
};
/// A device whose suite does not authenticate the ends.
struct Readable {
  std::string from, to, device, suite;
  std::int64_t expires = 0;
};
/// `random` makes the Message-ID; at least 16 octets.
Bytes welcome_letter(const Welcome&, sim::WallTime now, View random);
Bytes paired_letter(const Paired&, sim::WallTime now, View random);
Bytes readable_letter(const Readable&, sim::WallTime now, View random);

}  // namespace tidegate::gateway
