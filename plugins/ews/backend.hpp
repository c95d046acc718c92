// SPDX-License-Identifier: Apache-2.0
// One [backend:…] section with plugin = ews: who logs in how, and how one request becomes one answer.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/token/tokens.hpp"
#include "core/web/client.hpp"
#include "plugins/ews/answers.hpp"
#include "plugins/ews/gate.hpp"
#include "plugins/ews/places.hpp"
#include "plugins/ews/requests.hpp"
#include "plugins/ews/settings.hpp"

namespace tidegate::ews {

/// By whose rights something is asked.
struct Who {
  std::string user;    ///< SMTP address of who acts
  std::string shared;  ///< whose mailbox, if it is another's; empty: his own
};
Who who_of(const Mailbox&);
/// Whose mailbox it is that somebody acts in.
const std::string& owner_of(const Who&);

/// The body of a request, for the schema's version that is spoken.
using Body = std::function<std::string(Version)>;

class EwsBackend final : public Backend {
 public:
  EwsBackend(Host&, Settings);
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override;
  std::unique_ptr<Watch> watch(Hints&) override;
  Result<void> test(const Call&) override;

  Host& host() { return host_; }
  const Settings& settings() const { return settings_; }
  std::string where() const { return settings_.url.host.empty() ? "Exchange" : settings_.url.place(); }
  /// Law 9 before anything is begun.
  Result<void> in_time(const Call&) const;
  Batch& batch() { return batch_; }
  /// The server failed at this item, asked for alone; true: for the third time.
  bool given_up(const Bytes& item);

  /// One request; its answer goes into `answer` as it comes. Faults: those of the way, and a SOAP fault's.
  Result<web::Response> ask(const Call&, const Who&, const Body&, Answer& answer, const http::Fields& more = {});
  /// A request whose answer has no end: its octets go into `sink`. It takes no place among the others.
  Result<web::Response> stream(const Call&, const Who&, const std::string& body, const http::Fields&, web::Sink);
  /// The response messages of an operation, each an element; faults in them are the caller's to see.
  /// `octets`: most of one of them; more is too_large.
  Result<std::vector<xml::Element>> messages(const Call&, const Who&, std::string_view operation, const Body&,
                                             std::uint64_t octets = 96U << 20);
  /// Of an operation with one thing: its response message, which is a success.
  Result<xml::Element> one(const Call&, const Who&, std::string_view operation, const Body&);
  /// What a response message's trouble means; if the server wants peace it will have it.
  Fault fault(const Trouble&, const Who&);
  /// The same of a stream, which takes no place among the requests.
  Fault stream_fault(const Trouble&, const Who&);
  /// One account acts for all users; else each has a login of his own.
  bool acts_for_all() const { return settings_.auth == Auth::impersonation || settings_.auth == Auth::token; }
  /// Where that mailbox is; blocks where Autodiscover has to be asked.
  Result<Place> place(const Call&, const Who&);
  /// It is said not to be there any more.
  void moved(const Who&);

 private:
  web::Request request(const Who&, web::Url, web::Login, const std::string& body, const http::Fields&) const;
  std::string identity(const Who&) const;  ///< whose token it is
  Result<web::Login> login(const Call&, const Who&);
  Result<web::Response> once(const Call&, const Who&, const Body&, Answer&, const http::Fields&);
  Result<web::Response> send(const Call&, const Who&, const Body&, Answer&, const http::Fields&);
  Host& host_;
  const Settings settings_;
  web::Client client_;
  Places places_;
  token::Tokens tokens_;
  Gate gate_;
  Batch batch_;
  std::atomic<Version> version_;
  std::mutex failing_mutex_;
  std::map<Bytes, int> failing_;
};

}  // namespace tidegate::ews
