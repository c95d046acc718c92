// SPDX-License-Identifier: Apache-2.0
// Law 2: any interleaving of changes and calls: replaying the pages gives exactly the back-end's present state.
#include <algorithm>
#include <random>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

/// Somebody else at work in the folder, by his own session; knows what he did.
class Stranger {
 public:
  Stranger(Session& session, Bytes folder, std::mt19937_64& dice)
      : session_(session), folder_(std::move(folder)), dice_(dice) {}

  struct Known {
    std::uint32_t flags = 0;
  };
  std::map<Bytes, Known> items;

  void create(Bytes id) { items[std::move(id)] = {}; }
  void flag() {
    if (items.empty()) return;
    auto& [id, known] = pick();
    const FlagDelta delta{dice_() % 2 ? seen : flagged, dice_() % 2 ? answered : 0U, {}, {}};
    auto done = session_.set_flags(call(), id, delta);
    ASSERT_TRUE(done) << "set_flags: " << done.error().text;
    EXPECT_EQ(done->id, id) << "flags must not change an item's id";
    known.flags = (known.flags | delta.add) & ~delta.clear;
  }
  void remove() {
    if (items.size() < 3) return;
    const auto id = pick().first;
    auto done = session_.remove(call(), id, folder_, {});
    ASSERT_TRUE(done) << "remove: " << done.error().text;
    items.erase(id);
  }

 private:
  std::pair<const Bytes, Known>& pick() {
    return *std::next(items.begin(), static_cast<std::ptrdiff_t>(dice_() % items.size()));
  }
  Session& session_;
  Bytes folder_;
  std::mt19937_64& dice_;
};

class Law2 : public Law {
 protected:
  void compare(const Replay& replay, const Stranger& truth) {
    for (const auto& [id, known] : truth.items) {
      const auto at = replay.items.find(id);
      if (at == replay.items.end()) {
        ADD_FAILURE() << shown(id) << " is there, but the pages didn't say so";
        continue;
      }
      EXPECT_EQ(at->second.flags & (seen | flagged | answered), known.flags) << shown(id) << " has other flags";
    }
    for (const auto& [id, item] : replay.items)
      EXPECT_TRUE(truth.items.contains(id)) << shown(id) << " is gone, but the pages kept it";
  }
};

TEST_F(Law2, AnyInterleavingGivesThePresentState) {
  NEEDS(can_create, "create(), so nothing can be changed from here");
  NEEDS_SCRATCH(folder, Kind::mail);
  auto other = subject().open();
  ASSERT_TRUE(other);
  std::mt19937_64 dice(subject().options().seed);
  Stranger stranger(**other, folder, dice);
  Replay start;
  ASSERT_TRUE(start.drain(*session_, folder, 500));
  for (const auto& [id, item] : start.items) stranger.items[id] = {item.flags & (seen | flagged | answered)};

  Replay walk;  // begins with an empty anchor while the stranger works
  for (unsigned i = 0; i < subject().options().steps && !HasFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i) + " of seed " + std::to_string(subject().options().seed));
    switch (dice() % 6) {
      case 0:
      case 1:
        stranger.create(put(**other, folder, mail(1000 + i)));
        break;
      case 2:
        if (can(can_set_flags)) stranger.flag();
        break;
      case 3:
        if (can(can_remove)) stranger.remove();
        break;
      default:
        ASSERT_TRUE(walk.step(*session_, folder, 1 + static_cast<std::uint32_t>(dice() % 7)));
    }
    if (i % 50 == 49) {
      ASSERT_TRUE(walk.drain(*session_, folder, 5));
      compare(walk, stranger);
    }
  }
  ASSERT_TRUE(walk.drain(*session_, folder, 5));
  compare(walk, stranger);
  Replay fresh;
  ASSERT_TRUE(fresh.drain(**other, folder, 6));
  compare(fresh, stranger);
}

TEST_F(Law2, RevisionsMoveWithWhatTheyStandFor) {
  NEEDS(can_create, "create()");
  NEEDS(can_set_flags, "set_flags()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto id = put(*session_, folder, mail(1));
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
  NEEDS_SCRATCH(folder, Kind::mail);
  Folder like{};
  like.kind = Kind::mail;
  like.name = "tidegate-check-target";
  Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
  auto target = session_->make_folder(call(), like, attempt);
  ASSERT_TRUE(target) << target.error().text;
  const auto id = put(*session_, folder, mail(2));
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
