// SPDX-License-Identifier: Apache-2.0
// The ledger of scheduling messages (answers to invitations): each leaves at most once, whatever crashes. It is asked
// before a message is handed on, in a transaction that is durable before it answers (Log::transact), and told after.
// `sqlite` is what that lends.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/store/log.hpp"

namespace tidegate::store {

struct SchedulingRow {
  std::string user;
  Bytes key;     ///< UID, RECURRENCE-ID, SEQUENCE, recipient (pim::SchedulingKey::octets)
  Bytes answer;  ///< of the answer and its comment, any digest: another one is another message
  std::string message_id;
  std::int64_t at = 0;  ///< Unix seconds
};

enum class Claim : std::uint8_t {
  go,       ///< it is the caller's to send, now; durable
  sent,     ///< this answer was taken by the mail server before
  unknown,  ///< an earlier attempt may have sent it: never again by itself (RFC 1047); whoever asks is told
};
/// The Message-ID under which an answer that is not `go` went, or may have gone, so that it can be looked for.
struct Claimed {
  Claim claim = Claim::go;
  std::string message_id;
  Bytes before{};  ///< SchedulingRow::answer of what was claimed last under this key; empty: nothing
};
Result<Claimed> claim_scheduling(void* sqlite, const SchedulingRow&);
/// What a claim would answer; nothing is claimed. On any connection.
Result<Claimed> look_at_scheduling(void* sqlite, const SchedulingRow&);

/// What became of a claim. Taken: the mail server has it. Refused: it certainly did not leave, and may be claimed
/// again.
enum class Fate : std::uint8_t { taken = 2, refused = 3 };
Result<void> settle_scheduling(void* sqlite, const SchedulingRow&, Fate);

/// Items of a view, but mails, with that fingerprint (pim::uid_fingerprint): what calendars have of a UID. The log
/// keeps no index of it: it is asked once an answer. On any connection.
Result<std::vector<Gid>> with_fingerprint(void* sqlite, ViewId, const std::array<std::byte, 20>&);

}  // namespace tidegate::store
