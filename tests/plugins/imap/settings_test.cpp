// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/settings.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;

Values with(Values more) {
  Values values = {{"host", "mail.example"}, {"admin", "gateway"}};
  for (auto& value : more) values.push_back(std::move(value));
  return values;
}

TEST(ImapSettings, defaultsAreEncrypted) {
  const auto s = parse_settings(with({}));
  ASSERT_TRUE(s);
  EXPECT_EQ(s->security, Security::implicit);
  EXPECT_EQ(s->port, 993);
  EXPECT_EQ(s->idle_lifetime, std::chrono::minutes(9));
  EXPECT_EQ(parse_settings(with({{"tls", "starttls"}}))->port, 143);
}

TEST(ImapSettings, theTablesDefaultsAreAccepted) {
  Values values = with({});
  for (const Setting& setting : settings_table()) {
    if (std::string_view(setting.key) != "host" && std::string_view(setting.key) != "admin") {
      values.emplace_back(setting.key, setting.fallback);
    }
  }
  const auto s = parse_settings(values);
  ASSERT_TRUE(s) << s.error().text;
}

TEST(ImapSettings, plaintextHasToBeSaid) {
  const auto refused = parse_settings(with({{"tls", "none"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().where, "tls");
  EXPECT_TRUE(parse_settings(with({{"tls", "none"}, {"allow_plaintext", "yes"}})));
}

TEST(ImapSettings, sendingIsAsCarefulAsReading) {
  EXPECT_EQ(parse_settings(with({{"smtp_host", "x"}}))->smtp.port, 465);
  EXPECT_EQ(parse_settings(with({{"smtp_host", "x"}, {"smtp_tls", "starttls"}}))->smtp.port, 587);
  EXPECT_EQ(parse_settings(with({{"smtp_host", "x"}, {"smtp_tls", "none"}})).error().where, "smtp_tls");
  EXPECT_EQ(parse_settings(with({{"smtp_host", "x"}, {"smtp_tls", "none"}, {"allow_plaintext", "yes"}}))->smtp.port,
            25);
}

TEST(ImapSettings, tokensComeFromOnePlace) {
  const Values endpoint = {
      {"auth", "token"}, {"token_endpoint", "https://idp.example:8443/t"}, {"token_client_id", "gw"}};
  const auto and_also = [&](Values more) {
    more.insert(more.begin(), endpoint.begin(), endpoint.end());
    return parse_settings(with(std::move(more)));
  };
  const auto s = and_also({{"token_client_auth", "post"}, {"refresh_token_dir", "/r"}, {"token_proxy", "none"}});
  ASSERT_TRUE(s) << s.error().text;
  ASSERT_TRUE(s->token.client);
  EXPECT_EQ(s->token.client->endpoint.host, "idp.example");
  EXPECT_EQ(s->token.client->endpoint.port, 8443);
  EXPECT_EQ(s->token.client->id, "gw");
  EXPECT_EQ(s->token.client->auth, token::ClientAuth::post);
  EXPECT_EQ(s->token.client->refresh_token_dir, "/r");
  EXPECT_FALSE(*s->token.client->endpoint.route("idp.example", 8443)) << "directly";
  EXPECT_EQ(and_also({{"token_command", "x"}}).error().where, "token_endpoint") << "which of the two?";
  EXPECT_EQ(and_also({{"token_proxy", "socks5://x"}}).error().where, "token_proxy");
  EXPECT_EQ(and_also({{"token_client_auth", "jwt"}}).error().where, "token_client_auth");
  EXPECT_EQ(parse_settings(with({{"auth", "token"}})).error().where, "token_endpoint");
  EXPECT_EQ(parse_settings(with({{"auth", "token"}, {"token_endpoint", "https://a/"}})).error().where,
            "token_client_id");
  EXPECT_EQ(parse_settings(with({{"auth", "token"}, {"token_endpoint", "http://a/"}, {"token_client_id", "g"}}))
                .error()
                .where,
            "token_endpoint")
      << "secrets go there";
}

TEST(ImapSettings, wrongValuesNameTheirKey) {
  for (const auto& [key, value] : Values{{"port", "0"},
                                         {"port", "70000"},
                                         {"port", "143x"},
                                         {"tls", "maybe"},
                                         {"auth", "magic"},
                                         {"idle_lifetime", "29m"},
                                         {"idle_lifetime", "9 parsecs"},
                                         {"flag_sweep", "0s"},
                                         {"login", "x"},
                                         {"allow_plaintext", "perhaps"},
                                         {"smtp_port", "0"},
                                         {"smtp_tls", "ssl"},
                                         {"smtp_size_most", "0"},
                                         {"hots", "x"}}) {
    const auto s = parse_settings(with({{key, value}}));
    ASSERT_FALSE(s) << key << value;
    EXPECT_EQ(s.error().where, key);
    EXPECT_EQ(s.error().kind, FaultKind::invalid);
  }
  EXPECT_FALSE(parse_settings({}));
  EXPECT_FALSE(parse_settings(Values{{"host", "x"}})) << "authzid needs an admin";
  EXPECT_FALSE(parse_settings(Values{{"host", "x"}, {"auth", "password_dir"}}));
  EXPECT_TRUE(parse_settings(Values{{"host", "x"}, {"auth", "password_dir"}, {"password_dir", "/p"}}));
}

}  // namespace
}  // namespace tidegate::imap
