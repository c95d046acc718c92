// SPDX-License-Identifier: Apache-2.0
// A real Dovecot for a suite of tests, and sessions of the plugin on it.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/items.hpp"
#include "plugins/imap/session.hpp"
#include "tests/peers/dovecot.hpp"
#include "tests/peers/line_socket.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::imap {

using Values = std::vector<std::pair<std::string, std::string>>;

inline std::string mail(int number, const std::string& body = "hello\r\n") {
  return fmt::format(
      "From: a@example.com\r\nTo: b@example.com\r\nSubject: number {0}\r\nMessage-ID: <{0}@test>\r\n\r\n{1}", number,
      body);
}

class OnDovecot : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server = peers::Dovecot::start({"ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "ivy", "joe", "kim"});
  }
  static void TearDownTestSuite() { server.reset(); }
  void SetUp() override {
    if (!server) GTEST_SKIP() << "no Dovecot installed";
  }

  Result<std::unique_ptr<Session>> open(const std::string& user, const Values& more = {}) {
    std::map<std::string, std::string> values = {{"host", "localhost"},
                                                 {"port", std::to_string(server->imaps())},
                                                 {"ca_file", server->ca_file()},
                                                 {"admin", "gateway"}};
    for (const auto& [key, value] : more) values[key] = value;
    auto settings = parse_settings(Values(values.begin(), values.end()));
    if (!settings) return std::unexpected(settings.error());
    backends.push_back(std::make_unique<ImapBackend>(host, *settings));
    return backends.back()->open(within(), Mailbox{user, "", ""});
  }

  static bool wakes(const Parking& parking) {
    pollfd ready{parking.fd, POLLIN, 0};
    return ::poll(&ready, 1, 10'000) == 1;
  }

  // Many messages at once, in one flight over a connection of our own.
  static void append(const std::string& user, const std::string& folder, int from, int to) {
    peers::LineSocket imap = peers::LineSocket::connect(server->imap());
    std::string flight = fmt::format("a LOGIN {0} pw-{0}\r\n", user);
    for (int i = from; i < to; ++i) {
      const std::string text = mail(i);
      flight += fmt::format("b APPEND {} (\\Seen) {{{}+}}\r\n{}\r\n", folder, text.size(), text);
    }
    imap.say(flight + "c LOGOUT\r\n");
    std::string line;
    do {
      line = imap.line();
      ASSERT_FALSE(line.starts_with("b NO") || line.starts_with("b BAD") || line.empty()) << line;
    } while (!line.starts_with("c OK"));
  }
  static Result<Written> create(Session& session, const std::string& folder, const std::string& text,
                                Attempt attempt = {}) {
    std::size_t given = 0;
    Source source = [&](std::span<std::byte> into) {
      const std::size_t here = std::min(into.size(), text.size() - given);
      std::copy_n(std::as_bytes(std::span(text)).begin() + static_cast<std::ptrdiff_t>(given), here, into.begin());
      given += here;
      return here;
    };
    const NewItem item{
        Kind::mail, text.size(), Flag::seen, {"label"}, std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000))};
    return session.create(within(), folder, item, std::move(source), attempt);
  }

  inline static std::unique_ptr<peers::Dovecot> server;
  TestHost host;
  std::vector<std::unique_ptr<ImapBackend>> backends;
};

}  // namespace tidegate::imap
