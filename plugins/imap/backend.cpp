// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/backend.hpp"

#include <algorithm>

#include "plugins/imap/idle_life.hpp"
#include "plugins/imap/in_time.hpp"
#include "plugins/imap/session.hpp"
#include "plugins/imap/smtp.hpp"
#include "plugins/imap/utf7.hpp"

namespace tidegate::imap {
ImapBackend::ImapBackend(Host& host, Settings settings)
    : host_(host),
      settings_(std::move(settings)),
      habits_(std::min(settings_.idle_lifetime, idle_most(settings_.host))),
      tokens_(token::fetch_by(settings_.token, [&host](std::string_view key) { return host.secret(key); }),
              std::chrono::duration_cast<std::chrono::seconds>(settings_.token.lifetime),
              token::served_by(settings_.token)) {}

Result<Credentials> ImapBackend::credentials(const Call& call, const std::string& user, bool smtp) {
  const std::string login = settings_.local_part_login ? user.substr(0, user.find('@')) : user;
  if (settings_.auth == Auth::token) {
    auto token = tokens_.get(token::identity_of(settings_.token, user), host_.now(), call);
    if (!token) return std::unexpected(token.error());
    return Credentials{{}, login, std::move(*token), true};
  }
  if (settings_.auth == Auth::password_dir) {
    auto password = host_.secret("password/" + user);
    if (!password) {
      // Without a password there is nothing to repeat: the account waits until its file is there.
      Fault missing = password.error();
      missing.kind = FaultKind::auth;
      return std::unexpected(std::move(missing));
    }
    return Credentials{{}, login, std::move(*password)};
  }
  const std::string& admin = smtp && !settings_.smtp.admin.empty() ? settings_.smtp.admin : settings_.admin;
  auto secret = host_.secret(smtp && settings_.smtp.own_password ? "smtp_password" : "password");
  if (!secret) return std::unexpected(secret.error());
  if (settings_.auth == Auth::authzid) return Credentials{login, admin, std::move(*secret)};
  return Credentials{{}, login + settings_.separator + admin, std::move(*secret)};
}

template <class Login>
auto ImapBackend::logged_in(const Call& call, const std::string& user, bool smtp, Login login) {
  using Answer = decltype(login(Credentials{}));
  for (bool again = true;; again = false) {
    auto who = credentials(call, user, smtp);
    if (!who) return Answer(std::unexpected(who.error()));
    auto opened = login(*who);
    if (!who->token) return opened;
    const auto whose = token::identity_of(settings_.token, user);
    if (opened) tokens_.accepted(whose, who->password, host_.now());
    const bool refused = !opened && opened.error().kind == FaultKind::auth;
    if (!refused || !tokens_.refused(whose, who->password, host_.now()) || !again) return opened;
  }
}

Result<void> ImapBackend::submit(const Call& call, const Mailbox& box, const Envelope& envelope,
                                 std::string_view message, Attempt& attempt) {
  // The dot was said in an earlier attempt, and no answer came: nobody can see what became of it (RFC 1047).
  if (!attempt.note.empty()) {
    return fault(FaultKind::ambiguous, settings_.smtp.host,
                 "The message may have been sent before the connection was lost; look for it before sending it again.");
  }
  const Call connect{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  auto smtp = settings_.smtp.trusted
                  ? Smtp::open(settings_, std::nullopt, connect)
                  : logged_in(connect, box.actor.empty() ? box.user : box.actor, true,
                              [&](const Credentials& who) { return Smtp::open(settings_, who, connect); });
  if (!smtp) return std::unexpected(smtp.error());
  return (*smtp)->submit(call, envelope, message, attempt);
}

Result<std::unique_ptr<Session>> ImapBackend::open(const Call& call, const Mailbox& box) {
  const std::string& owner = whose(box);
  const std::string& actor = box.actor.empty() ? owner : box.actor;
  if (auto on = in_time(call, settings_.host); !on) return std::unexpected(on.error());
  // RFC 4616: an empty authorization identity is the administrative account's own mailbox.
  if (owner.empty()) return fault(FaultKind::not_found, settings_.host, "A mailbox without a name is nobody's.");
  if (const auto pause = habits_.login_pause(owner, host_.now()); pause.count() > 0) {
    Fault later{FaultKind::throttled,
                settings_.host,
                "The mail server closes connections right after the login; it is tried again later.",
                {},
                pause};
    return std::unexpected(std::move(later));
  }
  const Call connect{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  auto connection = logged_in(connect, actor, false,
                              [&](const Credentials& who) { return Connection::open(settings_, who, connect); });
  if (!connection) return std::unexpected(connection.error());
  auto root = actor == owner ? Root{} : shared_root(**connection, owner);
  if (!root) return std::unexpected(root.error());
  return std::make_unique<ImapSession>(*this, box, std::move(*root), std::move(*connection));
}

// Where the actor sees the other's folders: below the prefix of the other users' namespace (RFC 2342 §5). What he may
// do there is the server's to say (ACL).
Result<Root> ImapBackend::shared_root(const Connection& connection, const std::string& owner) const {
  const auto& others = connection.namespaces().others;
  if (others.empty()) {
    return fault(FaultKind::unsupported, settings_.host,
                 "The mail server shows nobody other users' folders: switch on its shared namespace and ACLs.");
  }
  Root root;
  root.delimiter = others.front().delimiter == 0 ? '/' : others.front().delimiter;
  const auto name = modified_utf7_from_utf8(settings_.local_part_login ? owner.substr(0, owner.find('@')) : owner);
  if (!name || name->find(root.delimiter) != std::string::npos || name->find_first_of("%*") != std::string::npos)
    return fault(FaultKind::not_found, settings_.host, "This mailbox's name cannot be spoken in IMAP.");
  root.name = others.front().prefix + *name;
  return root;
}

Result<void> ImapBackend::test(const Call& call) {
  if (settings_.auth == Auth::authzid || settings_.auth == Auth::master)
    if (auto secret = host_.secret("password"); !secret) return std::unexpected(secret.error());
  if (settings_.smtp.own_password)
    if (auto secret = host_.secret("smtp_password"); !secret) return std::unexpected(secret.error());
  const auto soon = [&] {
    return Call{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  };
  if (auto reached = Connection::test(settings_, soon()); !reached) return reached;
  if (settings_.auth == Auth::token && token::served_by(settings_.token) == token::Tokens::For::all)
    if (auto token = tokens_.get({}, host_.now(), call); !token) return std::unexpected(token.error());
  if (settings_.smtp.host.empty()) return {};
  auto smtp = Smtp::open(settings_, std::nullopt, soon());
  if (!smtp) return std::unexpected(smtp.error());
  return {};
}

}  // namespace tidegate::imap
