// SPDX-License-Identifier: Apache-2.0
// A session on a scripted server: what the tests of its verbs share.
#pragma once
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plugins/imap/backend.hpp"
#include "plugins/imap/session.hpp"
#include "tests/peers/scripted_imap.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::imap {

using peers::logged_in;
using peers::ScriptedImap;
using peers::Step;

class ScriptedSession : public ::testing::Test {
 protected:
  using Script = ScriptedImap::Script;
  using Values = std::map<std::string, std::string>;

  void serve(std::vector<Script> scripts, ScriptedImap::Files files = {}) {
    peer = std::make_unique<ScriptedImap>(std::move(scripts), std::move(files));
  }
  void configure(const Values& more = {}) {
    session.reset();  // its back-end outlives it
    Values values = {{"host", "127.0.0.1"},
                     {"port", std::to_string(peer->port())},
                     {"tls", "none"},
                     {"allow_plaintext", "yes"},
                     {"admin", "gateway"}};
    for (const auto& [key, value] : more) values[key] = value;
    auto settings = parse_settings(std::vector<std::pair<std::string, std::string>>(values.begin(), values.end()));
    ASSERT_TRUE(settings) << settings.error().text;
    backend = std::make_unique<ImapBackend>(host, *settings);
  }
  Result<std::unique_ptr<Session>> open(Script script, const Values& more = {}) {
    serve({std::move(script)});
    configure(more);
    return backend->open(within(), Mailbox{"ann@example.com", "", ""});
  }
  /// As open(), but a fault fails the test.
  void start(Script script, const Values& more = {}) {
    auto opened = open(std::move(script), more);
    ASSERT_TRUE(opened) << opened.error().text << opened.error().cause;
    session = std::move(*opened);
  }
  /// The script must have been followed to its end.
  void finish() {
    session.reset();
    EXPECT_EQ(peer->verdict(), "");
  }

  TestHost host;
  std::unique_ptr<ScriptedImap> peer;
  std::unique_ptr<ImapBackend> backend;
  std::unique_ptr<Session> session;
};

inline std::string selected(int exists, int uidvalidity, int uidnext, const std::string& modseq = "") {
  return fmt::format("* {} EXISTS\r\n* OK [UIDVALIDITY {}] ok\r\n* OK [UIDNEXT {}] ok\r\n{}$T OK [READ-WRITE] done\r\n",
                     exists, uidvalidity, uidnext, modseq.empty() ? "" : "* OK [HIGHESTMODSEQ " + modseq + "] ok\r\n");
}

/// A FETCH answer with all attributes a listing asks for; modseq "": none.
inline std::string row(int number, int uid, const std::string& modseq = "", const std::string& flags = "",
                       int size = 5) {
  return fmt::format(
      "* {} FETCH (UID {} FLAGS ({}) INTERNALDATE \"01-Feb-2026 10:20:30 +0000\" RFC822.SIZE {}{} "
      "BODY[HEADER.FIELDS (MESSAGE-ID)] {{21}}\r\nMessage-ID: <a@b>\r\n\r\n)\r\n",
      number, uid, flags, size, modseq.empty() ? "" : fmt::format(" MODSEQ ({})", modseq));
}

inline Source source_of(const std::string& octets, std::size_t& given) {
  return [&octets, &given](std::span<std::byte> into) {
    const std::size_t here = std::min(into.size(), octets.size() - given);
    std::memcpy(into.data(), octets.data() + given, here);
    given += here;
    return here;
  };
}

}  // namespace tidegate::imap
