// SPDX-License-Identifier: Apache-2.0
// Law 2: any interleaving of changes and calls: replaying the pages gives exactly the back-end's present state.
#include <random>

#include "core/plugin_check/stranger.hpp"

namespace tidegate::check {
namespace {

class Law2 : public Law {
 protected:
  /// One step of somebody else, or of the core: it asks for a page, loses one before it is stored, dies and goes on
  /// from an older anchor, opens the mailbox anew.
  void step(Stranger& stranger, unsigned number) {
    const auto folder = dice_() % scopes_.size();
    auto& walk = walks_[folder];
    const auto limit = 1 + static_cast<std::uint32_t>(dice_() % 7);
    const std::uint32_t inline_up_to = dice_() % 2 ? 4096 : 0;
    switch (dice_() % 16) {
      case 0:
      case 1:
      case 2:
        return stranger.create(folder, item(1000 + number));
      case 3:
      case 4:
        if (can(can_set_flags)) stranger.flag();
        return;
      case 5:
        if (can(can_remove)) stranger.remove();
        return;
      case 6:
        if (can(can_move)) stranger.move();
        return;
      case 7:
        kept_[folder] = walk;
        return;
      case 8:  // it dies: another session, and for that folder an older anchor
        walk = kept_[folder];
        [[fallthrough]];
      case 9:
        session_.reset();
        return Law::SetUp();
      case 10:
        EXPECT_TRUE(Replay(walk).step(*session_, scopes_[folder], limit, inline_up_to));
        return;
      default:
        EXPECT_TRUE(walk.step(*session_, scopes_[folder], limit, inline_up_to));
    }
  }
  void all_told(const Stranger& stranger) {
    for (std::size_t folder = 0; folder < scopes_.size(); ++folder) {
      ASSERT_TRUE(walks_[folder].drain(*session_, scopes_[folder], 5));
      stranger.compare(folder, walks_[folder]);
    }
  }
  /// The scratch folder, and a second one where items can be moved into it.
  void take_folders(const Bytes& scratch) {
    folders_ = scopes_ = {scratch};
    if (can(can_move) && can(can_make_folder)) {
      Folder like{};
      like.kind = usual();
      like.name = "tidegate-check-other";
      Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
      auto other = session_->make_folder(call(), like, attempt);
      ASSERT_TRUE(other) << other.error().text;
      folders_.push_back(other->id);
      scopes_.push_back(other->scope);
    }
    walks_.resize(folders_.size());
    kept_.resize(folders_.size());
  }
  void TearDown() override {
    if (session_ && folders_.size() > 1 && can(can_remove_folder))
      EXPECT_TRUE(session_->remove_folder(call(), folders_[1]));
  }

  std::mt19937_64 dice_{subject().options().seed};
  std::vector<Bytes> folders_, scopes_;
  std::vector<Replay> walks_;  ///< begin with an empty anchor while the stranger works
  std::vector<Replay> kept_;   ///< as a core that dies has them: the state and the anchor of some time ago
};

TEST_F(Law2, AnyInterleavingGivesThePresentState) {
  NEEDS(can_create, "create(), so nothing can be changed from here");
  NEEDS_SCRATCH(scratch, usual());
  take_folders(scratch);
  auto other = subject().open();
  ASSERT_TRUE(other);
  Stranger stranger(**other, folders_, dice_);
  Replay start;
  ASSERT_TRUE(start.drain(*session_, scopes_[0], 500));
  stranger.found(0, start);
  for (unsigned i = 0; i < subject().options().steps && !HasFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i) + " of seed " + std::to_string(subject().options().seed));
    step(stranger, i);
    if (i % 50 == 49) all_told(stranger);
  }
  if (HasFailure()) return;
  all_told(stranger);
  for (std::size_t folder = 0; folder < scopes_.size(); ++folder) {
    Replay fresh;
    ASSERT_TRUE(fresh.drain(**other, scopes_[folder], 6));
    stranger.compare(folder, fresh);
  }
}

TEST_F(Law2, RevisionsMoveWithWhatTheyStandFor) {
  NEEDS(can_create, "create()");
  NEEDS(can_set_flags, "set_flags()");
  NEEDS_SCRATCH(folder, usual());
  const auto id = put(*session_, folder, item(1));
  Replay walk;
  ASSERT_TRUE(walk.drain(*session_, folder, 500));
  const auto before = walk.items[id];
  ASSERT_TRUE(session_->set_flags(call(), id, FlagDelta{flagged, 0, {}, {}}));
  ASSERT_TRUE(walk.drain(*session_, folder, 500));
  const auto after = walk.items[id];
  EXPECT_TRUE(after.flags & flagged);
  EXPECT_EQ(after.content_rev, before.content_rev) << "a flag is no new content";
  if (!before.state_rev.empty()) EXPECT_NE(after.state_rev, before.state_rev) << "the flag moved, state_rev didn't";
  EXPECT_EQ(after.fingerprint, before.fingerprint) << "a flag must not change the fingerprint";
}

TEST_F(Law2, MovesAreSeenInBothFolders) {
  NEEDS(can_create, "create()");
  NEEDS(can_move, "move()");
  NEEDS(can_make_folder, "make_folder(), so there is no second folder");
  NEEDS_SCRATCH(folder, usual());
  Folder like{};
  like.kind = usual();
  like.name = "tidegate-check-target";
  Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
  auto target = session_->make_folder(call(), like, attempt);
  ASSERT_TRUE(target) << target.error().text;
  const auto id = put(*session_, folder, item(2));
  Replay from, to;
  ASSERT_TRUE(from.drain(*session_, folder, 500));
  ASSERT_TRUE(to.drain(*session_, target->scope, 500));
  const auto before = from.items[id];
  Attempt moving{subject().token(), {}, [](View) { return Result<void>{}; }};
  auto moved = session_->move(call(), id, folder, target->id, moving);
  ASSERT_TRUE(moved) << moved.error().text;
  ASSERT_TRUE(from.drain(*session_, folder, 500));
  ASSERT_TRUE(to.drain(*session_, target->scope, 500));
  EXPECT_FALSE(from.items.contains(id)) << "still in the folder it left";
  ASSERT_TRUE(to.items.contains(moved->id)) << "not in the folder it went to";
  EXPECT_EQ(to.items[moved->id].fingerprint, before.fingerprint) << "the fingerprint must survive a move (law 3)";
  if (can(can_remove_folder)) EXPECT_TRUE(session_->remove_folder(call(), target->id));
}

}  // namespace
}  // namespace tidegate::check
