// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/guard.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

Limits small() { return {.line = 200, .depth = 5, .literal = 50, .total = 10'000}; }

// The answer must not depend on how the network cut the octets.
bool accepted(const std::string& octets, const Limits& limits = small()) {
  Guard whole, single;
  whole.expect(limits);
  single.expect(limits);
  const bool at_once = whole.feed(octets);
  bool one_by_one = true;
  for (std::size_t i = 0; i < octets.size() && one_by_one; ++i)
    one_by_one = single.feed(std::string_view(octets).substr(i, 1));
  EXPECT_EQ(at_once, one_by_one);
  return at_once;
}

TEST(Guard, letsOrdinaryTrafficPass) {
  EXPECT_TRUE(accepted("* 1 FETCH (UID 1 FLAGS (\\Seen) BODY[] {11}\r\n((((((((((( X (Y))\r\n1 OK done\r\n"));
  EXPECT_TRUE(accepted("* LIST () \"/\" \"((((((((\"\r\n")) << "within quotes they nest nothing";
  EXPECT_TRUE(accepted("* LIST () \"/\" \"a\\\"((((((\"\r\n"));
}

TEST(Guard, boundsNesting) {
  EXPECT_FALSE(accepted("* 1 FETCH (BODYSTRUCTURE ((((((((\r\n"));
  EXPECT_TRUE(accepted("* 1 FETCH (((((\r\n* 2 FETCH (((((\r\n")) << "each line begins anew";
  EXPECT_FALSE(accepted("* 1 FETCH ((( {2}\r\nab(((\r\n")) << "but a literal is no end of a line";
}

TEST(Guard, boundsLinesAndLiterals) {
  EXPECT_FALSE(accepted("* OK " + std::string(300, 'x') + "\r\n"));
  EXPECT_FALSE(accepted("* 1 FETCH (BODY[] {51}\r\n"));
  EXPECT_FALSE(accepted("* 1 FETCH (BODY[] {99999999999999999999999999}\r\n"));
  EXPECT_TRUE(accepted("* 1 FETCH (BODY[] {50}\r\n" + std::string(50, '(') + ")\r\n"));
}

// A "literal" in free text would let an attacker hide what follows it from the counting.
TEST(Guard, aBraceInFreeTextHidesNothing) {
  for (const std::string start : {"* OK hello {40}\r\n", "* ok x {40}\r\n", "7 OK {40}\r\n", "+ {40}\r\n",
                                  "* BYE {40}\r\n", "* LIST () \"/\" \"{40}\r\n"}) {
    EXPECT_FALSE(accepted(start + "* 1 FETCH ((((((((\r\n")) << start;
  }
}

TEST(Guard, boundsTheWholeAnswer) {
  Guard guard;
  guard.expect(small());
  bool fine = true;
  for (int i = 0; i < 2000 && fine; ++i) fine = guard.feed("* 1 EXISTS\r\n");
  EXPECT_FALSE(fine);
  EXPECT_NE(guard.broken(), nullptr);
  guard.expect(small());
  EXPECT_FALSE(guard.feed("* 1 EXISTS\r\n")) << "once broken, broken for good";
}

TEST(Guard, remembersTheFarewell) {
  Guard guard;
  ASSERT_TRUE(guard.feed("* OK hi\r\n* BYE Too many connections\r\n"));
  EXPECT_EQ(guard.bye(), "* BYE Too many connections");
}

}  // namespace
}  // namespace tidegate::imap
