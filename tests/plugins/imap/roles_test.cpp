// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/roles.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

const Folder& find(const std::vector<Folder>& tree, std::string_view id) {
  return *std::ranges::find(tree, id, &Folder::id);
}

TEST(FolderTree, namesParentsAndRoles) {
  const auto tree = folder_tree({
      {"Archive", '/', false, {"noselect"}},
      {"Archive/2025", '/', true, {}},
      {"inbox", '/', true, {}},
      {"Gesendet", '/', true, {}},
      {"Verschickt", '/', true, {"sent"}},
      {"Entw&APw-rfe", '/', true, {"noinferiors"}},
      {"Lost/Deep/Er", '/', true, {}},
      {"R&D", '/', true, {}},
  });
  ASSERT_EQ(tree.size(), 8U);
  EXPECT_EQ(tree.front().id, "INBOX");
  EXPECT_EQ(tree.front().role, Role::inbox);
  EXPECT_EQ(find(tree, "Verschickt").role, Role::sent) << "the attribute goes before the name";
  EXPECT_EQ(find(tree, "Gesendet").role, Role::none) << "no second Sent";
  EXPECT_EQ(find(tree, "Entw&APw-rfe").name, "Entwürfe");
  EXPECT_EQ(find(tree, "Entw&APw-rfe").role, Role::drafts);
  EXPECT_EQ(find(tree, "Archive/2025").parent, "Archive");
  EXPECT_EQ(find(tree, "Archive/2025").name, "2025");
  EXPECT_EQ(find(tree, "Archive").rights & may_read, 0U) << "not selectable: kept for its children";
  EXPECT_NE(find(tree, "Archive/2025").rights & may_read, 0U);
  EXPECT_EQ(find(tree, "Lost/Deep/Er").parent, "");
  EXPECT_EQ(find(tree, "Lost/Deep/Er").name, "Lost/Deep/Er");
  EXPECT_EQ(find(tree, "R&D").name, "R&D");
}

TEST(FolderTree, digestSeesContentsNotOrder) {
  const Listing a{"A", '/', true, {}}, b{"B", '/', true, {}};
  EXPECT_EQ(tree_digest(folder_tree({a, b})), tree_digest(folder_tree({b, a, a})));
  EXPECT_NE(tree_digest(folder_tree({a, b})), tree_digest(folder_tree({a})));
  EXPECT_EQ(tree_digest({}).size(), 20U);
}

// RFC 2342: the names of that namespace begin there, as with Courier, Cyrus and many a Dovecot.
TEST(FolderTree, theNamespacesPrefixIsNoParent) {
  const std::vector<Listing> listed = {{"INBOX", '.', true, {}},           {"INBOX.Trash", '.', true, {}},
                                       {"INBOX.Work", '.', true, {}},      {"INBOX.Work.2026", '.', true, {}},
                                       {"INBOX.No.Parent", '.', true, {}}, {"INBOX.", '.', true, {}},
                                       {"#public.news", '.', true, {}}};
  const auto tree = folder_tree(listed, {}, "INBOX.");
  EXPECT_EQ(tree.front().id, "INBOX");
  EXPECT_EQ(tree.front().name, "INBOX");
  EXPECT_EQ(find(tree, "INBOX.Trash").parent, "");
  EXPECT_EQ(find(tree, "INBOX.Trash").name, "Trash");
  EXPECT_EQ(find(tree, "INBOX.Trash").role, Role::trash);
  EXPECT_EQ(find(tree, "INBOX.Work").parent, "");
  EXPECT_EQ(find(tree, "INBOX.Work.2026").parent, "INBOX.Work");
  EXPECT_EQ(find(tree, "INBOX.Work.2026").name, "2026");
  EXPECT_EQ(find(tree, "INBOX.No.Parent").parent, "");
  EXPECT_EQ(find(tree, "INBOX.No.Parent").name, "No.Parent");
  EXPECT_EQ(find(tree, "#public.news").name, "#public.news");
}

TEST(FolderTree, nestedInbox) {
  const auto tree =
      folder_tree({{"INBOX", '.', true, {}}, {"INBOX.Trash", '.', true, {}}, {"Inbox.Sent", '.', true, {}}});
  EXPECT_EQ(find(tree, "INBOX.Trash").parent, "INBOX");
  EXPECT_EQ(find(tree, "INBOX.Trash").role, Role::trash);
  EXPECT_EQ(find(tree, "Inbox.Sent").parent, "INBOX");
}

}  // namespace
}  // namespace tidegate::imap
