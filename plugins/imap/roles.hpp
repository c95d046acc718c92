// SPDX-License-Identifier: Apache-2.0
// From LIST responses to the folder tree: names, parents, roles. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/imap/reply.hpp"
#include "plugins/imap/settings.hpp"

namespace tidegate::imap {

/// "inbox" in any case is INBOX (RFC 3501 §5.1); every other name stays as it is.
std::string canonical_mailbox(std::string_view raw);

/// Where a mailbox begins that is another user's: "user/ann". Empty: one's own.
struct Root {
  std::string name;  ///< raw, without a delimiter at its end
  char delimiter = 0;
  [[nodiscard]] bool holds(std::string_view raw) const;  ///< it, or what is below
};

/// Of what the server lists, which is shown: one's own folders or those below the root; of the other namespaces what
/// `shown` says.
bool is_shown(std::string_view raw, const Root&, const Namespaces&, Shown);

/// The tree, INBOX first. A role is given once: to the folder with the SPECIAL-USE attribute (RFC 6154 §2), else to
/// the first well-known name at the top or right under INBOX. A folder that can't be selected is kept for its
/// children, without may_read and what follows from it: its scope can't be asked for.
/// With a root, names and parents are told from there on, and the inbox is the root itself or INBOX below it.
/// `prefix`: of the personal namespace (RFC 2342), "INBOX." on some servers; what it begins with lies at the top.
std::vector<Folder> folder_tree(const std::vector<Listing>&, const Root& = {}, std::string_view prefix = {});

/// 20 octets that move when the tree does: the anchor of scope "".
Bytes tree_digest(const std::vector<Folder>&);

}  // namespace tidegate::imap
