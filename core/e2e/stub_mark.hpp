// SPDX-License-Identifier: Apache-2.0
// How a stub is told from a mail (docs/wire.md §8.6): by a line `X-Tidegate-Stub: GID` that the gateway writes into it
// and that outlives what mail programs do to a message. Whoever finds it in a file must not take that for the mail.
// Pure.
#pragma once
#include <optional>
#include <vector>

#include "core/e2e/sync.hpp"

namespace tidegate::e2e {

/// The line, without its end.
Bytes stub_mark(const Gid&);
/// The same as base64, to stand on a line of its own where the body is base64.
Bytes stub_mark_base64(const Gid&);

/// What the marks name that stand at the beginning of a line, at most so many; none: not a stub. A sender may have
/// written marks, too, but knows no gid.
std::vector<Gid> stub_gids(View content);
std::optional<Gid> stub_gid(View content);  ///< the first of them
inline constexpr std::size_t stub_gids_most = 64;

/// RFC 4648 §4, without line ends.
Bytes base64(View octets);

}  // namespace tidegate::e2e
