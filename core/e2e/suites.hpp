// SPDX-License-Identifier: Apache-2.0
// The suites that do not authenticate the two ends, for old terminals (docs/wire.md §10): vmes-1 and none. Their
// sessions carry the same stream of messages as noise-1's. Pure.
#pragma once
#include <string>

#include "core/e2e/session.hpp"
#include "core/vmes1/seal.hpp"

namespace tidegate::e2e {

enum class End : std::uint8_t { gateway, device };

/// One session as its two ends use it once keys, if any, are agreed.
struct Secured {
  Sealer sealer;
  Opener opener;
  Bytes hash;  ///< names the session in the next Hello; empty: this suite has no such name
};

/// Of vmes-1, by this end's key pair and the other's point. Fault invalid: see vmes1::Ephemeral::agree(). Some 3 ms.
Result<Secured> secure_vmes1(End own, const vmes1::Ephemeral&, View other_point, const Random&, std::size_t limit);
/// Of none: the stream as it is. Whoever carries the frames reads and may change them.
Secured secure_none(std::size_t limit);

/// The handle by which the relay knows an admission: the first 16 hexadecimal digits of the device id.
std::string admission_handle(View device_id);

}  // namespace tidegate::e2e
