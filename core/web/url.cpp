// SPDX-License-Identifier: Apache-2.0
#include "core/web/url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <memory>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

namespace tidegate::web {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::unexpected<Fault> wrong(std::string text) { return fault(FaultKind::invalid, {}, std::move(text)); }

std::string part(const Handle& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK || text == nullptr) return {};
  std::string made(text);
  curl_free(text);
  return made;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string small(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

Result<Url> taken(const Handle& url) {
  Url made;
  made.scheme = small(part(url, CURLUPART_SCHEME));
  made.host = small(part(url, CURLUPART_HOST));
  if (made.scheme != "https" && made.scheme != "http") return wrong("must be https://host[:port]/path");
  if (made.host.starts_with('[') && made.host.ends_with(']')) made.host = made.host.substr(1, made.host.size() - 2);
  if (made.host.empty()) return wrong("must name a host");
  if (!part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty())
    return wrong("must hold no user and no password");
  made.port = made.scheme == "https" ? 443 : 80;
  if (const auto port = part(url, CURLUPART_PORT); !port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), made.port);
    if (error != std::errc{} || end != port.data() + port.size() || made.port == 0)
      return wrong("must have a port from 1 to 65535");
  }
  made.target = part(url, CURLUPART_PATH);
  if (made.target.empty()) made.target = "/";
  if (const auto query = part(url, CURLUPART_QUERY); !query.empty()) made.target += "?" + query;
  return made;
}

/// As it may stand in a request's first line.
std::string sendable(std::string_view text) {
  std::string made;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > 0x20 && octet < 0x7F)
      made += c;
    else
      made += fmt::format("%{:02X}", octet);
  }
  return made;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Url::place() const { return (host.contains(':') ? "[" + host + "]" : host) + ":" + std::to_string(port); }

std::string Url::origin() const {
  const bool usual = port == (scheme == "https" ? 443 : 80);
  const auto name = host.contains(':') ? "[" + host + "]" : host;
  return scheme + "://" + (usual ? name : place());
}

bool Url::same_origin(const Url& other) const {
  return scheme == other.scheme && host == other.host && port == other.port;
}

Result<Url> parse_url(std::string_view text) {
  const Handle url(curl_url(), &curl_url_cleanup);
  if (!url || text.size() > 8192 || curl_url_set(url.get(), CURLUPART_URL, sendable(text).c_str(), 0) != CURLUE_OK)
    return wrong("must be https://host[:port]/path");
  return taken(url);
}

Result<Url> resolve(const Url& base, std::string_view reference) {
  const auto from = reference.find_first_not_of(" \t\r\n");
  if (from == reference.npos) return wrong("names nothing");
  reference = reference.substr(from, reference.find_last_not_of(" \t\r\n") - from + 1);
  const Handle url(curl_url(), &curl_url_cleanup);
  if (!url || reference.size() > 8192 || curl_url_set(url.get(), CURLUPART_URL, base.text().c_str(), 0) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, sendable(reference).c_str(), 0) != CURLUE_OK)
    return wrong("is no address that can be followed");
  return taken(url);
}

std::string encoded(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (unreserved(c))
      made += c;
    else
      made += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return made;
}

std::string decoded(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? hex(text[at + 1]) : -1;
    const int low = high >= 0 ? hex(text[at + 2]) : -1;
    if (low >= 0) {
      made += static_cast<char>(high * 16 + low);
      at += 2;
    } else {
      made += text[at];
    }
  }
  return made;
}

std::vector<std::string> host_list(std::string_view text) {
  std::vector<std::string> made;
  std::string word;
  for (const char c : std::string(text) + ' ') {
    if (c != ' ' && c != '\t' && c != ',') {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      made.push_back(std::exchange(word, {}));
    }
  }
  return made;
}

bool is_named(const std::vector<std::string>& hosts, std::string_view host) {
  return std::ranges::any_of(hosts, [&](const std::string& each) {
    return each.starts_with('.') ? host.ends_with(each) || host == std::string_view(each).substr(1) : host == each;
  });
}

}  // namespace tidegate::web
