// SPDX-License-Identifier: Apache-2.0
// What an item's octets tell: kind, fingerprint, revision; and Maildir's file names. Pure. Any thread.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

using Fingerprint = std::array<std::byte, 20>;

/// SHA-256 of the octets, cut to 20.
Fingerprint digest(std::string_view octets);
std::string hex(std::span<const std::byte>);

/// The value of the first such header field of a message, unfolded and trimmed; only the head is looked at.
std::string header(std::string_view message, std::string_view name);

/// Mail: Message-ID, received and size (design: what survives re-numbering); without a Message-ID its first 8 KiB.
Fingerprint mail_fingerprint(std::string_view head, std::chrono::sys_seconds received, std::uint64_t size);
/// Calendar object or card: its UID; without one its octets.
Fingerprint pim_fingerprint(std::string_view octets);
/// event, task or note by the first component in it.
Kind calendar_kind(std::string_view octets);

/// Maildir: "base:2,FS" → base and flags. Letters: D F P R S T; others are kept in `other`.
struct FileName {
  std::string base;
  std::uint32_t flags = 0;
  std::string other;
};
FileName parse_name(std::string_view file);
/// ":2," and the letters in ASCII order, as cr.yp.to/proto/maildir.html wants them.
std::string suffix(std::uint32_t flags, std::string_view other);

}  // namespace tidegate::mock
