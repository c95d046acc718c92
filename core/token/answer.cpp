// SPDX-License-Identifier: Apache-2.0
// What token endpoints and device authorization endpoints answer. Pure.
#include <algorithm>
#include <charconv>
#include <optional>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "core/token/device_code.hpp"
#include "core/token/endpoint.hpp"

namespace tidegate::token {
namespace {

namespace json = boost::json;

constexpr std::string_view where = "token endpoint";

std::unexpected<Fault> failed(FaultKind kind, std::string text) {
  return fault(kind, std::string(where), std::move(text));
}

std::string_view text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

/// A number; some servers say it as a string.
std::chrono::seconds seconds_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
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

// RFC 8628 §3.5: what answers to a device code mean.
std::optional<Fault> of_device_code(std::string_view code) {
  const auto made = [&](FaultKind kind, std::string_view text) {
    return Fault{kind, std::string(where), std::string(text), std::string(code), {}};
  };
  if (code == "authorization_pending" || code == "slow_down")
    return made(FaultKind::throttled, "Nobody has entered the code yet.");
  if (code == "access_denied")
    return made(FaultKind::denied,
                "Access was refused by whoever entered the code: begin again if that was a mistake.");
  if (code == "expired_token")
    return made(FaultKind::denied, "The code was not entered in time: begin again, and enter the new one.");
  return std::nullopt;
}

// RFC 6749 §5.2. A refusal counts as one only with a code of these: what stands in between (a proxy, a load balancer)
// says 400 and 403 as well, and would stop every account.
Fault refused(unsigned status, std::string_view retry_after, std::string_view code) {
  if (status == 429 || status >= 500 || code == "temporarily_unavailable" || code == "server_error") {
    const auto pause = pause_of(retry_after);
    return {status == 429 || pause.count() > 0 ? FaultKind::throttled : FaultKind::unavailable,
            std::string(where),
            "The token endpoint is busy or broken; it is asked again later.",
            {},
            pause};
  }
  if (auto told = of_device_code(code)) return std::move(*told);
  for (const std::string_view known : {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
                                       "unsupported_grant_type", "invalid_scope"})
    if (code == known)
      return {FaultKind::auth,
              std::string(where),
              fmt::format("The token endpoint refuses this client or its grant ({}): check token_client_id, the "
                          "client's secret or key, token_scope and what the client is allowed there.",
                          known),
              std::string(known),
              {}};
  return {FaultKind::invalid,
          std::string(where),
          fmt::format("The token endpoint answered with HTTP status {} and no known error: check its address.", status),
          {},
          {}};
}

/// The body's object; empty if it is none.
json::object object_of(std::string_view body) {
  boost::system::error_code broken;
  json::parse_options strict;
  strict.max_depth = 8;
  auto value = json::parse(json::string_view(body.data(), body.size()), broken, {}, strict);
  return !broken && value.is_object() ? std::move(value.get_object()) : json::object();
}

/// What a person is to read and type: printable ASCII only.
bool showable(std::string_view text) {
  return !text.empty() && text.size() <= 1000 &&
         std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

Result<Granted> read_answer(unsigned status, std::string_view retry_after, std::string_view body) {
  const auto answer = object_of(body);
  if (status != 200) return std::unexpected(refused(status, retry_after, text_of(answer, "error")));
  Granted granted;
  granted.access.text = text_of(answer, "access_token");
  granted.access.good_for = seconds_of(answer, "expires_in");
  granted.refresh_token = text_of(answer, "refresh_token");
  if (!is_token(granted.access.text))
    return failed(FaultKind::invalid, "The token endpoint's answer holds no access token.");
  if (!granted.refresh_token.empty() && !is_token(granted.refresh_token))
    return failed(FaultKind::invalid, "The token endpoint's new refresh token cannot be kept.");
  return granted;
}

// RFC 8628 §3.2; "verification_url" is what some said before it was one.
Result<DeviceCode> read_device_code(const Answer& answer) {
  const auto said = object_of(answer.body);
  if (answer.status != 200) return std::unexpected(refused(answer.status, answer.retry_after, text_of(said, "error")));
  DeviceCode code;
  code.device_code = text_of(said, "device_code");
  code.user_code = text_of(said, "user_code");
  code.verification_uri = text_of(said, "verification_uri");
  if (code.verification_uri.empty()) code.verification_uri = text_of(said, "verification_url");
  code.good_for = seconds_of(said, "expires_in");
  if (const auto interval = seconds_of(said, "interval"); interval.count() > 0) code.interval = interval;
  if (!is_token(code.device_code) || !showable(code.user_code) || !showable(code.verification_uri) ||
      code.good_for.count() == 0)
    return failed(FaultKind::invalid, "The answer holds no code to enter: check token_device_endpoint.");
  return code;
}

}  // namespace tidegate::token
