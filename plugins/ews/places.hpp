// SPDX-License-Identifier: Apache-2.0
// Where each mailbox is, as Autodiscover says, kept for a day: one server, or one group of servers, serves not all.
// Thread-safe.
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/web/client.hpp"
#include "plugins/ews/autodiscover.hpp"
#include "plugins/ews/settings.hpp"

namespace tidegate::ews {

struct Place {
  web::Url url;
  std::string group = {};  ///< GroupingInformation
};

class Places {
 public:
  /// `ask`: the client that logs in.
  Places(const Settings&, Host&, web::Client& ask);

  /// Blocks while it asks. Faults: not_found (no such mailbox), unavailable, cancelled, those of the way.
  Result<Place> find(const Call&, const std::string& mailbox, const web::Login&);
  /// The mailbox was said not to be there any more; `surely`: by its server. Else only what was found a while ago is
  /// doubted, so that a server that is down is not asked for twice as often.
  void doubt(const std::string& mailbox, bool surely);

 private:
  struct Known {
    Place place;
    Clock::time_point found;
  };
  Result<web::Response> ask(const Call&, const Discovery::Step&, const web::Login&);
  Result<web::Response> named(const Call&, const Discovery::Step&);
  bool allowed(const std::string& mailbox, const std::string& host) const;

  const Settings& settings_;
  Host& host_;
  web::Client& client_;
  web::Client plain_;  ///< for the redirect that is asked for without a login
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace tidegate::ews
