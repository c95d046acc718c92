// SPDX-License-Identifier: Apache-2.0
// Law 5: a create or move repeated after a crash takes effect once, or says ambiguous; never a blind repeat.
#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law5 : public Law {
 protected:
  /// What the core does after a crash: the same token, the note it had stored, another session.
  Attempt repeated(const Bytes& token, const Bytes& note) {
    return {token, note, [](View) { return Result<void>{}; }};
  }
};

TEST_F(Law5, CreateTwiceWithOneTokenIsOneItem) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, usual());
  const auto token = subject().token();
  const auto octets = item(5);
  Bytes note;
  Attempt first{token, {}, [&](View given) -> Result<void> {
                  note = given;
                  return {};
                }};
  Replay before;
  ASSERT_TRUE(before.drain(*session_, folder, 500));
  auto made = session_->create(call(), folder, NewItem{usual(), octets.size(), 0, {}, {}}, source_of(octets), first);
  ASSERT_TRUE(made) << made.error().text;
  auto other = subject().open();
  ASSERT_TRUE(other);
  auto second = repeated(token, note);
  auto again = (*other)->create(call(), folder, NewItem{usual(), octets.size(), 0, {}, {}}, source_of(octets), second);
  if (again)
    EXPECT_EQ(again->id, made->id) << "the repeated create must find the first one's item";
  else
    EXPECT_TRUE(again.error().kind == FaultKind::ambiguous && !can_.token_kept) << again.error().text;
  Replay after;
  ASSERT_TRUE(after.drain(*session_, folder, 500));
  EXPECT_EQ(after.items.size(), before.items.size() + 1) << "one create, repeated once, must make one item";
}

TEST_F(Law5, AFaultBeforeTheNoteIsDurableStopsTheCreate) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, usual());
  if (can_.token_kept) GTEST_SKIP() << "the back-end keeps tokens, so it needs no note";
  Replay before;
  ASSERT_TRUE(before.drain(*session_, folder, 500));
  const auto octets = item(6);
  bool asked = false;
  Attempt attempt{subject().token(), {}, [&](View) -> Result<void> {
                    asked = true;
                    return fault(FaultKind::quota, "check", "the disk is full");
                  }};
  auto made = session_->create(call(), folder, NewItem{usual(), octets.size(), 0, {}, {}}, source_of(octets), attempt);
  EXPECT_TRUE(asked) << "without a kept token a note must be given before acting";
  EXPECT_FALSE(made) << "the note couldn't be stored, and it acted all the same";
  Replay after;
  ASSERT_TRUE(after.drain(*session_, folder, 500));
  EXPECT_EQ(after.items.size(), before.items.size());
}

TEST_F(Law5, MoveTwiceIsOneMove) {
  NEEDS(can_create, "create()");
  NEEDS(can_move, "move()");
  NEEDS(can_make_folder, "make_folder(), so there is no second folder");
  NEEDS_SCRATCH(folder, usual());
  Folder like{};
  like.kind = usual();
  like.name = "tidegate-check-moved";
  auto making = repeated(subject().token(), {});
  auto target = session_->make_folder(call(), like, making);
  ASSERT_TRUE(target) << target.error().text;
  const auto id = put(*session_, folder, item(7));
  const auto token = subject().token();
  Bytes note;
  Attempt first{token, {}, [&](View given) -> Result<void> {
                  note = given;
                  return {};
                }};
  auto moved = session_->move(call(), id, folder, target->id, first);
  ASSERT_TRUE(moved) << moved.error().text;
  auto second = repeated(token, note);
  auto again = session_->move(call(), id, folder, target->id, second);
  if (again)
    EXPECT_EQ(again->id, moved->id);
  else
    EXPECT_TRUE(again.error().kind == FaultKind::ambiguous || again.error().kind == FaultKind::not_found)
        << again.error().text;
  Replay there;
  ASSERT_TRUE(there.drain(*session_, target->scope, 500));
  EXPECT_EQ(there.items.size(), 1U) << "moved once, repeated once: one item";
  if (can(can_remove_folder)) EXPECT_TRUE(session_->remove_folder(call(), target->id));
}

}  // namespace
}  // namespace tidegate::check
