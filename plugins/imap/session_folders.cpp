// SPDX-License-Identifier: Apache-2.0
// The tree of folders, and what the same answer tells of each (RFC 5819).
#include <fmt/format.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/session.hpp"

namespace tidegate::imap {
namespace {
constexpr std::chrono::seconds polled_good_for{2};
}

// One flight: our own folders, and those of namespaces that "*" doesn't name (RFC 2342 §6).
Result<std::vector<Listing>> ImapSession::list(const Call& call) {
  const bool extended = connection_->has("LIST-EXTENDED");
  const bool statuses = extended && connection_->has("LIST-STATUS");  // RFC 5819
  std::string wanted;
  if (extended && connection_->has("SPECIAL-USE")) wanted = "SPECIAL-USE";  // RFC 6154 §4
  if (statuses) {
    wanted += fmt::format("{}STATUS (MESSAGES UIDNEXT UIDVALIDITY{})", wanted.empty() ? "" : " ",
                          condstore() ? " HIGHESTMODSEQ" : "");
  }
  const std::string after = wanted.empty() ? "" : " RETURN (" + wanted + ")";
  std::vector<std::string> patterns = {root_.name.empty() ? "*" : root_.name + root_.delimiter + '*'};
  if (!root_.name.empty()) patterns.push_back(root_.name);
  if (root_.name.empty() && settings_.shown != Shown::personal) {
    for (const Namespace& space : connection_->namespaces().shared) {
      if (!space.prefix.empty()) patterns.push_back(space.prefix + '*');
    }
  }
  if (auto up = awake(call); !up) return std::unexpected(up.error());
  std::vector<Connection::Tag> tags;
  for (const std::string& pattern : patterns) {
    const auto text = quoted(pattern);
    auto tag = connection_->send(call, fmt::format("LIST \"\" {}{}", text.value_or("\"*\""), after));
    if (!tag) return std::unexpected(tag.error());
    tags.push_back(*tag);
  }
  std::vector<Listing> out;
  polled_.clear();
  polled_at_ = host_.now();
  polled_writes_ = backend_.writes();
  for (const auto tag : tags) {
    auto reply = must(connection_->receive(call, tag), Doing::listing, "");
    if (!reply) return std::unexpected(reply.error());
    // A folder that can't be read would look like one that is gone.
    if (reply->malformed)
      return fault(FaultKind::invalid, settings_.host, "The mail server's list of folders could not be understood.");
    for (Listing& listing : reply->folders) {
      if (is_shown(listing.name, root_, connection_->namespaces(), settings_.shown)) out.push_back(std::move(listing));
    }
    for (FolderStatus& said : reply->statuses) {
      std::string folder = canonical_mailbox(said.name);
      // A second one, or half of one, was told in between, unasked (RFC 5465).
      if (said.state.uidvalidity == 0 || polled_.contains(folder)) {
        connection_->signals().folders[said.name] = said.state;
      } else {
        polled_.emplace(std::move(folder), said.state);
      }
    }
  }
  return out;
}

std::optional<MailboxState> ImapSession::polled(const std::string& folder) {
  const auto at = polled_.find(folder);
  if (at == polled_.end()) return std::nullopt;
  const MailboxState state = at->second;
  polled_.erase(at);
  if (host_.now() - polled_at_ <= polled_good_for && polled_writes_ == backend_.writes()) return state;
  polled_.clear();
  return std::nullopt;
}

Result<Page> ImapSession::folders(const Call& call, View anchor) {
  auto listed = list(call);
  if (!listed) return std::unexpected(listed.error());
  if (listed->empty() && !root_.name.empty())
    return fault(FaultKind::not_found, settings_.host, "This mailbox is not there, or shows this user no folder.");
  const std::vector<Folder> tree = folder_tree(*listed, root_, personal_prefix());
  const bool inbox = !tree.empty() && tree.front().role == Role::inbox;
  if (inbox) inbox_ = tree.front().id;
  // Cyrus lets an administrator act for names that nobody bears: an empty list then says nothing of removals.
  if (!inbox && root_.name.empty()) {
    const auto state = command(call, "STATUS INBOX (MESSAGES)", Doing::listing, "INBOX");
    if (!state && state.error().kind == FaultKind::not_found)
      return fault(FaultKind::auth, settings_.host,
                   "The mail server has no mailbox for this user: correct the user's name, or have it made.",
                   state.error().cause);
    if (!state && state.error().kind != FaultKind::denied) return std::unexpected(state.error());
  }
  learn_tree(tree);
  Page page;
  page.anchor = tree_digest(tree);
  if (page.anchor == anchor) return page;
  for (const Folder& folder : tree) page.changes.emplace_back(FolderUpsert{folder});
  page.changes.emplace_back(Listed{});
  return page;
}

}  // namespace tidegate::imap
