// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/route.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/proxy/address.hpp"
#include "core/proxy/refusal.hpp"

namespace tidegate::proxy {
namespace {
using testing::HasSubstr;
using testing::Not;

constexpr const char* relay = "relay.example.net";

TEST(AddressTest, as_people_write_it) {
  auto address = parse_address("http://webproxy.example.com:3128");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "webproxy.example.com");
  EXPECT_EQ(address->port, 3128);
  EXPECT_EQ(parse_address("webproxy:8080")->port, 8080);
  EXPECT_EQ(parse_address("webproxy")->port, 80);
  EXPECT_EQ(parse_address("http://[2001:db8::1]:3128/")->host, "2001:db8::1");
  address = parse_address("http://DOM%5Canna:p%40ss%3Aword@webproxy:3128");
  EXPECT_EQ(address->user, "DOM\\anna");
  EXPECT_EQ(address->password, "p@ss:word");
}

TEST(AddressTest, others_are_refused_without_repeating_them) {
  for (const auto* text : {"", "http://", "http://web proxy:3128", "http://webproxy:99999", "http://webproxy:0",
                           "http://webproxy:3128/path", "http://anna:geheim@webproxy:x"}) {
    const auto address = parse_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_THAT(address.error().text, Not(HasSubstr("geheim")));
  }
  for (const auto* text : {"https://webproxy:3128", "socks5://webproxy:1080"})
    EXPECT_EQ(parse_address(text).error().kind, FaultKind::unsupported) << text;
}

TEST(AddressTest, what_a_setting_may_say) {
  for (const auto* fine : {"", "none", "http://webproxy:3128", "webproxy:3128", "http://[::1]:3128"})
    EXPECT_EQ(check_setting(fine), "") << fine;
  for (const auto* wrong : {"http://webproxy", "socks5://webproxy:1080", "off!", "http://anna:geheim@webproxy:3128"}) {
    EXPECT_THAT(check_setting(wrong), HasSubstr("must be http://host:port")) << wrong;
    EXPECT_THAT(check_setting(wrong), Not(HasSubstr("geheim")));
  }
}

struct RouteTest : testing::Test {
  Wish wish{.named_by = "proxy in [link]", .credentials_by = "proxy_user and proxy_password_file"};
  Environment around{"http://anna:geheim@outside:8080", "https_proxy", "example.org"};

  std::optional<sim::Proxy> way(const std::string& host = relay) {
    auto found = route(wish, around)(host, 443);
    EXPECT_TRUE(found) << found.error().text;
    return found ? *found : std::nullopt;
  }
};

TEST_F(RouteTest, the_environment_where_the_settings_name_none) {
  auto via = way();
  ASSERT_TRUE(via);
  EXPECT_EQ(via->host, "outside");
  EXPECT_EQ(via->user, "anna");
  EXPECT_EQ(via->password, "geheim");
  EXPECT_EQ(via->named_by, "https_proxy");
  EXPECT_EQ(via->credentials_by, "https_proxy");
  EXPECT_FALSE(way("relay.example.org"));
  around = {};
  EXPECT_FALSE(way());
}

TEST_F(RouteTest, the_settings_before_the_environment) {
  wish.address = "http://inside:3128";
  auto via = way();
  ASSERT_TRUE(via);
  EXPECT_EQ(via->host, "inside");
  EXPECT_EQ(via->user, "");
  EXPECT_EQ(via->named_by, "proxy in [link]");
  EXPECT_TRUE(way("relay.example.org"));  // the environment's no_proxy belongs to the environment's proxy
  wish.no_proxy = "example.net";
  EXPECT_FALSE(way());
  wish.address = "none";
  EXPECT_FALSE(way("relay.example.com"));
}

TEST_F(RouteTest, own_exceptions_and_credentials_for_the_environments_proxy) {
  wish.no_proxy = "example.net";
  EXPECT_FALSE(way());
  EXPECT_TRUE(way("relay.example.org"));
  wish = {.user = "bob", .password = [] { return Bytes("his"); }, .named_by = {}, .credentials_by = {}};
  EXPECT_EQ(way()->user, "bob");
  EXPECT_EQ(way()->password, "his");
}

TEST_F(RouteTest, the_password_is_read_at_each_dial_and_only_then) {
  int read = 0;
  wish.address = "http://inside:3128";
  wish.password = [&] { return Bytes("number " + std::to_string(++read)); };
  EXPECT_EQ(way()->password, "");
  wish.user = "anna";
  EXPECT_TRUE(*choose(wish, around, relay, 443));
  EXPECT_EQ(shown(wish, around, relay, 443), "http://inside:3128 (proxy in [link])");
  EXPECT_EQ(read, 0);
  const auto asked = route(wish, around);
  EXPECT_EQ((**asked(relay, 443)).password, "number 1");
  EXPECT_EQ((**asked(relay, 443)).password, "number 2");
  wish.password = []() -> Result<Bytes> { return fault(FaultKind::denied, "file", "cannot be read"); };
  const auto failed = route(wish, around)(relay, 443);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().text, "cannot be read");
}

