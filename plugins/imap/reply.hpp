// SPDX-License-Identifier: Apache-2.0
// What an IMAP server said, as plain values: the border between connection.cpp, which knows libetpan, and everything
// else, which doesn't.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/imap/uid_set.hpp"

namespace tidegate::imap {

/// One FETCH response (RFC 3501 §7.4.2); what was not asked for is absent.
struct Row {
  Uid uid = 0;
  bool has_flags = false;
  std::uint32_t flags = 0;            ///< tidegate::Flag bits
  std::vector<std::string> keywords;  ///< sorted; without $Forwarded, which is a Flag
  std::uint64_t modseq = 0;           ///< RFC 7162; 0: absent
  std::uint32_t size = 0;             ///< RFC822.SIZE
  bool has_date = false;              ///< INTERNALDATE came, whatever it says: 1970 is a date too
  std::chrono::sys_seconds received{};
  std::string message_id;           ///< the Message-ID field as fetched, header name included
  std::optional<std::string> body;  ///< BODY[] or the first part of it
  bool bare = false;                ///< asked for without a header: its Message-ID is not known
};

/// One LIST response (RFC 3501 §7.2.2).
struct Listing {
  std::string name;  ///< raw, as the server spells it
  char delimiter = 0;
  bool selectable = true;
  std::vector<std::string> attributes;  ///< lower case, without the backslash: "sent", "noinferiors" …
};

/// SELECT or STATUS.
struct MailboxState {
  std::uint32_t uidvalidity = 0;
  std::uint64_t uidnext = 0;  ///< 0: the server didn't say
  std::uint32_t exists = 0;
  std::uint64_t modseq = 0;  ///< HIGHESTMODSEQ; 0: none kept
};

struct FolderStatus {
  std::string name;  ///< raw
  MailboxState state;
};

/// VANISHED (RFC 7162 §3.2.10); earlier: an answer, not news.
struct Vanished {
  bool earlier = false;
  UidSet uids;
};

/// NAMESPACE (RFC 2342).
struct Namespace {
  std::string prefix;
  char delimiter = 0;
};
struct Namespaces {
  std::vector<Namespace> personal, others, shared;
};

enum class Verdict : std::uint8_t { ok, no, bad };

/// All that came for one command.
struct Reply {
  Verdict verdict = Verdict::ok;
  std::string code;  ///< first word of the response code, upper case: "AUTHENTICATIONFAILED"
  std::string text;  ///< the server's own words: for logs, never for users
  std::vector<Row> rows;
  std::vector<Listing> folders;
  UidSet found;                    ///< SEARCH
  std::uint64_t found_modseq = 0;  ///< SEARCH … MODSEQ
  std::vector<FolderStatus> statuses;
  UidSet vanished;         ///< VANISHED (EARLIER)
  bool malformed = false;  ///< a response of the kinds above could not be read
  std::optional<Namespaces> namespaces;
  std::optional<std::pair<std::uint32_t, Uid>> stored_as;  ///< APPENDUID or COPYUID: UIDVALIDITY, UID
  std::uint64_t modseq = 0;                                ///< HIGHESTMODSEQ as a response code
};

}  // namespace tidegate::imap
