// SPDX-License-Identifier: Apache-2.0
// Several messages that are read one after the other, asked for at once.
#include "tests/plugins/imap/scripted_session.hpp"

namespace tidegate::imap {
namespace {

constexpr Range piece{0, 1000};

std::string body(int number, int uid, const std::string& text) {
  return fmt::format("* {} FETCH (UID {} BODY[]<0> {{{}}}\r\n{})\r\n", number, uid, text.size(), text);
}

class Expect : public ScriptedSession {
 protected:
  void begin(std::vector<Step> steps) {
    steps.insert(steps.begin(), {"SELECT \"INBOX\"", selected(9, 7, 10)});
    start(logged_in("", std::move(steps)));
  }
  void expect(const std::vector<Uid>& uids) {
    std::vector<Session::Reading> next;
    for (const auto uid : uids) next.push_back({item_id({"INBOX", 7, uid}), piece});
    session->expect(within(), next);
  }
  std::string read(Uid uid, Range range = piece) {
    std::string text;
    const auto size = session->read(within(), item_id({"INBOX", 7, uid}), range, [&](Octets part) {
      text.append(reinterpret_cast<const char*>(part.data()), part.size());
      return true;
    });
    return size ? text : "fault: " + size.error().text;
  }
};

TEST_F(Expect, oneCommandBringsAll) {
  begin({{"UID FETCH 3:5 (UID BODY.PEEK[]<0.1000>)",
          body(3, 3, "three") + body(4, 4, "four") + body(5, 5, "five") + "$T OK done\r\n"}});
  expect({5, 4, 3});
  EXPECT_EQ(read(5), "five");
  EXPECT_EQ(read(4), "four");
  EXPECT_EQ(read(3), "three");
  finish();
}

// RFC 3501 §7.4.2 knows no order, neither of messages nor of what is told of one.
TEST_F(Expect, eachIsKnownByItsUid) {
  begin({{"UID FETCH 3:4 (UID BODY.PEEK[]<0.1000>)",
          "* 4 FETCH (BODY[]<0> {4}\r\nfour UID 4)\r\n* 8 FETCH (FLAGS (\\Seen))\r\n" + body(3, 3, "three") +
              "$T OK done\r\n"}});
  expect({3, 4});
  EXPECT_EQ(read(3), "three");
  EXPECT_EQ(read(4), "four");
  finish();
}

TEST_F(Expect, whatDidNotComeIsAskedForByItself) {
  begin({{"UID FETCH 3:5 (UID BODY.PEEK[]<0.1000>)", body(4, 4, "four") + "$T OK done\r\n"},
         {"UID FETCH 3 (UID BODY.PEEK[]<0.1000>)", body(3, 3, "three") + "$T OK done\r\n"},
         {"UID FETCH 5 (UID BODY.PEEK[]<0.1000>)", "$T OK done\r\n"},
         {"UID SEARCH UID 5", "* SEARCH\r\n$T OK done\r\n"}});
  expect({3, 4, 5});
  EXPECT_EQ(read(3), "three");
  EXPECT_EQ(read(4), "four");
  EXPECT_TRUE(read(5).starts_with("fault: "));
  finish();
}

TEST_F(Expect, aRefusalIsNoFaultAndAnotherRangeIsAnotherQuestion) {
  begin({{"UID FETCH 3:4 (UID BODY.PEEK[]<0.1000>)", "$T NO not now\r\n"},
         {"UID FETCH 3 (UID BODY.PEEK[]<0.1000>)", body(3, 3, "three") + "$T OK done\r\n"},
         {"UID FETCH 3:4 (UID BODY.PEEK[]<0.1000>)", body(3, 3, "three") + body(4, 4, "four") + "$T OK done\r\n"},
         {"UID FETCH 4 (UID BODY.PEEK[]<2.1000>)", "* 4 FETCH (UID 4 BODY[]<2> {2}\r\nur)\r\n$T OK done\r\n"}});
  expect({3, 4});
  EXPECT_EQ(read(3), "three");
  expect({3, 4});
  EXPECT_EQ(read(4, {2, 1000}), "ur");
  EXPECT_EQ(read(4), "four");
  finish();
}

// A body is not taken for another message's, and what nobody asked for is not kept.
TEST_F(Expect, othersBodiesAreNotTaken) {
  begin({{"UID FETCH 3:4 (UID BODY.PEEK[]<0.1000>)", body(3, 3, "three") + body(6, 6, "six") + "$T OK done\r\n"},
         {"UID FETCH 6 (UID BODY.PEEK[]<0.1000>)", body(6, 6, "sixth") + "$T OK done\r\n"}});
  expect({3, 4});
  EXPECT_EQ(read(6), "sixth");
  finish();
}

TEST_F(Expect, aSingleOneAndOneThatIsNewAreReadAsEver) {
  begin({{"UID FETCH 3 (UID BODY.PEEK[]<0.1000>)", body(3, 3, "three") + "$T OK done\r\n"}});
  expect({3, 12});  // 12: the server has not told of it
  EXPECT_EQ(read(3), "three");
  finish();
}

}  // namespace
}  // namespace tidegate::imap
