// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/backend.hpp"

#include <algorithm>

#include "plugins/imap/session.hpp"

namespace tidegate::imap {

Result<Credentials> ImapBackend::credentials(const std::string& user) {
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
  auto secret = host_.secret("password");
  if (!secret) return std::unexpected(secret.error());
  if (settings_.auth == Auth::authzid) return Credentials{login, settings_.admin, std::move(*secret)};
  return Credentials{{}, login + settings_.separator + settings_.admin, std::move(*secret)};
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
  return std::make_unique<ImapSession>(settings_, host_, std::move(*connection));
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
