// SPDX-License-Identifier: Apache-2.0
#include "core/link/url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace tidegate::link {
namespace {

constexpr std::size_t most_octets = 2048;

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address(std::string_view host) {
  return host.find(':') != std::string_view::npos || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool take_host(std::string_view& rest, Url& url) {
  std::size_t end = 0;
  if (rest.starts_with('[')) {  // RFC 3986 §3.2.2
    end = rest.find(']');
    if (end == std::string_view::npos) return false;
    url.host = rest.substr(1, end++ - 1);
    if (url.host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string::npos) return false;
  } else {
    end = rest.find_first_of(":/?#");
    url.host = rest.substr(0, end);
    if (end == std::string_view::npos) end = rest.size();
  }
  std::ranges::transform(url.host, url.host.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const bool bracketed = rest.starts_with('[');
  rest.remove_prefix(end);
  if (url.host.empty() || url.host.size() > 253 || url.host.starts_with('.')) return false;
  return bracketed || std::ranges::all_of(url.host, is_host_character);
}

std::optional<Url> parse(std::string_view text) {
  Url url;
  constexpr std::string_view scheme = "https://";
  if (text.size() > most_octets || text.size() < scheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((text[i] | (i < 5 ? 0x20 : 0)) != scheme[i]) return std::nullopt;
  text.remove_prefix(scheme.size());
  if (!take_host(text, url)) return std::nullopt;
  if (text.starts_with(':')) {
    const auto end = std::min(text.find('/'), text.size());
    const auto port = parse_port(text.substr(1, end - 1));
    if (!port) return std::nullopt;
    url.port = *port;
    text.remove_prefix(end);
  }
  if (!text.empty() && !text.starts_with('/')) return std::nullopt;
  // Nothing that could break out of a request line, no fragment.
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '#' && c != '\\'; }))
    return std::nullopt;
  if (!text.empty()) url.path = text;
  return url;
}

}  // namespace

std::string Url::authority() const {
  const auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == 443 ? name : fmt::format("{}:{}", name, port);
}

Result<Url> parse_relay(std::string_view text) {
  auto url = parse(text);
  if (!url || url->path != "/")
    return fault(
        FaultKind::invalid, "relay",
        "The relay's address must be https://host or https://host:port; correct relay = in the configuration.");
  return *std::move(url);
}

Result<Url> parse_below(const Url& relay, std::string_view name, std::string_view text) {
  auto url = parse(text);
  if (!url)
    return fault(FaultKind::invalid, relay.authority(),
                 fmt::format("The relay names no usable {}; its operator should look at public_url.", name));
  const bool below = !is_address(relay.host) && url->host.size() > relay.host.size() + 1 &&
                     url->host.ends_with(relay.host) && url->host[url->host.size() - relay.host.size() - 1] == '.';
  if (url->host != relay.host && !below)
    return fault(FaultKind::denied, relay.authority(),
                 fmt::format("The relay names {} as its {}, which is not at {} or below it, so it was not contacted; "
                             "correct relay = here or public_url at the relay.",
                             url->host, name, relay.host));
  return *std::move(url);
}

}  // namespace tidegate::link
