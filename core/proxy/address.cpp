// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/address.hpp"

#include <charconv>
#include <memory>

#include <curl/curl.h>

namespace tidegate::proxy {
namespace {

constexpr const char* must_be = "must be http://host:port, or none";

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK || text == nullptr) return {};
  const std::unique_ptr<char, decltype(&curl_free)> hold(text, &curl_free);
  return text;
}

/// Null: no URL.
Url read(const std::string& text) {
  const auto whole = text.find("://") == std::string::npos ? "http://" + text : text;
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, whole.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) return {};
  return url;
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
  const auto url = read(text);
  const auto host = url ? part(url.get(), CURLUPART_HOST) : std::string();
  if (host.empty()) return fault(FaultKind::invalid, "proxy", "it is no address");
  if (const auto scheme = part(url.get(), CURLUPART_SCHEME); scheme != "http")
    return fault(FaultKind::unsupported, "proxy", "proxies of the kind " + scheme + " are not supported");
  if (const auto path = part(url.get(), CURLUPART_PATH);
      (!path.empty() && path != "/") || !part(url.get(), CURLUPART_QUERY).empty())
    return fault(FaultKind::invalid, "proxy", "nothing may stand behind the port");
  Address address{host, 80, part(url.get(), CURLUPART_USER, CURLU_URLDECODE),
                  part(url.get(), CURLUPART_PASSWORD, CURLU_URLDECODE)};
  if (host.starts_with('[')) address.host = host.substr(1, host.size() - 2);
  if (const auto port = part(url.get(), CURLUPART_PORT); !port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc() || end != port.data() + port.size() || address.port == 0)
      return fault(FaultKind::invalid, "proxy", "the port is from 1 to 65535");
  }
  return address;
}

std::string place_of(const std::string& host, std::uint16_t port) {
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string check_setting(std::string_view given) {
  if (given.empty() || given == "none") return {};
  const std::string text(given);
  const auto address = parse_address(text);
  if (!address) return must_be + (" (" + address.error().text + ")");
  if (!address->user.empty() || !address->password.empty())
    return std::string(must_be) + " (user and password have settings of their own)";
  const auto url = read(text);
  return part(url.get(), CURLUPART_PORT).empty() ? must_be : "";
}

}  // namespace tidegate::proxy
