// SPDX-License-Identifier: Apache-2.0
#include "core/token/endpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/json.hpp>
#include <boost/url.hpp>
#include <fmt/format.h>

#include "core/http/message.hpp"
#include "core/tls/blocking.hpp"

namespace tidegate::token {
namespace {

namespace json = boost::json;

constexpr std::string_view where = "token endpoint";
constexpr std::uint64_t answer_most = 64 * 1024;

std::unexpected<Fault> failed(FaultKind kind, std::string text) {
  return fault(kind, std::string(where), std::move(text));
}

/// One answer, whole.
class Answer final : public http::MessageEvents {
 public:
  http::ResponseParser parser;
  std::string body;
  bool complete_ = false;
  unsigned status = 0;
  std::string retry_after;

  void head() override {
    parser.body_limit(answer_most);
    status = parser.head().status;
    if (const auto* said = parser.head().fields.find("Retry-After")) retry_after = *said;
  }
  void body(Octets part) override { body.append(reinterpret_cast<const char*>(part.data()), part.size()); }
  void complete() override { complete_ = true; }
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

/// The error code, if it is one of ours to name (RFC 6749 §5.2): nothing else of the body is shown.
std::string_view error_of(std::string_view code) {
  for (const std::string_view known : {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                                       "unsupported_grant_type", "invalid_scope"})
    if (code == known) return known;
  return "no code it should have";
}

Result<Granted> refused(unsigned status, std::string_view retry_after, const json::object& answer) {
  if (status == 429 || status >= 500) {
    auto busy = failed(status == 429 ? FaultKind::throttled : FaultKind::unavailable,
                       "The token endpoint is busy or broken; it is asked again later.");
    std::uint32_t seconds = 0;
    std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
    if (seconds != 0) busy.error().kind = FaultKind::throttled;
    busy.error().retry_after = std::chrono::seconds(seconds);
    return busy;
  }
  const auto code = error_of(text_of(answer, "error"));
  if (status == 400 || status == 401 || status == 403)
    return failed(FaultKind::auth,
                  fmt::format("The token endpoint refuses this client or its grant ({}); give it new ones.", code));
  return failed(FaultKind::invalid, fmt::format("The token endpoint answered with HTTP status {}.", status));
}

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

std::string form_of(const Request& request) {
  std::string form;
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    form += fmt::format("{}{}=", form.empty() ? "" : "&", name);
    for (const char c : value) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                         c == '.' || c == '_' || c == '~';
      form += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  };
  add("grant_type", request.refresh_token.empty() ? "client_credentials" : "refresh_token");
  add("refresh_token", request.refresh_token);
  add("client_id", request.client_id);
  add("client_secret", request.client_secret);
  add("scope", request.scope);
  return form;
}

Result<Granted> read_answer(unsigned status, std::string_view retry_after, std::string_view body) {
  boost::system::error_code broken;
  json::parse_options strict;
  strict.max_depth = 8;
  const auto value = json::parse(json::string_view(body.data(), body.size()), broken, {}, strict);
  const json::object nothing;
  const auto& answer = !broken && value.is_object() ? value.get_object() : nothing;
  if (status != 200) return refused(status, retry_after, answer);
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
  auto head = http::serialise_request(
      "POST", endpoint.path,
      {{"Host", endpoint.port == 443 ? endpoint.host : fmt::format("{}:{}", endpoint.host, endpoint.port)},
       {"Content-Type", "application/x-www-form-urlencoded"},
       {"Accept", "application/json"},
       {"Content-Length", std::to_string(form.size())},
       {"Connection", "close"}});
  if (!head) return std::unexpected(head.error());
  auto connection =
      tls::connect_blocking({.host = endpoint.host, .port = endpoint.port, .ca_file = endpoint.ca_file}, call);
  if (!connection) return std::unexpected(connection.error());
  const auto octets = *head + form;
  if (auto written = (*connection)->write(std::as_bytes(std::span(octets)), call); !written)
    return std::unexpected(written.error());
  Answer answer;
  std::array<std::byte, 4096> part;
  while (!answer.complete_) {
    const auto got = (*connection)->read(part, call);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) {
      if (auto ended = answer.parser.end(answer); !ended) return std::unexpected(ended.error());
      break;
    }
    const auto used = answer.parser.feed(std::span<const std::byte>(part).first(*got), answer);
    if (!used) return std::unexpected(used.error());
  }
  if (!answer.complete_) return failed(FaultKind::unavailable, "The token endpoint closed before its answer was whole.");
  return read_answer(answer.status, answer.retry_after, answer.body);
}

}  // namespace tidegate::token
