// SPDX-License-Identifier: Apache-2.0
#include "core/link/opening.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/ini.hpp"
#include "core/link/batches.hpp"
#include "core/link/requests.hpp"
#include "core/link/signing.hpp"

namespace tidegate::link {
namespace {
using testing::HasSubstr;

TEST(UrlTest, relay_addresses) {
  EXPECT_EQ(*parse_relay("https://Relay.Example"), (Url{"relay.example", 443, "/"}));
  EXPECT_EQ(*parse_relay("HTTPS://relay.example:8443/"), (Url{"relay.example", 8443, "/"}));
  EXPECT_EQ(*parse_relay("https://[2001:db8::1]:444"), (Url{"2001:db8::1", 444, "/"}));
  EXPECT_EQ(parse_relay("https://[2001:db8::1]:444")->authority(), "[2001:db8::1]:444");
  EXPECT_EQ(parse_relay("https://relay.example")->authority(), "relay.example");
  for (const auto* bad :
       {"", "https://", "https:///", "http://relay.example", "https://relay.example/x", "https://u@relay.example",
        "https://relay.example:0", "https://relay.example:65536", "https://relay.example:", "https://relay.example:4 4",
        "https://relay example", "https://relay.example#x", "https://relay.example?x", "https://[::1", "https://[x]",
        "https://.example", "https://relay\r\n.example", "ftps://relay.example"})
    EXPECT_FALSE(parse_relay(bad)) << bad;
}

TEST(UrlTest, only_at_the_relay_or_below) {
  const auto relay = *parse_relay("https://relay.example");
  EXPECT_EQ(parse_below(relay, "EventUrl", "https://relay.example:9443/a?b=c")->path, "/a?b=c");
  EXPECT_TRUE(parse_below(relay, "EventUrl", "https://n1.relay.example/a"));
  for (const auto* bad : {"https://evil.example/a", "https://evilrelay.example/a", "https://relay.example.evil/a",
                          "https://relay.example@evil.example/a", "https://.relay.example/a"})
    EXPECT_FALSE(parse_below(relay, "EventUrl", bad)) << bad;
  EXPECT_EQ(parse_below(relay, "EventUrl", "https://evil.example/a").error().kind, FaultKind::denied);
  EXPECT_EQ(parse_below(relay, "EventUrl", "http://relay.example/a").error().kind, FaultKind::invalid);
  EXPECT_FALSE(parse_below(relay, "EventUrl", "https://relay.example/a b"));
  EXPECT_FALSE(parse_below(relay, "EventUrl", "https://relay.example/a\r\nX: y"));
  // "Below" an address makes no sense.
  EXPECT_FALSE(parse_below(*parse_relay("https://10.0.0.1"), "EventUrl", "https://9.10.0.0.1/a"));
}

TEST(OfferTest, keys_must_fit_into_a_header) {
  const auto relay = *parse_relay("https://relay.example");
  wire::Opened opened{.key_id = "i",
                      .key = "k",
                      .event_url = "https://relay.example/e",
                      .data_url = "https://relay.example/d",
                      .reply_time_ms = 1};
  EXPECT_TRUE(read_offer(relay, encode(opened)));
  EXPECT_FALSE(read_offer(relay, "no protobuf \xff"));
  auto bad = opened;
  bad.key.clear();
  EXPECT_FALSE(read_offer(relay, encode(bad)));
  bad.key = Bytes(513, 'k');
  EXPECT_FALSE(read_offer(relay, encode(bad)));
  bad.key = "k\r\nX-Evil: 1";
  const auto offer = read_offer(relay, encode(bad));
  store::Identity identity;
  identity.secret = Bytes(32, 's');
  identity.guid = Bytes(16, 'g');
  identity.public_key = ed25519_public(identity.secret);
  if (offer) {
    EXPECT_FALSE(open_request(relay, *offer, {identity, {}, false}, ""));
    EXPECT_FALSE(data_head(*offer, 1, 1));
  }
}

TEST(SigningTest, rfc_8032_first_vector) {
  const auto from_hex = [](std::string_view hex) {
    Bytes out;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    return out;
  };
  const auto seed = from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  EXPECT_EQ(ed25519_public(seed), from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  EXPECT_EQ(
      *ed25519_sign(seed, ""),
      from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5"
               "f0595bbe24655141438e7a100b"));
  EXPECT_FALSE(ed25519_sign("short", ""));
  EXPECT_EQ(ed25519_public("short"), "");
}

TEST(RefusalTest, the_relays_sentence_is_shown_clean_and_short) {
  const Url at{"relay.example"};
  http::ResponseHead head;
  head.status = 403;
  head.fields.add("Content-Type", "text/plain; charset=utf-8");
  auto refusal = refusal_of(at, head, "No seats\x1b[31m left.\r\n" + Bytes(5000, 'x'));
  EXPECT_EQ(refusal.trouble, Trouble::refused);
  EXPECT_THAT(refusal.fault.text, HasSubstr("No seats [31m left."));
  EXPECT_LT(refusal.fault.text.size(), 600U);
  head.status = 429;
  head.fields.add("Retry-After", "7");
  EXPECT_EQ(refusal_of(at, head, "").fault.retry_after, std::chrono::seconds(7));
  head.status = 409;
  EXPECT_EQ(refusal_of(at, head, "").trouble, Trouble::superseded);
  http::ResponseHead html;
  html.status = 500;
  html.fields.add("Content-Type", "text/html");
  EXPECT_EQ(refusal_of(at, html, "<html>").fault.text.find("html"), std::string::npos);
}

TEST(BatchesTest, head_and_body_are_one_piece) {
  Batches batches("POST /d HTTP/1.1\r\n");
  EXPECT_TRUE(batches.empty());
  wire::Frame frame;
  frame.body = "body";
  Bytes expected;
  wire::encode_to(expected, frame);
  batches.add(frame);
  batches.add(frame);
  wire::encode_to(expected, frame);
  EXPECT_EQ(batches.octets(), expected.size());
  const auto batch = batches.take();
  const auto octets = batch.octets();
  EXPECT_EQ(View(reinterpret_cast<const char*>(octets.data()), octets.size()),
            "POST /d HTTP/1.1\r\nContent-Length: " + std::to_string(expected.size()) + "\r\n\r\n" + expected);
  EXPECT_EQ(batch.frames(), 2U);
  EXPECT_TRUE(batches.empty());
  EXPECT_EQ(batches.octets(), 0U);
}

TEST(BatchesTest, cut_at_256_kib_but_a_larger_frame_travels_alone) {
  Batches batches("H\r\n");
  wire::Frame frame;
  frame.body = Bytes(60'000, 'x');
  for (int i = 0; i < 10; ++i) batches.add(frame);
  wire::Frame large;
  large.body = Bytes(500'000, 'y');
  batches.add(large);
  batches.add(frame);
  std::vector<std::size_t> counts;
  while (!batches.empty()) {
    const auto batch = batches.take();
    if (batch.frames() > 1) EXPECT_LE(batch.body(), wire::max_batch);
    counts.push_back(batch.frames());
  }
  EXPECT_EQ(counts, (std::vector<std::size_t>{4, 4, 2, 1, 1}));
}

TEST(RequestsTest, a_long_report_is_cut) {
  wire::StartupReport report;
  for (int i = 0; i < 10'000; ++i) report.users.push_back({"user" + std::to_string(i) + "@example.com", true, ""});
  const auto parts = cut(report);
  EXPECT_GT(parts.size(), 1U);
  std::vector<wire::StartupReport::User> all;
  for (const auto& part : parts) {
    EXPECT_LE(wire::to_frame(part).body.size(), wire::max_batch);
    all.insert(all.end(), part.users.begin(), part.users.end());
  }
  EXPECT_EQ(all, report.users);
  EXPECT_EQ(cut({}).size(), 1U);
}

TEST(RequestsTest, are_bounded) {
  Requests requests;
  wire::Control control = wire::UserAdd{};
  for (std::size_t i = 0; i < Requests::most; ++i) ASSERT_TRUE(requests.number(control, {}));
  EXPECT_EQ(requests.number(control, {}).error().kind, FaultKind::throttled);
  EXPECT_TRUE(requests.answered(1));
  EXPECT_FALSE(requests.answered(1));
  EXPECT_TRUE(requests.number(control, {}));
  wire::Control alert = wire::Alert{};
  EXPECT_EQ(*requests.number(alert, {}), 0U);
}

TEST(SettingsTest, interception_needs_a_ca_and_a_pin_is_a_digest) {
  const auto read = [](const std::string& text) {
    auto ini = config::parse_ini("test.ini", text);
    return table().read(*ini);
  };
  EXPECT_EQ(read("")->lanes, 4U);
  EXPECT_EQ(read("[link]\nlanes = 20\n")->lanes, 20U);
  EXPECT_FALSE(read("[link]\nlanes = 21\n"));
  EXPECT_FALSE(read("[link]\ntls_interception = allow\n"));
  EXPECT_TRUE(read("[link]\ntls_interception = allow\nca_file = /etc/ca.pem\n"));
  EXPECT_FALSE(read("[link]\npin = abc\n"));
  EXPECT_FALSE(read("[link]\nlane = 3\n"));
}

}  // namespace
}  // namespace tidegate::link
