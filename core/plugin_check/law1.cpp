// SPDX-License-Identifier: Apache-2.0
// Law 1: from an empty anchor, pages give every item once, resumable page by page; live changes are served from the
// first page on. From the last anchor, nothing.
#include <algorithm>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law1 : public Law {};

std::set<Bytes> ids(const Replay& replay) {
  std::set<Bytes> all;
  for (const auto& [id, item] : replay.items) all.insert(id);
  return all;
}

TEST_F(Law1, FolderTreeIsListedOnceAndThenQuiet) {
  Replay tree;
  ASSERT_TRUE(tree.drain(*session_, {}, 500));
  EXPECT_EQ(tree.listed, 1U) << "the listing of the folder tree must end with one Listed";
  EXPECT_FALSE(tree.folders.empty());
  EXPECT_EQ(std::set(tree.named.begin(), tree.named.end()).size(), tree.named.size()) << "a folder was named twice";
  std::map<Role, Bytes> roles;
  for (const auto& [id, folder] : tree.folders) {
    EXPECT_FALSE(folder.scope.empty()) << shown(id) << " has no scope";
    EXPECT_FALSE(folder.name.empty()) << shown(id) << " has no name";
    if (folder.role != Role::none)
      EXPECT_TRUE(roles.emplace(folder.role, id).second) << "two folders have one role: " << shown(id);
    if (!folder.parent.empty())
      EXPECT_TRUE(tree.folders.contains(folder.parent)) << shown(id) << " has an unknown parent";
  }
  const auto before = tree.folders.size();
  ASSERT_TRUE(tree.step(*session_, {}, 500));
  EXPECT_EQ(tree.folders.size(), before);
  if (can_.delta) EXPECT_EQ(tree.last_page_changes, 0U) << "nothing changed, and still changes were told";
}

TEST_F(Law1, EveryScopeCanBeListed) {
  Replay tree;
  ASSERT_TRUE(tree.drain(*session_, {}, 500));
  std::set<Bytes> scopes;
  for (const auto& [id, folder] : tree.folders) scopes.insert(folder.scope);
  for (const auto& scope : scopes) {
    Replay items;
    ASSERT_TRUE(items.drain(*session_, scope, 500)) << "scope " << shown(scope);
    EXPECT_EQ(items.listed, 1U) << "scope " << shown(scope) << ": a listing ends with one Listed";
    for (const auto& [id, item] : items.items) EXPECT_FALSE(item.folders.empty()) << shown(id) << " is in no folder";
  }
}

TEST_F(Law1, SmallAndLargePagesGiveTheSame) {
  Replay tree;
  ASSERT_TRUE(tree.drain(*session_, {}, 500));
  for (const auto& [id, folder] : tree.folders) {
    Replay small, large;
    ASSERT_TRUE(large.drain(*session_, folder.scope, 500));
    if (large.items.size() > 2000) continue;  // one small page a round trip: not for somebody's whole archive
    ASSERT_TRUE(small.drain(*session_, folder.scope, 3));
    EXPECT_EQ(ids(small), ids(large)) << "scope " << shown(folder.scope) << ": pages of 3 and of 500 differ";
  }
}

TEST_F(Law1, EveryItemOnceThenNothing) {
  NEEDS(can_create, "create(), so nothing can be put there to be found");
  NEEDS_SCRATCH(folder, usual());
  std::set<Bytes> made;
  for (unsigned i = 0; i < 17; ++i) made.insert(put(*session_, folder, item(i)));
  ASSERT_EQ(made.size(), 17U) << "two items have one id";
  Replay walk;
  ASSERT_TRUE(walk.drain(*session_, folder, 4));
  EXPECT_EQ(walk.listed, 1U) << "a listing ends with one Listed";
  for (const auto& id : made)
    EXPECT_EQ(std::ranges::count(walk.named, id), 1) << shown(id) << " must be named exactly once";
  const auto state = ids(walk);
  ASSERT_TRUE(walk.step(*session_, folder, 500));
  EXPECT_FALSE(walk.more);
  EXPECT_EQ(ids(walk), state);
  if (can_.delta) EXPECT_EQ(walk.last_page_changes, 0U) << "from the last anchor there must be nothing";
}

TEST_F(Law1, ListingGoesOnFromEachAnchorAgain) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, usual());
  for (unsigned i = 0; i < 9; ++i) ASSERT_FALSE(put(*session_, folder, item(100 + i)).empty());
  Replay walk;
  ASSERT_TRUE(walk.step(*session_, folder, 4));
  ASSERT_TRUE(walk.more) << "at least nine items, four asked for, and no more?";
  // A crash before the page was stored: the same anchor again, in a session of its own.
  auto other = subject().open();
  ASSERT_TRUE(other);
  Replay again = walk, first = walk;
  ASSERT_TRUE(first.drain(*session_, folder, 4));
  ASSERT_TRUE(again.drain(**other, folder, 4));
  EXPECT_EQ(ids(first), ids(again));
}

TEST_F(Law1, NewItemsAreServedDuringAListing) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, usual());
  for (unsigned i = 0; i < 9; ++i) ASSERT_FALSE(put(*session_, folder, item(200 + i)).empty());
  Replay walk;
  ASSERT_TRUE(walk.step(*session_, folder, 3));
  ASSERT_TRUE(walk.more);
  auto other = subject().open();
  ASSERT_TRUE(other);
  const auto fresh = put(**other, folder, item(299));
  ASSERT_TRUE(walk.step(*session_, folder, 3));
  EXPECT_TRUE(std::ranges::any_of(walk.last_page, [&](const Upsert& item) { return item.id == fresh; }))
      << "what came during the listing must be on the next page, not behind everything old";
  ASSERT_TRUE(walk.drain(*session_, folder, 3));
  Replay truth;
  ASSERT_TRUE(truth.drain(*session_, folder, 500));
  EXPECT_EQ(ids(walk), ids(truth));
}

}  // namespace
}  // namespace tidegate::check
