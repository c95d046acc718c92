// SPDX-License-Identifier: Apache-2.0
#include "core/token/endpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stop_token>
#include <system_error>

#include <boost/json.hpp>
#include <boost/url.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/http/message.hpp"
#include "core/proxy/address.hpp"
#include "core/proxy/network.hpp"
#include "core/proxy/route.hpp"

namespace tidegate::token {
namespace {

namespace json = boost::json;

constexpr std::string_view where = "token endpoint";
constexpr std::uint64_t answer_most = 64 * 1024;

std::unexpected<Fault> failed(FaultKind kind, std::string text) {
  return fault(kind, std::string(where), std::move(text));
}

/// One request on one stream, and its answer, whole.
class Exchange final : public http::MessageEvents, public sim::StreamEvents {
 public:
  explicit Exchange(std::string octets) : unsent_(std::move(octets)) {}

  void take(Result<std::unique_ptr<sim::Stream>> dialled) {
    if (!dialled) return end(std::unexpected(std::move(dialled.error())));
    stream_ = std::move(*dialled);
    stream_->events(this);
    writable();
    readable();
  }
  bool over() const { return outcome_.has_value(); }
  Result<Granted> outcome() { return std::move(*outcome_); }

 private:
  void writable() override {
    while (!over() && !unsent_.empty()) {
      const auto io = stream_->write(std::as_bytes(std::span(unsent_)));
      if (io.state == sim::IoState::failed) return end(std::unexpected(stream_->fault()));
      if (io.state != sim::IoState::ok) return;
      unsent_.erase(0, io.octets);
    }
  }
  void readable() override {
    std::array<std::byte, 4096> part;
    while (!over()) {
      const auto io = stream_->read(part);
      if (io.state == sim::IoState::again) return;
      if (io.state == sim::IoState::failed) return end(std::unexpected(stream_->fault()));
      if (io.state == sim::IoState::end) {
        if (auto ended = parser_.end(*this); !ended) return end(std::unexpected(std::move(ended.error())));
        if (!over())
          end(failed(FaultKind::unavailable,
                     "The token endpoint closed before its answer was whole; it is asked again."));
        return;
      }
      if (auto used = parser_.feed(std::span<const std::byte>(part).first(io.octets), *this); !used)
        return end(std::unexpected(std::move(used.error())));
    }
  }
  void head() override {
    parser_.body_limit(answer_most);
    status_ = parser_.head().status;
    if (const auto* said = parser_.head().fields.find("Retry-After")) retry_after_ = *said;
  }
  void body(Octets part) override { body_.append(reinterpret_cast<const char*>(part.data()), part.size()); }
  void complete() override {
    if (status_ >= 200) end(read_answer(status_, retry_after_, body_));  // 1xx: the answer is yet to come
  }
  void end(Result<Granted> outcome) {
    if (!over()) outcome_ = std::move(outcome);
  }

  std::string unsent_, body_, retry_after_;
  unsigned status_ = 0;
  http::ResponseParser parser_;
  std::unique_ptr<sim::Stream> stream_;
  std::optional<Result<Granted>> outcome_;
};

std::string_view text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

/// expires_in is a number; some servers say it as a string.
std::chrono::seconds life_of(const json::object& object) {
  const auto* value = object.if_contains("expires_in");
  std::int64_t seconds = 0;
  if (value == nullptr) return {};
  if (value->is_int64()) seconds = value->get_int64();
  if (value->is_string()) {
    const std::string_view text = value->get_string();
    std::from_chars(text.data(), text.data() + text.size(), seconds);
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, 365 * 24 * 3600));
}

// RFC 9110 §10.2.3: seconds; a date is taken for no word. Nobody is told to come back tomorrow.
std::chrono::seconds pause_of(std::string_view retry_after) {
  std::uint32_t seconds = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  return std::chrono::seconds(std::min<std::uint32_t>(seconds, 3600));
}

// RFC 6749 §5.2. A refusal counts as one only with a code of these: what stands in between (a proxy, a load balancer)
// says 400 and 403 as well, and would stop every account.
Result<Granted> refused(unsigned status, std::string_view retry_after, std::string_view code) {
  if (status == 429 || status >= 500 || code == "temporarily_unavailable" || code == "server_error") {
    const auto pause = pause_of(retry_after);
    auto busy = failed(status == 429 || pause.count() > 0 ? FaultKind::throttled : FaultKind::unavailable,
                       "The token endpoint is busy or broken; it is asked again later.");
    busy.error().retry_after = pause;
    return busy;
  }
  for (const std::string_view known : {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                                       "unsupported_grant_type", "invalid_scope"})
    if (code == known)
      return fault(FaultKind::auth, std::string(where),
                   fmt::format("The token endpoint refuses this client or its grant ({}): check token_client_id, the "
                               "client's secret, token_scope and what the client is allowed there.",
                               known),
                   std::string(known));
  return failed(
      FaultKind::invalid,
      fmt::format("The token endpoint answered with HTTP status {} and no known error: check its address.", status));
}

std::string encoded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

bool by_header(const Request& request) { return request.auth == ClientAuth::basic && !request.client_secret.empty(); }

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(url.data(), url.size()));
  const auto wrong = [] {
    return fault(FaultKind::invalid, std::string(where), "must be https://host[:port]/path, with nothing behind it");
  };
  if (!parsed || parsed->scheme_id() != boost::urls::scheme::https || parsed->host_name().empty() ||
      parsed->has_userinfo() || parsed->has_fragment())
    return wrong();
  Endpoint made;
  made.host = parsed->host_name();
  if (parsed->has_port()) made.port = parsed->port_number();
  if (made.port == 0) return wrong();
  const auto path = parsed->encoded_target();
  if (!path.empty()) made.path = std::string(path.data(), path.size());
  return made;
}

