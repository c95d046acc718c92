// SPDX-License-Identifier: Apache-2.0
#include "device/display.hpp"

#include <gtest/gtest.h>

#include "device/backoff.hpp"
#include "device/identity.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

TEST(Display, JsonIsOneSafeLine) {
  Arrival arrival;
  arrival.folder = "IN\"BOX";
  arrival.subject = "Grüße\n\x1b\xff";
  arrival.size = 12;
  arrival.sha256 = Bytes("\x01\xff", 2);
  arrival.path = "/a\\b";
  arrival.live = false;
  arrival.at_unix_us = 1234567;
  EXPECT_EQ(to_json(arrival),
            R"({"event":"item","folder":"IN\"BOX","subject":"Grüße\u000a\u001b)"
            "\xEF\xBF\xBD"
            R"(","from":"","size":12,"sha256":"01ff","path":"/a\\b","kind":"mail",)"
            R"("gid":"aaaaaaaaaaaaaaaaaaaaaaaaaa","live":false,"at_unix_ms":1234,"at_unix_us":1234567})");
  EXPECT_EQ(to_json(Idle{}), R"({"event":"idle"})");
}

TEST(Display, ProgressInWordsAndABar) {
  EXPECT_EQ(progress_text({"inbox", 1234, 20000}, 0), "inbox 1,234 of 20,000, newest first");
  const auto bar = progress_text({"inbox", 10000, 20000}, 79);
  EXPECT_LE(bar.size(), 79U);
  EXPECT_NE(bar.find("####"), std::string::npos);
  EXPECT_NE(bar.find("----]"), std::string::npos);
  EXPECT_EQ(progress_text({"inbox", 0, 0}, 80).back(), ']');
}

TEST(Display, WithoutATerminalOneLineATenth) {
  Screen screen(0);
  int lines = 0;
  for (std::uint64_t n = 1; n <= 1000; ++n) lines += screen.show(Progress{"inbox", n, 1000}).empty() ? 0 : 1;
  EXPECT_EQ(lines, 11);
  Arrival arrival;
  arrival.folder = "INBOX";
  arrival.subject = "hello";
  arrival.from = "a@b";
  arrival.size = 2048;
  EXPECT_EQ(screen.show(arrival), "INBOX: hello from a@b, 2.0 KiB\n");
}

TEST(Backoff, FirstAtOnceThenUpToAMinute) {
  Backoff backoff;
  EXPECT_EQ(backoff.next(7), 0ms);
  auto before = 0ms;
  for (int i = 0; i < 20; ++i) {
    const auto least = Backoff(backoff).next(0);
    const auto most = backoff.next(static_cast<std::uint64_t>(least.count()));
    EXPECT_GE(least, before);
    EXPECT_LE(most, Backoff::ceiling);
    before = least;
  }
  EXPECT_EQ(before, Backoff::ceiling / 2);
  EXPECT_GE(backoff.next(3, 300s), 300s);
  backoff.succeeded();
  EXPECT_EQ(backoff.next(7), 0ms);
}

TEST(Identity, RelayAddresses) {
  EXPECT_EQ(parse_relay("https://Relay.Example.net")->host, "relay.example.net");
  EXPECT_EQ(parse_relay("https://relay:8443/")->port, 8443);
  EXPECT_EQ(parse_relay("[::1]:8443")->host, "::1");
  for (const char* wrong :
       {"", "http://x", "https://", "https://x:0", "https://x:99999", "https://x/y", "https://a@b", "x:", "[::1"})
    EXPECT_FALSE(parse_relay(wrong)) << wrong;
}

}  // namespace
}  // namespace tidegate::device
