// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/backend.hpp"

#include <algorithm>

#include "plugins/ews/session.hpp"
#include "plugins/ews/streams.hpp"

namespace tidegate::ews {
namespace {

/// A place behind the gate for the length of one request.
class Seat {
 public:
  explicit Seat(Gate& gate) : gate_(gate) {}
  ~Seat() { gate_.leave(); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

 private:
  Gate& gate_;
};

}  // namespace

const std::string& owner_of(const Who& who) { return who.shared.empty() ? who.user : who.shared; }

Who who_of(const Mailbox& box) {
  const auto& owner = box.mailbox.empty() ? box.user : box.mailbox;
  const auto& actor = box.actor.empty() ? owner : box.actor;
  return {actor, actor == owner ? std::string() : owner};
}

EwsBackend::EwsBackend(Host& host, Settings settings)
    : host_(host),
      settings_(std::move(settings)),
      client_({.ca_file = settings_.ca_file,
               .route = settings_.route,
               .connect_timeout = settings_.connect_timeout,
               .idle_connections = settings_.requests_at_once}),
      places_(settings_, host, client_),
      tokens_(token::fetch_by(settings_.token, [&host](std::string_view key) { return host.secret(key); }),
              std::chrono::duration_cast<std::chrono::seconds>(settings_.token.lifetime),
              settings_.auth == Auth::token ? token::Tokens::For::all : token::served_by(settings_.token)),
      gate_(settings_.requests_at_once),
      batch_(settings_.batch),
      version_(settings_.version) {}

std::string EwsBackend::identity(const Who& who) const {
  return settings_.auth == Auth::token ? std::string() : who.user;
}

Result<Place> EwsBackend::place(const Call& call, const Who& who) {
  if (!settings_.autodiscover || owner_of(who).empty()) return Place{settings_.url};
  auto login_ = login(call, who);
  if (!login_) return std::unexpected(login_.error());
  return places_.find(call, owner_of(who), *login_);
}

void EwsBackend::moved(const Who& who) { places_.doubt(owner_of(who), true); }

Result<web::Login> EwsBackend::login(const Call& call, const Who& who) {
  if (settings_.auth == Auth::token || settings_.auth == Auth::user_token) {
    auto token = tokens_.get(identity(who), host_.now(), call);
    if (!token) return std::unexpected(token.error());
    return web::Login{web::Login::Scheme::bearer, {}, std::move(*token)};
  }
  if (settings_.scheme == web::Login::Scheme::negotiate) return web::Login{.scheme = settings_.scheme};
  const bool own = settings_.auth == Auth::password_dir;
  auto secret = host_.secret(own ? "password/" + who.user : std::string("password"));
  if (!secret) {
    Fault missing = secret.error();
    missing.kind = FaultKind::auth;  // nothing to repeat until the file is there
    return std::unexpected(std::move(missing));
  }
  if (!own) return web::Login{settings_.scheme, settings_.admin, std::move(*secret)};
  return web::Login{settings_.scheme, settings_.local_part_login ? who.user.substr(0, who.user.find('@')) : who.user,
                    std::move(*secret)};
}

Fault EwsBackend::stream_fault(const Trouble& trouble, const Who& who) {
  auto made = fault_of(trouble, where());
  // EWS-05: what is sent while the server asks for peace prolongs it.
  if (trouble.deciding() == "ErrorProxyRequestNotAllowed") places_.doubt(owner_of(who), true);
  if (trouble.deciding() == "ErrorServerBusy") gate_.rest(who.user, host_.now(), made.retry_after);
  return made;
}

Fault EwsBackend::fault(const Trouble& trouble, const Who& who) {
  auto made = stream_fault(trouble, who);
  const auto code = trouble.deciding();
  if (code == "ErrorExceededConnectionCount" || code == "ErrorTooManyObjectsOpened") gate_.too_many();
  return made;
}

Result<web::Response> EwsBackend::ask(const Call& call, const Who& who, const Body& body, Answer& answer,
                                      const http::Fields& more) {
  for (;;) {
    const auto version = version_.load();
    auto done = once(call, who, body, answer, more);
    if (done || !answer.fault() || !wants_older_schema(answer.fault()->deciding())) return done;
    if (version == Version::exchange2010_sp2) return done;
    auto expected = version;
    version_.compare_exchange_strong(expected, static_cast<Version>(static_cast<std::uint8_t>(version) - 1));
    answer.again();
  }
}

Result<web::Response> EwsBackend::once(const Call& call, const Who& who, const Body& body, Answer& answer,
                                       const http::Fields& more) {
  if (auto on = in_time(call); !on) return std::unexpected(on.error());
  if (auto in = gate_.enter(call, who.user, host_.now(), where()); !in) return std::unexpected(in.error());
  const Seat seat(gate_);
  return send(call, who, body, answer, more);
}

web::Request EwsBackend::request(const Who& who, web::Url url, web::Login login_, const std::string& body,
                                 const http::Fields& more) const {
  web::Request made{.method = "POST",
                    .url = std::move(url),
                    .fields = more,
                    .login = std::move(login_),
                    .most = 512U << 20,
                    .redirects = 0};
  made.fields.add("Content-Type", "text/xml; charset=utf-8");
  made.fields.add("Accept", "text/xml");
  if (!owner_of(who).empty() && made.fields.find("X-AnchorMailbox") == nullptr)
    made.fields.add("X-AnchorMailbox", owner_of(who));
  made.body = envelope(version_, acts_for_all() ? who.user : std::string(), body);
  return made;
}

Result<web::Response> EwsBackend::stream(const Call& call, const Who& who, const std::string& body,
                                         const http::Fields& more, web::Sink sink) {
  auto login_ = login(call, who);
  if (!login_) return std::unexpected(login_.error());
  auto at = place(call, who);
  if (!at) return std::unexpected(at.error());
  auto asked = request(who, std::move(at->url), std::move(*login_), body, more);
  asked.most = UINT64_MAX;
  return client_.send(call, asked, std::move(sink));
}

Result<web::Response> EwsBackend::send(const Call& call, const Who& who, const Body& body, Answer& answer,
                                       const http::Fields& more) {
  for (bool again = true;; again = false) {
    auto login_ = login(call, who);
    if (!login_) return std::unexpected(login_.error());
    auto at = place(call, who);
    if (!at) return std::unexpected(at.error());
    auto response = client_.send(call, request(who, std::move(at->url), *login_, body(version_), more),
                                 [&answer](std::string_view piece) { return answer.feed(piece); });
    if (!response) {
      if (response.error().kind == FaultKind::unavailable) places_.doubt(owner_of(who), false);
      return response;
    }
    if (settings_.auth == Auth::token || settings_.auth == Auth::user_token) {
      const auto now = host_.now();
      if (response->status != 401)
        tokens_.accepted(identity(who), login_->secret, now);
      else if (again && tokens_.refused(identity(who), login_->secret, now))
        continue;
    }
    if (response->status / 100 == 3 || response->status == 404) places_.doubt(owner_of(who), false);
    const bool good = response->status / 100 == 2;
    // A fault may come with any status (fact 9); what is no XML is no answer of EWS.
    if (!good && response->body.find("Envelope") != std::string::npos) answer.feed(response->body);
    const auto whole = answer.finish();
    if (answer.fault()) return std::unexpected(fault(*answer.fault(), who));
    if (!good) {
      auto made = web::fault_of(*response, "asking the Exchange server");
      if (made.kind == FaultKind::throttled)
        gate_.rest({}, host_.now(), std::max<std::chrono::milliseconds>(made.retry_after, std::chrono::seconds(1)));
      return std::unexpected(std::move(made));
    }
    if (!whole) {
      Fault made = whole.error();
      made.where = where();
      if (made.kind == FaultKind::invalid)
        made.text = "The Exchange server's answer is not what EWS answers: " + made.text;
      return std::unexpected(std::move(made));
    }
    gate_.went_well();
    return response;
  }
}

Result<std::vector<xml::Element>> EwsBackend::messages(const Call& call, const Who& who, std::string_view operation,
                                                       const Body& body, std::uint64_t octets) {
  const auto name = std::string(operation) + "ResponseMessage";
  std::vector<xml::Element> found;
  Answer answer(
      {name},
      [&found](xml::Element&& element) -> Result<void> {
        found.push_back(std::move(element));
        return {};
      },
      octets);
  if (auto done = ask(call, who, body, answer); !done) return std::unexpected(done.error());
  if (found.empty())
    return tidegate::fault(FaultKind::invalid, where(),
                           "The Exchange server's answer has nothing of what was asked for.");
  return found;
}

Result<xml::Element> EwsBackend::one(const Call& call, const Who& who, std::string_view operation, const Body& body) {
  auto all = messages(call, who, operation, body);
  if (!all) return std::unexpected(all.error());
  if (const auto trouble = trouble_of(all->front())) return std::unexpected(fault(*trouble, who));
  return std::move(all->front());
}

Result<void> EwsBackend::in_time(const Call& call) const {
  if (!call.stop.stop_requested() && host_.now() < call.deadline) return {};
  return tidegate::fault(FaultKind::cancelled, where(), "The call was stopped or its time was over before it began.");
}

bool EwsBackend::given_up(const Bytes& item) {
  constexpr std::size_t remembered = 10'000;
  const std::lock_guard lock(failing_mutex_);
  if (failing_.size() >= remembered) failing_.clear();
  return ++failing_[item] >= 3;
}

Result<std::unique_ptr<Session>> EwsBackend::open(const Call& call, const Mailbox& box) {
  auto who = who_of(box);
  if (who.user.empty()) return tidegate::fault(FaultKind::not_found, where(), "A mailbox without a name is nobody's.");
  auto session = std::make_unique<EwsSession>(*this, std::move(who));
  if (auto known = session->look(call); !known) return std::unexpected(known.error());
  return session;
}

std::unique_ptr<Watch> EwsBackend::watch(Hints& hints) {
  return settings_.streaming ? std::make_unique<Streams>(*this, hints) : nullptr;
}

// Without a user there is nobody to act for: the account asks as itself, and may have no mailbox.
Result<void> EwsBackend::test(const Call& call) {
  if (settings_.url.host.empty()) {  // where mailboxes are is asked by their addresses
    if (!acts_for_all()) return {};
    auto known = login(call, {});
    return known ? Result<void>{} : std::unexpected(known.error());
  }
  if (!acts_for_all()) {
    Answer answer({"Envelope"}, [](xml::Element&&) -> Result<void> { return {}; });
    const web::Request request{.method = "GET", .url = settings_.url, .redirects = 0};
    auto response = client_.send(call, request);
    if (!response) return std::unexpected(response.error());
    if (response->status == 401 || response->status / 100 == 2) return {};
    return std::unexpected(web::fault_of(*response, "asking the Exchange server"));
  }
  auto found = one(call, Who{}, "ResolveNames", [](Version) { return resolve_names("postmaster"); });
  if (found || found.error().kind == FaultKind::not_found) return {};
  return std::unexpected(found.error());
}

}  // namespace tidegate::ews
