// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/backend.hpp"

#include <algorithm>

#include "plugins/imap/session.hpp"
#include "plugins/imap/smtp.hpp"

namespace tidegate::imap {

Result<Credentials> ImapBackend::credentials(const std::string& user, bool smtp) {
  const std::string login = settings_.local_part_login ? user.substr(0, user.find('@')) : user;
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

Result<void> ImapBackend::submit(const Call& call, const Mailbox& box, const Envelope& envelope, Source& source,
                                 Attempt& attempt) {
  // The dot was said in an earlier attempt, and no answer came: nobody can see what became of it (RFC 1047).
  if (!attempt.note.empty()) {
    return fault(FaultKind::ambiguous, settings_.smtp.host,
                 "The message may have been sent before the connection was lost; look for it before sending it again.");
  }
  std::optional<Credentials> who;
  if (!settings_.smtp.trusted) {
    auto found = credentials(box.actor.empty() ? box.user : box.actor, true);
    if (!found) return std::unexpected(found.error());
    who = std::move(*found);
  }
  auto message = whole_message(source, settings_.smtp.size_most);
  if (!message) return std::unexpected(message.error());
  const Call connect{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  auto smtp = Smtp::open(settings_, who, connect);
  if (!smtp) return std::unexpected(smtp.error());
  return (*smtp)->submit(call, envelope, *message, attempt);
}

Result<std::unique_ptr<Session>> ImapBackend::open(const Call& call, const Mailbox& box) {
  const std::string& whose = box.mailbox.empty() ? box.user : box.mailbox;
  if (!box.actor.empty() && box.actor != whose) {
    return fault(FaultKind::unsupported, settings_.host,
                 "Mailboxes shared with another account are not served over IMAP yet.");
  }
  auto who = credentials(whose);
  if (!who) return std::unexpected(who.error());
  const Call connect{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  auto connection = Connection::open(settings_, *who, connect);
  if (!connection) return std::unexpected(connection.error());
  return std::make_unique<ImapSession>(*this, box, std::move(*connection));
}

Result<void> ImapBackend::test(const Call& call) {
  Credentials who;
  if (settings_.auth == Auth::authzid) {
    auto secret = host_.secret("password");
    if (!secret) return std::unexpected(secret.error());
    who = {{}, settings_.admin, std::move(*secret)};
  } else {
    who = {{}, "tidegate-connection-test", "-"};
  }
  const Call connect{std::min(call.deadline, host_.now() + settings_.connect_timeout), call.stop, call.trace};
  auto connection = Connection::open(settings_, who, connect);
  const bool refused_as_expected =
      settings_.auth != Auth::authzid && !connection && connection.error().kind == FaultKind::auth;
  if (!connection && !refused_as_expected) return std::unexpected(connection.error());
  return {};
}

}  // namespace tidegate::imap
