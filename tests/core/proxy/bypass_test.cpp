// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/bypass.hpp"

#include <gtest/gtest.h>

namespace tidegate::proxy {
namespace {

struct Row {
  const char* no_proxy;
  const char* host;
  bool direct;
  std::uint16_t port = 443;
};

TEST(BypassTest, names_suffixes_addresses_networks_ports) {
  const Row rows[] = {
      {"", "relay.example.com", false},
      {" , ,\t", "relay.example.com", false},
      {"*", "relay.example.com", true},
      {"*", "192.0.2.1", true},
      {"other.example, *", "relay.example.com", true},
      {"example.com", "example.com", true},
      {"example.com", "relay.example.com", true},
      {".example.com", "relay.example.com", true},
      {".example.com", "example.com", true},
      {"*.example.com", "relay.example.com", true},
      {"example.com", "notexample.com", false},
      {"example.com", "example.com.evil.net", false},
      {"relay.example.com", "example.com", false},
      {"EXAMPLE.com", "Relay.Example.COM", true},
      {"example.com.", "relay.example.com", true},
      {"example.com", "relay.example.com.", true},
      {"a.example b.example\tc.example", "b.example", true},
      {"a.example,b.example", "c.example", false},
      {".", "relay.example.com", false},
      {"*.", "relay.example.com", false},
      {"ex*mple.com", "example.com", false},
      {"localhost", "localhost", true},
      {"localhost", "127.0.0.1", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.70", false},
      {"2.7", "192.0.2.7", false},  // an address has no suffix
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/9", "10.128.0.1", false},
      {"192.0.2.8/31", "192.0.2.9", true},
      {"192.0.2.8/31", "192.0.2.10", false},
      {"192.0.2.7/32", "192.0.2.7", true},
      {"0.0.0.0/0", "198.51.100.1", true},
      {"0.0.0.0/0", "relay.example.com", false},
      {"192.0.2.0/33", "192.0.2.0", false},
      {"192.0.2.0/", "192.0.2.0", false},
      {"192.0.2.0/x", "192.0.2.0", false},
      {"192.0.2.0/-1", "192.0.2.0", false},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8:0::1", "2001:db8::1", true},
      {"[2001:db8::1]", "2001:db8::1", true},
      {"2001:db8::/32", "2001:db8:ffff::1", true},
      {"2001:db8::/32", "2001:db9::1", false},
      {"[2001:db8::]/32", "2001:db8::7", true},
      {"::/0", "192.0.2.7", false},
      {"[2001:db8::1", "2001:db8::1", false},
      {"example.com:443", "relay.example.com", true},
      {"example.com:443", "relay.example.com", false, 8443},
      {"192.0.2.0/24:443", "192.0.2.7", true},
      {"192.0.2.7:80", "192.0.2.7", false},
      {"[2001:db8::1]:443", "2001:db8::1", true},
      {"[2001:db8::1]:80", "2001:db8::1", false},
      {"example.com:", "example.com", false},
      {"example.com/24", "example.com", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(bypasses(row.no_proxy, row.host, row.port), row.direct) << row.no_proxy << " for " << row.host;
}

}  // namespace
}  // namespace tidegate::proxy
