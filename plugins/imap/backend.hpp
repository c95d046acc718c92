// SPDX-License-Identifier: Apache-2.0
// One [backend:…] section with plugin = imap: who logs in how.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "core/sdk/store.hpp"
#include "core/token/tokens.hpp"
#include "plugins/imap/connection.hpp"
#include "plugins/imap/habits.hpp"
#include "plugins/imap/roles.hpp"
#include "plugins/imap/settings.hpp"

namespace tidegate::imap {

/// Whose mail it is.
inline const std::string& whose(const Mailbox& box) { return box.mailbox.empty() ? box.user : box.mailbox; }

class ImapBackend final : public Backend {
 public:
  ImapBackend(Host&, Settings);
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override;
  std::unique_ptr<Watch> watch(Hints&) override { return nullptr; }  // sessions park
  /// Whether the servers for mail and for sending are reached and believed, the secrets are there, a token for all is
  /// given, and the server takes logins of that kind. Without a login: an administrative account need not be a
  /// mailbox, and a name made up would count as an attack; open() tells whether a user's login works.
  Result<void> test(const Call&) override;

  Host& host() { return host_; }
  const Settings& settings() const { return settings_; }
  Habits& habits() { return habits_; }
  /// How often anything was written through this back-end.
  std::uint64_t writes() const { return writes_; }
  void wrote() { ++writes_; }
  /// The message of `source` to the SMTP server, logged in as for that mailbox's user. Any thread.
  Result<void> submit(const Call&, const Mailbox&, const Envelope&, std::string_view message, Attempt&);

 private:
  Result<Credentials> credentials(const Call&, const std::string& user, bool smtp = false);
  /// Logs in by `login`; where a token that was used before is refused, once more with a new one.
  template <class Login>
  auto logged_in(const Call&, const std::string& user, bool smtp, Login);
  Result<Root> shared_root(const Connection&, const std::string& owner) const;
  Host& host_;
  const Settings settings_;
  Habits habits_;
  token::Tokens tokens_;
  std::atomic<std::uint64_t> writes_ = 0;
};

}  // namespace tidegate::imap
