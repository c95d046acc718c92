// SPDX-License-Identifier: Apache-2.0
// Law 10: a back-end whose state went backwards, as one restored from a backup, is regressed: what it had told since is
// not taken for removed, and what is there is not told as new.
#include <set>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law10 : public Law {
 protected:
  std::set<Bytes> ids(const Replay& replay) {
    std::set<Bytes> all;
    for (const auto& [id, item] : replay.items) all.insert(id);
    return all;
  }
  /// A server's restart comes with every restore: the session ends with it.
  void again() {
    session_.reset();
    Law::SetUp();
  }
};

TEST_F(Law10, ARestoreIsRegressedAndSaysSoAgain) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  for (unsigned i = 0; i < 4; ++i) ASSERT_FALSE(put(*session_, folder, mail(1000 + i)).empty());
  Replay before;
  ASSERT_TRUE(before.drain(*session_, folder, 500));
  NEEDS_HAND("keep", folder);
  again();
  for (unsigned i = 0; i < 3; ++i) ASSERT_FALSE(put(*session_, folder, mail(1010 + i)).empty());
  Replay after = before;
  ASSERT_TRUE(after.drain(*session_, folder, 500));
  ASSERT_EQ(after.items.size(), before.items.size() + 3);
  NEEDS_HAND("restore", folder);
  again();
  for (int i = 0; i < 2; ++i) {
    auto page = session_->changes(call(), folder, after.anchor, Want{});
    ASSERT_FALSE(page) << "it went back to before this anchor, and answers with " << page->changes.size()
                       << " changes as if nothing had been";
    EXPECT_EQ(page.error().kind, FaultKind::regressed) << page.error().text;
  }
  Replay fresh;
  ASSERT_TRUE(fresh.drain(*session_, folder, 500)) << "it can be listed anew";
  EXPECT_EQ(ids(fresh), ids(before)) << "what it was restored to, under the same ids: no old mail as new";
  for (const auto& [id, item] : fresh.items)
    if (before.items.contains(id)) EXPECT_EQ(item.fingerprint, before.items[id].fingerprint) << shown(id);
}

TEST_F(Law10, AFlagUndoneByARestoreIsNotOverlooked) {
  NEEDS(can_create, "create()");
  NEEDS(can_set_flags, "set_flags()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto id = put(*session_, folder, mail(1020));
  ASSERT_FALSE(id.empty());
  NEEDS_HAND("keep", folder);
  again();
  ASSERT_TRUE(session_->set_flags(call(), id, {flagged, 0, {}, {}}));
  Replay after;
  ASSERT_TRUE(after.drain(*session_, folder, 500));
  ASSERT_TRUE(after.items[id].flags & flagged);
  NEEDS_HAND("restore", folder);
  again();
  auto page = session_->changes(call(), folder, after.anchor, Want{});
  if (!page) {
    EXPECT_EQ(page.error().kind, FaultKind::regressed) << page.error().text;
    return;
  }
  after.apply(*page);  // a back-end that compares has nothing that could go backwards: then it must see the difference
  ASSERT_TRUE(after.drain(*session_, folder, 500));
  EXPECT_FALSE(after.items[id].flags & flagged) << "the flag is gone with the restore, and nobody says so";
}

}  // namespace
}  // namespace tidegate::check
