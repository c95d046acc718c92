// SPDX-License-Identifier: Apache-2.0
// Law 4: update and remove on a stale content_rev give conflict and change nothing. Flags are a delta, commute and
// never conflict.
#include <algorithm>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

std::string event(const std::string& summary) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tidegate//check//EN\r\nBEGIN:VEVENT\r\n"
         "UID:four@check.tidegate.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260201T090000Z\r\nDTEND:"
         "20260201T100000Z\r\n"
         "SUMMARY:" +
         summary + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}

class Law4 : public Law {
 protected:
  /// The item's revision as the pages tell it now.
  Bytes revision(View folder, const Bytes& id) {
    Replay walk;
    if (!walk.drain(*session_, folder, 500)) return {};
    EXPECT_TRUE(walk.items.contains(id)) << shown(id) << " is not in its folder";
    return walk.items[id].content_rev;
  }
  void holds(const Bytes& id, const std::string& summary) {
    auto octets = whole(*session_, id);
    ASSERT_TRUE(octets) << octets.error().text;
    EXPECT_TRUE(octets->contains("SUMMARY:" + summary)) << "it was changed all the same";
  }
};

TEST_F(Law4, AStaleUpdateIsAConflictAndChangesNothing) {
  NEEDS(can_create, "create()");
  NEEDS(can_update, "update()");
  NEEDS_SCRATCH(folder, Kind::event);
  const auto id = put(*session_, folder, event("first"), Kind::event);
  ASSERT_FALSE(id.empty());
  const auto old = revision(folder, id);
  ASSERT_FALSE(old.empty()) << "what can be updated needs a content_rev";
  auto second = session_->update(call(), id, old, source_of(event("second")));
  ASSERT_TRUE(second) << second.error().text;
  EXPECT_NE(second->content_rev, old) << "the octets moved, content_rev didn't";
  EXPECT_EQ(revision(folder, id), second->content_rev) << "the pages name another revision than update() did";
  auto late = session_->update(call(), id, old, source_of(event("late")));
  ASSERT_FALSE(late) << "a revision of long ago was taken: what somebody else wrote meanwhile is lost";
  EXPECT_EQ(late.error().kind, FaultKind::conflict) << late.error().text;
  holds(id, "second");
  auto gone = session_->remove(call(), id, folder, old);
  ASSERT_FALSE(gone) << "an item was removed that somebody else had changed";
  EXPECT_EQ(gone.error().kind, FaultKind::conflict) << gone.error().text;
  holds(id, "second");
  EXPECT_EQ(revision(folder, id), second->content_rev) << "a conflict must change nothing";
  auto meant = session_->remove(call(), id, folder, second->content_rev);
  EXPECT_TRUE(meant) << "the present revision was named: " << meant.error().text;
}

TEST_F(Law4, FlagsOfTwoCommute) {
  NEEDS(can_create, "create()");
  NEEDS(can_set_flags, "set_flags()");
  NEEDS_SCRATCH(folder, Kind::mail);
  auto other = subject().open();
  ASSERT_TRUE(other);
  const auto id = put(*session_, folder, mail(4));
  ASSERT_FALSE(id.empty());
  const std::pair<Session*, FlagDelta> deltas[] = {{session_.get(), {seen, 0, {}, {}}},
                                                   {other->get(), {flagged, 0, {}, {}}},
                                                   {session_.get(), {answered, flagged, {}, {}}},
                                                   {other->get(), {0, seen, {}, {}}},
                                                   {session_.get(), {flagged, 0, {}, {}}}};
  for (const auto& [session, delta] : deltas) {
    auto done = session->set_flags(call(), id, delta);
    ASSERT_TRUE(done) << "flags need no revision: " << to_string(done.error().kind) << ", " << done.error().text;
  }
  for (auto* session : {session_.get(), other->get()}) {
    Replay walk;
    ASSERT_TRUE(walk.drain(*session, folder, 500));
    EXPECT_EQ(walk.items[id].flags & (seen | flagged | answered), std::uint32_t{flagged} | answered)
        << "each delta touches its own flags only";
  }
}

TEST_F(Law4, KeywordsOfTwoCommute) {
  NEEDS(can_create, "create()");
  NEEDS(can_set_flags, "set_flags()");
  NEEDS_SCRATCH(folder, Kind::mail);
  auto other = subject().open();
  ASSERT_TRUE(other);
  const auto id = put(*session_, folder, mail(5));
  ASSERT_FALSE(id.empty());
  const std::pair<Session*, FlagDelta> deltas[] = {{session_.get(), {0, 0, {"Tide-one"}, {}}},
                                                   {other->get(), {seen, 0, {"Tide-two"}, {}}},
                                                   {session_.get(), {0, 0, {"Tide-three", "Tide-one"}, {}}},
                                                   {other->get(), {0, 0, {}, {"Tide-one", "Tide-never"}}},
                                                   {session_.get(), {0, 0, {"Tide-four"}, {"Tide-two"}}}};
  for (const auto& [session, delta] : deltas) {
    auto done = session->set_flags(call(), id, delta);
    if (!done && done.error().kind == FaultKind::unsupported) GTEST_SKIP() << "it keeps no keywords";
    ASSERT_TRUE(done) << "keywords need no revision: " << to_string(done.error().kind) << ", " << done.error().text;
  }
  for (auto* session : {session_.get(), other->get()}) {
    Replay walk;
    ASSERT_TRUE(walk.drain(*session, folder, 500));
    auto words = walk.items[id].keywords;
    std::ranges::sort(words);
    EXPECT_EQ(words, (std::vector<std::string>{"Tide-four", "Tide-three"})) << "each delta touches its own words only";
    EXPECT_EQ(walk.items[id].flags & seen, std::uint32_t{seen});
  }
}

}  // namespace
}  // namespace tidegate::check
