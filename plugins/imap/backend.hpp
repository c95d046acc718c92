// SPDX-License-Identifier: Apache-2.0
// One [backend:…] section with plugin = imap: who logs in how.
#pragma once
#include <string>

#include "core/sdk/store.hpp"
#include "plugins/imap/connection.hpp"
#include "plugins/imap/settings.hpp"

namespace tidegate::imap {

class ImapBackend final : public Backend {
 public:
  ImapBackend(Host& host, Settings settings) : host_(host), settings_(std::move(settings)) {}
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override;
  std::unique_ptr<Watch> watch(Hints&) override { return nullptr; }  // sessions park
  /// Logs in as the administrative account itself (auth = authzid); otherwise reads the greeting by way of a login
  /// that is bound to fail, and tells a refused password from an unreachable server.
  Result<void> test(const Call&) override;

 private:
  Result<Credentials> credentials(const std::string& user);
  Host& host_;
  const Settings settings_;
};

}  // namespace tidegate::imap