TEST_F(RouteTest, shown_without_user_and_password) {
  EXPECT_EQ(shown(wish, around, relay, 443), "http://outside:8080 (https_proxy)");
  EXPECT_EQ(shown(wish, around, "example.org", 443), "none");
  around.address = "socks5://anna:geheim@outside:1080";
  const auto text = shown(wish, around, relay, 443);
  EXPECT_THAT(text, HasSubstr("https_proxy"));
  EXPECT_THAT(text, HasSubstr("socks5 are not supported"));
  EXPECT_THAT(text, Not(HasSubstr("geheim")));
  EXPECT_FALSE(route(wish, around)(relay, 443));  // never past it
}

struct EnvironmentTest : testing::Test {
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const auto* name : {"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) ::unsetenv(name);
  }
};

TEST_F(EnvironmentTest, small_letters_before_capitals) {
  EXPECT_EQ(environment().address, "");
  ::setenv("HTTPS_PROXY", "http://capital:1", 1);
  ::setenv("NO_PROXY", "capital.example", 1);
  auto around = environment();
  EXPECT_EQ(around.address, "http://capital:1");
  EXPECT_EQ(around.named_by, "HTTPS_PROXY");
  EXPECT_EQ(around.no_proxy, "capital.example");
  ::setenv("https_proxy", "", 1);
  EXPECT_EQ(environment().address, "http://capital:1");
  ::setenv("https_proxy", "http://small:1", 1);
  ::setenv("no_proxy", "small.example", 1);
  around = environment();
  EXPECT_EQ(around.address, "http://small:1");
  EXPECT_EQ(around.named_by, "https_proxy");
  EXPECT_EQ(around.no_proxy, "small.example");
}

TEST(RefusalTest, each_status_has_its_sentence) {
  const sim::Proxy via{"webproxy", 3128, "anna", "geheim", "proxy in [link]", "proxy_user"};
  struct Row {
    unsigned status;
    FaultKind kind;
    const char* says;
  };
  for (const auto& row : {Row{403, FaultKind::denied, "forbids connections to relay:443 (403)"},
                          Row{502, FaultKind::unavailable, "does not reach relay:443 (502)"},
                          Row{503, FaultKind::unavailable, "does not reach relay:443 (503)"},
                          Row{504, FaultKind::unavailable, "does not reach relay:443 (504)"},
                          Row{405, FaultKind::unavailable, "answers CONNECT to relay:443 with status 405"},
                          Row{302, FaultKind::unavailable, "with status 302"}}) {
    const auto fault = refusal(via, "relay:443", {.status = row.status, .heard = true});
    EXPECT_EQ(fault.kind, row.kind);
    EXPECT_THAT(fault.text, HasSubstr(row.says));
    EXPECT_THAT(fault.text, HasSubstr("webproxy:3128"));
    EXPECT_THAT(fault.text, Not(HasSubstr("geheim")));
  }
}

}  // namespace
}  // namespace tidegate::proxy
