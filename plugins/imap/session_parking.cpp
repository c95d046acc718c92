// SPDX-License-Identifier: Apache-2.0
// Waiting for news: IDLE on the inbox (RFC 2177), and NOTIFY for all other folders (RFC 5465).
//
//   NOTIFY refused, broken or unwanted → the inbox only, the core polls the rest
//   NOTIFY on                          → STATUS and LIST lines nobody asked for become hints, folder by folder
//   NOTIFICATIONOVERFLOW               → everything is hinted, and for an hour it is as if there were no NOTIFY
#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/session.hpp"

namespace tidegate::imap {
namespace {

constexpr std::uint32_t fetched_at_waking = 8;
constexpr std::chrono::hours overflow_rest{1};
// RFC 5465 §5: MessageNew and MessageExpunge go together, FlagChange needs both.
constexpr std::string_view message_events = "MessageNew MessageExpunge FlagChange";

std::uint32_t hash_of(std::string_view name) { return static_cast<std::uint32_t>(std::hash<std::string_view>{}(name)); }

std::chrono::milliseconds since(Clock::time_point then, Clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - then);
}

}  // namespace

// --- the folders that the session knows

void ImapSession::learn_tree(const std::vector<Folder>& tree) {
  std::vector<Known> now;
  now.reserve(tree.size());
  for (const Folder& folder : tree) {
    const Known* before = known(folder.scope);
    now.push_back(before != nullptr ? *before : Known{hash_of(folder.scope)});
  }
  std::ranges::sort(now, {}, &Known::hash);
  tree_ = std::move(now);
}

ImapSession::Known* ImapSession::known(std::string_view folder) {
  const std::uint32_t hash = hash_of(folder);
  const auto at = std::ranges::lower_bound(tree_, hash, {}, &Known::hash);
  return at != tree_.end() && at->hash == hash ? &*at : nullptr;
}

/// The server told of it since it was looked at; from here on that is settled.
bool ImapSession::told_of(const std::string& folder) {
  Known* one = known(folder);
  return one != nullptr && std::exchange(one->told, false);
}

void ImapSession::looked_at(const std::string& folder, bool changed) {
  Known* one = known(folder);
  if (notify_ != Notify::on || one == nullptr || !asked_of(folder)) return;
  // It promised to tell, and did not. A notice may also come a moment after our look: one that tells at all is
  // believed.
  if (changed && one->looked) backend_.habits().broke(Promise::notify);
  one->looked = true;
  if (!backend_.habits().believed(Promise::notify)) notify_ = Notify::off;
}

// --- NOTIFY

// Other users' folders stay with the polling: which of them list() finds under "*" no filter says.
bool ImapSession::asked_of(std::string_view folder) const {
  return is_shown(folder, root_, connection_->namespaces(), std::min(settings_.shown, Shown::shared));
}

bool ImapSession::hears_all() const {
  const bool others = settings_.shown == Shown::all && root_.name.empty() && !connection_->namespaces().others.empty();
  return notify_ == Notify::on && !others;
}

// All folders that asked_of() says, each by one of the filters only.
std::string ImapSession::notify_command() const {
  const auto filter = [](std::string_view which) {
    return fmt::format(" ({} ({} MailboxName))", which, message_events);
  };
  std::string out = fmt::format("NOTIFY SET (selected ({}))", message_events);
  if (!root_.name.empty()) return out + filter("subtree " + quoted(root_.name).value_or("\"\""));
  out += filter("personal");
  if (settings_.shown == Shown::personal) return out;
  for (const Namespace& space : connection_->namespaces().shared) {
    std::string_view top = space.prefix;
    if (space.delimiter != 0 && top.ends_with(space.delimiter)) top.remove_suffix(1);
    if (!top.empty()) out += filter("subtree " + quoted(top).value_or("\"\""));
  }
  return out;
}

Result<void> ImapSession::listen_everywhere(const Call& call) {
  if (notify_ == Notify::off && notify_again_ != Clock::time_point{} && host_.now() >= notify_again_) {
    notify_ = Notify::unasked;
  }
  if (notify_ != Notify::unasked) return {};
  notify_ = Notify::off;
  notify_again_ = {};
  if (!settings_.notify || !connection_->has("NOTIFY") || !backend_.habits().believed(Promise::notify)) return {};
  auto reply = connection_->run(call, notify_command());
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict == Verdict::ok) {
    notify_ = Notify::on;
    for (Known& one : tree_) one.looked = false;
  } else {
    backend_.habits().broke(Promise::notify);
  }
  return {};
}