bool is_proxy(const std::string& setting) { return proxy::check_setting(setting).empty(); }

sim::Route route_by(const std::string& setting, const std::string& named_by) {
  return proxy::route({.address = setting, .named_by = named_by}, proxy::environment());
}

std::string form_of(const Request& request) {
  std::string form;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) form += fmt::format("{}{}={}", form.empty() ? "" : "&", name, encoded(value));
  };
  add("grant_type", request.refresh_token.empty() ? "client_credentials" : "refresh_token");
  add("refresh_token", request.refresh_token);
  if (!by_header(request)) {
    add("client_id", request.client_id);
    add("client_secret", request.client_secret);
  }
  add("scope", request.scope);
  return form;
}

std::string authorization_of(const Request& request) {
  if (!by_header(request)) return {};
  const auto both = encoded(request.client_id) + ":" + encoded(request.client_secret);
  std::string text(4 * ((both.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock ends it with a zero
  text.resize(static_cast<std::size_t>(::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                         reinterpret_cast<const unsigned char*>(both.data()),
                                                         static_cast<int>(both.size()))));
  return "Basic " + text;
}

Result<Granted> read_answer(unsigned status, std::string_view retry_after, std::string_view body) {
  boost::system::error_code broken;
  json::parse_options strict;
  strict.max_depth = 8;
  const auto value = json::parse(json::string_view(body.data(), body.size()), broken, {}, strict);
  const json::object nothing;
  const auto& answer = !broken && value.is_object() ? value.get_object() : nothing;
  if (status != 200) return refused(status, retry_after, text_of(answer, "error"));
  Granted granted;
  granted.access.text = text_of(answer, "access_token");
  granted.access.good_for = life_of(answer);
  granted.refresh_token = text_of(answer, "refresh_token");
  if (!is_token(granted.access.text))
    return failed(FaultKind::invalid, "The token endpoint's answer holds no access token.");
  if (!granted.refresh_token.empty() && !is_token(granted.refresh_token))
    return failed(FaultKind::invalid, "The token endpoint's new refresh token cannot be kept.");
  return granted;
}

Result<Granted> ask(const Endpoint& endpoint, const Request& request, const Call& call) {
  const auto form = form_of(request);
  const auto host = endpoint.host.contains(':') ? "[" + endpoint.host + "]" : endpoint.host;
  http::Fields fields{{"Host", endpoint.port == 443 ? host : fmt::format("{}:{}", host, endpoint.port)},
                      {"Content-Type", "application/x-www-form-urlencoded"},
                      {"Accept", "application/json"},
                      {"Content-Length", std::to_string(form.size())},
                      {"Connection", "close"}};
  if (auto who = authorization_of(request); !who.empty()) fields.add("Authorization", std::move(who));
  auto head = http::serialise_request("POST", endpoint.path, fields);
  if (!head) return std::unexpected(head.error());
  try {
    const auto world = proxy::real_world({.resolvers = 1});
    Exchange exchange(*head + form);
    const std::stop_callback wake(call.stop, [&] { world->stop(); });
    const auto dialing = world->network().dial(
        {.host = endpoint.host, .port = endpoint.port, .ca_file = endpoint.ca_file, .route = endpoint.route},
        call.deadline, [&](auto stream) { exchange.take(std::move(stream)); });
    world->run_until([&] { return exchange.over() || call.stop.stop_requested(); }, call.deadline - Clock::now());
    if (exchange.over()) return exchange.outcome();
  } catch (const std::system_error&) {
    return failed(FaultKind::unavailable,
                  "This process has no descriptors left to ask the token endpoint; raise its limit.");
  }
  return failed(FaultKind::cancelled, "The token endpoint did not answer in time; check the network and its address.");
}

}  // namespace tidegate::token
