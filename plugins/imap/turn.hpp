// SPDX-License-Identifier: Apache-2.0
// What the parts of changes() hand each other; nobody else includes it.
#pragma once
#include <algorithm>
#include <string>

#include "plugins/imap/session.hpp"

namespace tidegate::imap {

struct ImapSession::Turn {
  const Call& call;
  std::string folder;
  const Want& want;
  Anchor anchor;
  Page page;
  std::uint64_t limit = 500;
  bool more = false;
  UidSet vanished{};       // VANISHED (EARLIER), of known messages
  bool malformed = false;  // something of the kind came and could not be read
  MailboxState before{};   // as STATUS said it, if it was asked
};

inline Uid top(std::uint64_t uidnext) { return static_cast<Uid>(std::min<std::uint64_t>(uidnext - 1, UINT32_MAX)); }

}  // namespace tidegate::imap
