// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/bypass.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

#include <arpa/inet.h>

namespace tidegate::proxy {
namespace {

struct Ip {
  std::array<unsigned char, 16> octets{};
  unsigned bits = 0;  ///< 32 or 128
};

std::optional<Ip> ip_of(std::string_view text) {
  const std::string zero_ended(text);
  Ip ip;
  if (::inet_pton(AF_INET, zero_ended.c_str(), ip.octets.data()) == 1)
    ip.bits = 32;
  else if (::inet_pton(AF_INET6, zero_ended.c_str(), ip.octets.data()) == 1)
    ip.bits = 128;
  if (ip.bits == 0) return std::nullopt;
  return ip;
}

std::optional<unsigned> number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool equal_bits(const Ip& a, const Ip& b, unsigned bits) {
  for (unsigned at = 0; at < bits; at += 8) {
    const auto left = std::min(8U, bits - at);
    const auto mask = static_cast<unsigned char>(0xff00U >> left);
    if (((a.octets[at / 8] ^ b.octets[at / 8]) & mask) != 0) return false;
  }
  return true;
}

struct Entry {
  std::string_view name, bits;
  std::optional<unsigned> port;
  bool broken = false;
};

/// name[/bits][:port], [address][/bits][:port], or an IPv6 address without brackets (then no port).
Entry parted(std::string_view text) {
  Entry entry;
  auto rest = std::string_view();
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    entry.broken = end == std::string_view::npos;
    if (entry.broken) return entry;
    entry.name = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const bool six = std::ranges::count(text, ':') > 1;
    const auto end = std::min(text.find_first_of(six ? "/" : "/:"), text.size());
    entry.name = text.substr(0, end);
    rest = text.substr(end);
  }
  if (rest.starts_with('/')) {
    const auto end = std::min(rest.find(':'), rest.size());
    entry.bits = rest.substr(1, end - 1);
    entry.broken = entry.bits.empty();
    rest.remove_prefix(end);
  }
  if (rest.starts_with(':')) {
    entry.port = number(rest.substr(1));
    entry.broken = entry.broken || !entry.port;
  } else {
    entry.broken = entry.broken || !rest.empty();
  }
  return entry;
}

bool names_address(const Entry& entry, const Ip& host) {
  const auto ip = ip_of(entry.name);
  if (!ip || ip->bits != host.bits) return false;
  if (entry.bits.empty()) return equal_bits(*ip, host, host.bits);
  const auto bits = number(entry.bits);
  return bits && *bits <= host.bits && equal_bits(*ip, host, *bits);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool names_host(const Entry& entry, std::string_view host) {
  if (!entry.bits.empty()) return false;
  auto name = lower(entry.name);
  if (name.starts_with("*.")) name.erase(0, 1);
  while (name.starts_with('.')) name.erase(0, 1);
  if (name.ends_with('.')) name.pop_back();
  if (name.empty()) return false;
  return host == name || (host.ends_with(name) && host[host.size() - name.size() - 1] == '.');
}

bool names(std::string_view text, std::string_view host, const std::optional<Ip>& ip, std::uint16_t port) {
  if (text == "*") return true;
  const auto entry = parted(text);
  if (entry.broken || (entry.port && *entry.port != port)) return false;
  return ip ? names_address(entry, *ip) : names_host(entry, host);
}

}  // namespace

bool bypasses(std::string_view no_proxy, std::string_view given, std::uint16_t port) {
  auto host = lower(given);
  if (host.ends_with('.')) host.pop_back();
  const auto ip = ip_of(host);
  constexpr std::string_view between = ", \t\r\n";
  for (;;) {
    const auto start = no_proxy.find_first_not_of(between);
    if (start == std::string_view::npos) return false;
    no_proxy.remove_prefix(start);
    const auto end = std::min(no_proxy.find_first_of(between), no_proxy.size());
    if (names(no_proxy.substr(0, end), host, ip, port)) return true;
    no_proxy.remove_prefix(end);
  }
}

}  // namespace tidegate::proxy
