// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/untagged.hpp"

#include <random>

#include <gtest/gtest.h>

#include "plugins/imap/guard.hpp"

namespace tidegate::imap {
namespace {

template <class T>
std::optional<T> parsed(std::string_view line) {
  auto said = parse_untagged(line);
  if (!said || !std::holds_alternative<T>(*said)) return std::nullopt;
  return std::get<T>(std::move(*said));
}

TEST(Untagged, status) {
  const auto s = parsed<FolderStatus>(
      "* STATUS \"a \\\"b\\\"\" (MESSAGES 3 UIDNEXT 4294967295 UIDVALIDITY 7 UNSEEN 1 HIGHESTMODSEQ 12)\r\n");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->name, "a \"b\"");
  EXPECT_EQ(s->state.exists, 3U);
  EXPECT_EQ(s->state.uidnext, 4294967295U);
  EXPECT_EQ(s->state.modseq, 12U);
  EXPECT_EQ(parsed<FolderStatus>("* status {5}\r\na\r\n\"( (MESSAGES 1)\r\n")->name, "a\r\n\"(");
  EXPECT_EQ(parsed<FolderStatus>("* STATUS x ()")->state.exists, 0U) << "CVE-2022-4121 was about this";
  for (const char* bad : {"* STATUS x", "* STATUS x (", "* STATUS x (MESSAGES", "* STATUS x (MESSAGES )",
                          "* STATUS {99}\r\nx (MESSAGES 1)", "* STATUS \"x (MESSAGES 1)", "* STATUS (MESSAGES 1)"}) {
    EXPECT_FALSE(parse_untagged(bad)) << bad;
  }
}

// IMAP-15: 63 bits are a MODSEQ's, 64 some servers send; a double would lose them. Beyond that it is none.
TEST(Untagged, imap15ModseqKeepsAllItsBits) {
  EXPECT_EQ(parsed<FolderStatus>("* STATUS x (HIGHESTMODSEQ 9007199254740993)")->state.modseq, 9007199254740993U);
  EXPECT_EQ(parsed<FolderStatus>("* STATUS x (HIGHESTMODSEQ 18446744073709551615)")->state.modseq, UINT64_MAX);
  EXPECT_EQ(parsed<FolderStatus>("* STATUS x (HIGHESTMODSEQ 18446744073709551616)")->state.modseq, 0U);
  EXPECT_EQ(parsed<FolderStatus>("* STATUS x (HIGHESTMODSEQ NIL MESSAGES 2)")->state.exists, 2U);
}

TEST(Untagged, list) {
  const auto l = parsed<Listing>("* LIST (\\HasNoChildren \\Sent) \".\" \"INBOX.Sent\"\r\n");
  ASSERT_TRUE(l);
  EXPECT_EQ(l->name, "INBOX.Sent");
  EXPECT_EQ(l->delimiter, '.');
  EXPECT_TRUE(l->selectable);
  EXPECT_EQ(l->attributes, (std::vector<std::string>{"hasnochildren", "sent"}));
  EXPECT_EQ(parsed<Listing>("* LIST () NIL inbox")->delimiter, 0);
  EXPECT_FALSE(parsed<Listing>("* LIST (\\Noselect) \"/\" x")->selectable);
  EXPECT_FALSE(parsed<Listing>("* LIST (\\NonExistent) \"/\" x")->selectable);
  EXPECT_EQ(parsed<Listing>("* LIST () \"/\" My Folder ")->name, "My Folder") << "quotes forgotten";
  EXPECT_EQ(parsed<Listing>("* LIST () \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))")->name, "Foo");
  EXPECT_EQ(parsed<Listing>("* LIST () \"\\\\\" {3}\r\na\\b")->delimiter, '\\');
  for (const char* bad : {"* LIST", "* LIST (", "* LIST () \"/\" ", "* LIST () \"//\" x", "* LIST (() \"/\" x"}) {
    EXPECT_FALSE(parse_untagged(bad)) << bad;
  }
}

TEST(Untagged, vanished) {
  const auto v = parsed<Vanished>("* VANISHED (EARLIER) 41,43:116,118,120:211\r\n");
  ASSERT_TRUE(v);
  EXPECT_TRUE(v->earlier);
  EXPECT_EQ(v->uids.count(), 1U + 74 + 1 + 92);
  EXPECT_FALSE(parsed<Vanished>("* VANISHED 5")->earlier);
  EXPECT_EQ(parsed<Vanished>("* VANISHED 9:7")->uids.count(), 3U);
  EXPECT_EQ(parsed<Vanished>("* VANISHED 1:4294967295")->uids.count(), 4294967295U) << "no memory by their number";
  // IMAP-09: what some servers make of it is no set of numbers.
  for (const char* bad : {"* VANISHED ", "* VANISHED 1:*", "* VANISHED 0", "* VANISHED (EARLIER)", "* VANISHED 1,,2",
                          "* VANISHED 4294967296", "* VANISHED 1 2", "* VANISHED (LATER) 1", "* VANISHED -1"}) {
    EXPECT_FALSE(parse_untagged(bad)) << bad;
  }
}

TEST(Untagged, namespacesOfRfc2342) {
  const auto n = parsed<Namespaces>(
      "* NAMESPACE ((\"\" \"/\")(\"#mh/\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) ((\"~\" \"/\")) "
      "((\"#shared/\" \"/\")(\"#public/\" \"/\"))");
  ASSERT_TRUE(n);
  EXPECT_EQ(n->personal.size(), 2U);
  EXPECT_EQ(n->personal[1].prefix, "#mh/");
  EXPECT_EQ(n->others.front().prefix, "~");
  EXPECT_EQ(n->shared.size(), 2U);
  EXPECT_TRUE(parsed<Namespaces>("* NAMESPACE NIL NIL NIL"));
  EXPECT_FALSE(parse_untagged("* NAMESPACE ((\"\" \"/\")) NIL"));
  EXPECT_FALSE(parse_untagged("* NAMESPACE ((((((((( NIL NIL"));
}

TEST(Untagged, counts) {
  EXPECT_EQ(parsed<Exists>("* 23 EXISTS\r\n")->count, 23U);
  EXPECT_TRUE(parsed<Expunged>("* 1 EXPUNGE"));
  EXPECT_FALSE(parse_untagged("* 99999999999 EXISTS"));
  EXPECT_EQ(parsed<Enabled>("* ENABLED condstore QRESYNC")->what.size(), 2U);
  EXPECT_TRUE(parsed<Enabled>("* ENABLED")->what.empty());
}

// What goes to libetpan and what we keep must not depend on how the network cut the octets.
TEST(Sieve, takesOutWhatIsOurs) {
  const std::string stream =
      "* 3 EXISTS\r\n* 1 FETCH (UID 1 BODY[] {28}\r\n* STATUS x (MESSAGES 1)\r\n\r\n\r\n)\r\n* STATUS {2}\r\n\r\n "
      "(MESSAGES 1)\r\n* OK STATUS {9}\r\n* LISTEN\r\n* 12 RECENT\r\n* LIST () \"/\" a\r\n* vanished 4\r\n7 OK "
      "done\r\n";
  const std::string for_parser =
      "* 1 FETCH (UID 1 BODY[] {28}\r\n* STATUS x (MESSAGES 1)\r\n\r\n\r\n)\r\n* OK STATUS {9}\r\n* LISTEN\r\n"
      "* 12 RECENT\r\n7 OK done\r\n";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    Guard guard;
    std::string pass;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      ASSERT_TRUE(guard.feed(std::string_view(stream).substr(at, step), &pass));
    }
    ASSERT_EQ(pass, for_parser) << step;
    const auto kept = guard.take_kept();
    ASSERT_EQ(kept.size(), 4U) << step;
    EXPECT_EQ(kept[0], "* 3 EXISTS\r\n");
    EXPECT_EQ(kept[1], "* STATUS {2}\r\n\r\n (MESSAGES 1)\r\n");
  }
}

TEST(Untagged, survivesNoise) {
  std::mt19937 random(5);
  const std::vector<std::string> good = {
      "* STATUS \"a\" (MESSAGES 1 UIDNEXT 2)", "* LIST (\\A) \"/\" {1}\r\nx", "* VANISHED (EARLIER) 1:5,9",
      "* NAMESPACE ((\"\" \"/\")) NIL ((\"#s/\" \"/\" \"X\" (\"y\")))", "* 5 EXISTS"};
  for (int i = 0; i < 50'000; ++i) {
    std::string line = good[random() % good.size()];
    for (unsigned n = 1 + random() % 3; n > 0; --n)
      line[random() % line.size()] = "\"\\{}()* 09:,\r\n\xff"[random() % 15];
    parse_untagged(line.substr(0, random() % (line.size() + 1)));
  }
}

}  // namespace
}  // namespace tidegate::imap
