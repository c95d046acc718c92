// SPDX-License-Identifier: Apache-2.0
#include "core/token/endpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <stop_token>
#include <system_error>

#include <boost/url.hpp>
#include <fmt/format.h>

#include "core/http/message.hpp"
#include "core/proxy/address.hpp"
#include "core/proxy/network.hpp"
#include "core/proxy/route.hpp"
#include "core/token/assertion.hpp"

namespace tidegate::token {
namespace {

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
  Result<Answer> outcome() { return std::move(*outcome_); }

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
    answer_.status = parser_.head().status;
    if (const auto* said = parser_.head().fields.find("Retry-After")) answer_.retry_after = *said;
  }
  void body(Octets part) override { answer_.body.append(reinterpret_cast<const char*>(part.data()), part.size()); }
  void complete() override {
    if (answer_.status >= 200) end(std::move(answer_));  // 1xx: the answer is yet to come
  }
  void end(Result<Answer> outcome) {
    if (!over()) outcome_ = std::move(outcome);
  }

  std::string unsent_;
  Answer answer_;
  http::ResponseParser parser_;
  std::unique_ptr<sim::Stream> stream_;
  std::optional<Result<Answer>> outcome_;
};

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
  made.url = url;
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
  const bool by_key = request.auth == ClientAuth::key;
  if (!request.device_code.empty())
    add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
  else if (!request.asks_device_code)
    add("grant_type", request.refresh_token.empty() ? "client_credentials" : "refresh_token");
  add("device_code", request.device_code);
  add("refresh_token", request.refresh_token);
  if (!by_header(request)) {
    add("client_id", request.client_id);
    add(by_key ? "client_assertion" : "client_secret", request.client_secret);
  }
  if (by_key) add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  add("scope", request.scope);
  return form;
}

std::string authorization_of(const Request& request) {
  if (!by_header(request)) return {};
  const auto both = encoded(request.client_id) + ":" + encoded(request.client_secret);
  return "Basic " + base64(both);
}

Result<Granted> ask(const Endpoint& endpoint, const Request& request, const Call& call) {
  auto answer = post(endpoint, request, call);
  if (!answer) return std::unexpected(std::move(answer.error()));
  return read_answer(answer->status, answer->retry_after, answer->body);
}

Result<Answer> post(const Endpoint& endpoint, const Request& request, const Call& call) {
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
