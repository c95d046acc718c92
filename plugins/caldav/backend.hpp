// SPDX-License-Identifier: Apache-2.0
// One [backend:…] section with plugin = caldav: who asks, over which connections, and where the users' homes are.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/sdk/store.hpp"
#include "core/token/tokens.hpp"
#include "core/web/client.hpp"
#include "plugins/caldav/discovery.hpp"
#include "plugins/caldav/memory.hpp"
#include "plugins/caldav/settings.hpp"

namespace tidegate::caldav {

/// Whose collections they are.
inline const std::string& whose(const Mailbox& box) { return box.mailbox.empty() ? box.user : box.mailbox; }
/// By whose rights they are looked at.
inline const std::string& by_whom(const Mailbox& box) { return box.actor.empty() ? whose(box) : box.actor; }

class CaldavBackend final : public Backend {
 public:
  CaldavBackend(Host&, Settings);
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override;
  std::unique_ptr<Watch> watch(Hints&) override { return nullptr; }  // polled; one request a home tells of all in it
  /// Reaches the server, and logs in where there is one account for all.
  Result<void> test(const Call&) override;

  /// Sends it as that mailbox's actor. Any status is an answer but 401, which is a fault; a token that is refused is
  /// renewed once. Any thread.
  Result<web::Response> ask(const Call&, const Mailbox&, web::Request, web::Sink = {});
  void forget(const Mailbox&);  ///< its homes are not where they were

  Host& host() { return host_; }
  const Settings& settings() const { return settings_; }
  Contents& contents() { return contents_; }
  Wrote& wrote() { return wrote_; }
  std::uint64_t writes() const { return writes_; }
  void count_write() { ++writes_; }
  std::uint64_t connects() const { return client_.connects(); }
  bool is_sogo() const { return is_sogo_; }  ///< by the name it gives itself (docs/quirks.md)

 private:
  Result<void> identify(const Call&, const std::string& actor, web::Request&);
  Result<std::shared_ptr<const Homes>> homes(const Call&, const Mailbox&);
  Result<Homes> discover(const Call&, const Mailbox&);
  /// Where to begin, as DNS has it for the domain. Empty: it has nothing, or there is no domain to ask for.
  Result<std::vector<web::Url>> starts(const Call&);

  Host& host_;
  const Settings settings_;
  web::Client client_;
  token::Tokens tokens_;
  Contents contents_;
  Wrote wrote_;
  std::atomic<std::uint64_t> writes_ = 0;
  std::atomic<bool> is_sogo_ = false;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Homes>> homes_;  ///< by owner and actor
  std::vector<web::Url> starts_;                               ///< what DNS said
  std::optional<Clock::time_point> starts_until_;              ///< how long that is believed
};

}  // namespace tidegate::caldav
