// SPDX-License-Identifier: Apache-2.0
// From rows of a FETCH to items of the Store: ids, fingerprints, revisions. Pure.
#pragma once
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "plugins/imap/reply.hpp"

namespace tidegate::imap {

/// A message's name in the Store: identity is (mailbox, UIDVALIDITY, UID), because UIDVALIDITY values may come back
/// in another mailbox (IMAP-19).
struct ItemName {
  std::string folder;
  std::uint32_t uidvalidity = 0;
  Uid uid = 0;
};
Bytes item_id(const ItemName&);  ///< folder NUL uidvalidity "." uid
std::optional<ItemName> parse_item_id(View);

/// "UIDVALIDITY.UIDNEXT" of the target, noted before a create or move; a move adds "." and the fingerprint in hex.
struct WriteNote {
  std::uint32_t uidvalidity = 0;
  std::uint64_t uidnext = 0;
  std::optional<std::array<std::byte, 20>> print{};  ///< absent in notes of older versions
};
Bytes write_note(const WriteNote&);
std::optional<WriteNote> parse_write_note(View);

/// The value of a Message-ID field as fetched with BODY[HEADER.FIELDS (MESSAGE-ID)], unfolded, without blanks.
std::string message_id_value(std::string_view header);

/// That of a whole message; empty: its header has none.
std::string message_id_of(std::string_view message);

/// SHA-256 of Message-ID, internal date and size, cut to 20 octets: equal for the same mail under another UID.
std::array<std::byte, 20> fingerprint(const Row&);

/// Moves with flags and keywords.
std::uint32_t flag_hash(const Row&);

/// `inline_up_to`: a body that came along is handed on only if it is whole and no longer than that.
Upsert upsert_of(std::string_view folder, std::uint32_t uidvalidity, Row&&, std::uint32_t inline_up_to);

/// IMAP flag words ↔ tidegate::Flag (RFC 3501 §2.3.2; $Forwarded: RFC 5788 registry).
std::string flag_words(std::uint32_t flags, const std::vector<std::string>& keywords);
/// True for what may stand as a flag keyword: an atom (RFC 3501 §9).
bool is_keyword(std::string_view);

/// "01-Feb-2026 10:20:30 +0000" (RFC 3501 §9 date-time).
std::string date_time(std::chrono::sys_seconds);

}  // namespace tidegate::imap
