// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/backend.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "plugins/imap/session.hpp"

namespace tidegate::imap {

Result<std::string> password_from(const std::string& directory, const std::string& user) {
  if (user.empty() || user.front() == '.' || user.find('/') != std::string::npos ||
      user.find('\0') != std::string::npos) {
    return fault(FaultKind::auth, "password_dir", "This user's name cannot be the name of a password file.");
  }
  const std::string path = directory + '/' + user;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    return fault(FaultKind::auth, path,
                 "The user's password file cannot be read: put it there, readable for the gateway.",
                 std::strerror(errno));
  }
  std::array<char, 1024> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  std::string password(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  password.resize(std::min(password.find_first_of("\r\n"), password.size()));
  if (password.empty())
    return fault(FaultKind::auth, path, "The user's password file is empty: write the password into its first line.");
  return password;
}

Result<Credentials> ImapBackend::credentials(const std::string& user) {
  const std::string login = settings_.local_part_login ? user.substr(0, user.find('@')) : user;
  if (settings_.auth == Auth::password_dir) {
    auto password = password_from(settings_.password_dir, user);
    if (!password) return std::unexpected(password.error());
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