void ImapSession::tell_elsewhere(Hint& hint) {
  Signals& signals = connection_->signals();
  if (signals.overflow) {
    notify_ = Notify::off;
    notify_again_ = host_.now() + overflow_rest;
    hint.all = true;
  }
  bool tree = signals.tree;
  for (const auto& [name, state] : signals.folders) {
    const std::string folder = canonical_mailbox(name);
    if (!is_shown(folder, root_, connection_->namespaces(), settings_.shown)) continue;
    if (notify_ == Notify::on) backend_.habits().kept(Promise::notify);
    Known* one = known(folder);
    if (one != nullptr) {
      one->told = true;
      hint.scopes.push_back(folder);
    } else {
      tree = true;  // a folder that nobody knows yet
      hint.all = hint.all || tree_.empty();
    }
  }
  if (tree) hint.scopes.insert(hint.scopes.begin(), Bytes());
  signals.folders.clear();
  signals.tree = signals.overflow = false;
}

// --- IDLE

/// Dropped while it was silent, or forgotten on the way: then nobody answers any more.
void ImapSession::lost(const Call& call, const Fault& why) {
  const bool forgotten = why.kind == FaultKind::cancelled && !call.stop.stop_requested();
  if (!forgotten && !connection_->dropped()) return;
  backend_.habits().idle_dropped(since(idle_since_, host_.now()), host_.now());
}

Parking ImapSession::parking() {
  // What has been said already would never make the descriptor readable again.
  const Signals& signals = connection_->signals();
  const bool now = signals.any() || signals.elsewhere() || connection_->buffered();
  return Parking{connection_->fd(), now ? host_.now() : idle_until_, hears_all()};
}

// While another folder was selected nothing was heard of the inbox: compare with what was told last.
void ImapSession::compare_inbox(Signals& signals) const {
  if (!live_) return;
  if (state_.uidnext != live_->uidnext && signals.arrived == 0) signals.arrived = 1;
  signals.expunged = signals.expunged || signals.exists != live_->exists;
  signals.flags = signals.flags || state_.modseq != live_->modseq;
}

Result<Parking> ImapSession::park(const Call& call) {
  ahead_ = {};
  if (connection_->idling()) return parking();
  if (!connection_->has("IDLE")) {
    return fault(FaultKind::unsupported, settings_.host, "The mail server offers no IDLE; its folders are polled.");
  }
  if (auto listening = listen_everywhere(call); !listening) return std::unexpected(listening.error());
  const bool elsewhere = selected_ != inbox_;
  if (auto selected = select(call, inbox_); !selected) return std::unexpected(selected.error());
  if (elsewhere) compare_inbox(connection_->signals());
  if (auto idle = connection_->idle(call); !idle) return std::unexpected(idle.error());
  plan_.reset();
  polled_.clear();  // what is told from here on is newer
  fresh_ = false;
  connection_->shrink();
  // Before the time is over, and not for all connections at once.
  const auto life = backend_.habits().idle_lifetime();
  std::array<std::byte, 1> dice{};
  host_.random(dice);
  idle_since_ = host_.now();
  idle_until_ = idle_since_ + life - life / 20 - life * std::to_integer<int>(dice[0]) / 2560;
  return parking();
}

Result<Hint> ImapSession::unpark(const Call& call) {
  Hint hint;
  if (!connection_->idling()) return hint;
  const auto idle = since(idle_since_, host_.now());
  if (auto looked = connection_->idle_look(call); !looked) {
    lost(call, looked.error());
    return std::unexpected(looked.error());
  }
  Signals& signals = connection_->signals();
  tell_elsewhere(hint);
  // "* OK Still here" every two minutes is no reason to talk: the connection stays as it is.
  if (!signals.any() && host_.now() < idle_until_) return hint;
  std::vector<std::string> more;
  const bool fetch =
      signals.arrived > 0 && signals.arrived <= fetched_at_waking && live_ && live_->uidvalidity == state_.uidvalidity;
  if (fetch) more.push_back(fmt::format("UID FETCH {}:* {}", live_->uidnext, attributes(live_->inline_up_to)));
  auto tags = connection_->idle_done(call, more);
  if (!tags) {
    lost(call, tags.error());
    return std::unexpected(tags.error());
  }
  backend_.habits().idle_survived(idle);
  if (fetch || signals.any()) hint.scopes.push_back(inbox_);
  if (fetch) {
    signals.arrived = 0;  // what comes from here on is newer than this fetch, or counted by the flag check
    Limits limits;
    limits.literal = std::max<std::uint64_t>(limits.literal, std::uint64_t{live_->inline_up_to} + 1);
    auto reply = must(connection_->receive(call, tags->front(), limits), Doing::reading, selected_);
    if (!reply) return std::unexpected(reply.error());
    prefetch_ = Prefetch{live_->uidnext, std::move(reply->rows)};
  }
  return hint;
}

}  // namespace tidegate::imap
