// SPDX-License-Identifier: Apache-2.0
// Law 3: an anchor the back-end no longer knows gives anchor expired; listing again finds the same items.
#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law3 : public Law {
 protected:
  Bytes some_scope() {
    Replay tree;
    if (!tree.drain(*session_, {}, 500)) return {};
    for (const auto& [id, folder] : tree.folders)
      if (folder.role == Role::inbox) return folder.scope;
    return tree.folders.empty() ? Bytes{} : tree.folders.begin()->second.scope;
  }
};

TEST_F(Law3, ForeignAnchorsAreExpired) {
  const auto scope = some_scope();
  ASSERT_FALSE(scope.empty());
  for (const auto& anchor : {Bytes("no anchor of yours"), Bytes("\0\xff\xfe", 3), Bytes(4096, 'A'), Bytes("0")}) {
    auto page = session_->changes(call(), scope, anchor, Want{});
    ASSERT_FALSE(page) << "an anchor it never gave was taken: " << shown(anchor);
    EXPECT_EQ(page.error().kind, FaultKind::anchor_expired) << shown(anchor) << ": " << page.error().text;
  }
}

TEST_F(Law3, ListingAgainFindsTheSameItems) {
  const auto scope = some_scope();
  ASSERT_FALSE(scope.empty());
  Replay first, second;
  ASSERT_TRUE(first.drain(*session_, scope, 100));
  ASSERT_TRUE(second.drain(*session_, scope, 100));
  for (const auto& [id, item] : first.items) {
    ASSERT_TRUE(second.items.contains(id)) << shown(id) << " has another id the second time";
    EXPECT_EQ(second.items[id].fingerprint, item.fingerprint) << shown(id);
    EXPECT_EQ(second.items[id].content_rev, item.content_rev) << shown(id);
  }
}

TEST_F(Law3, ARestartKeepsIdsAndFingerprints) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, usual());
  const auto id = put(*session_, folder, item(3));
  Replay before;
  ASSERT_TRUE(before.drain(*session_, folder, 500));
  auto again = subject().another();
  ASSERT_TRUE(again) << again.error().text;
  auto session = (*again)->open(call(), subject().mailbox());
  ASSERT_TRUE(session) << session.error().text;
  auto page = (*session)->changes(call(), folder, before.anchor, Want{});
  if (!page && page.error().kind == FaultKind::not_found) GTEST_SKIP() << "this store forgets when its process ends";
  if (page)
    EXPECT_TRUE(page->changes.empty()) << "nothing changed while it was away";
  else
    EXPECT_EQ(page.error().kind, FaultKind::anchor_expired) << page.error().text;
  Replay after;
  ASSERT_TRUE(after.drain(**session, folder, 500));
  ASSERT_TRUE(after.items.contains(id)) << "another id after a restart: devices would see a deletion and a duplicate";
  EXPECT_EQ(after.items[id].fingerprint, before.items[id].fingerprint);
  EXPECT_EQ(after.items[id].content_rev, before.items[id].content_rev);
  EXPECT_EQ(after.items.size(), before.items.size());
}

}  // namespace
}  // namespace tidegate::check
