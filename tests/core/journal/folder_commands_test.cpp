// SPDX-License-Identifier: Apache-2.0
// Folders that a device made, renamed and removed: in the store once, in the log at once, and what is in them keeps its
// gid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/journal/command_bed.hpp"

namespace tidegate::journal {
namespace {

using store::Gid;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

struct FolderBed : CommandBed {
  explicit FolderBed(std::uint64_t seed = 1) : CommandBed(seed) {}
  e2e::Command making(const std::string& name, const std::string& parent = {}) {
    auto made = command(e2e::Verb::make_folder);
    made.name = name;
    if (!parent.empty()) made.folder = folder_gid(parent);
    return made;
  }
  e2e::Command renaming(const std::string& id, const std::string& name, const std::string& parent = {}) {
    auto made = making(name, parent);
    made.verb = e2e::Verb::change_folder;
    made.gid = folder_gid(id);
    return made;
  }
  e2e::Command removing(const std::string& id) {
    auto made = command(e2e::Verb::remove_folder);
    made.gid = folder_gid(id);
    return made;
  }
  /// The tree as the back-end has it now, as its next page.
  void tell_tree(const std::string& anchor) {
    std::vector<Change> changes;
    for (const auto& [id, folder] : box.folders) changes.emplace_back(FolderUpsert{folder});
    changes.emplace_back(Listed{});
    EXPECT_TRUE(apply(view_id, "", std::move(changes), anchor));
  }
  std::vector<std::string> live() {
    std::vector<std::string> out;
    for (const auto& row : folders(view_id))
      if (!row.gone) out.push_back(row.id);
    return out;
  }
};

TEST(FolderCommands, AMadeFolderIsInTheLogWithItsGidAtOnce) {
  FolderBed bed;
  const auto result = bed.insist(bed.making("plans", "old"));
  EXPECT_EQ(result.fault, 0U) << result.text;
  EXPECT_EQ(result.gid, bed.folder_gid("old/plans"));
  EXPECT_EQ(bed.folder_named(bed.view_id, "old/plans").parent, bed.folder_gid("old"));
  EXPECT_TRUE(bed.trees) << "devices hear of the tree";
  EXPECT_THAT(bed.actors->hinted, IsSupersetOf({Bytes(), Bytes("old/plans")}));
  const auto head = bed.head(bed.view_id).head;
  bed.tell_tree("t2");
  EXPECT_EQ(bed.head(bed.view_id).head, head) << "the page says nothing new";
}

TEST(FolderCommands, AFolderThatIsThereAlreadyIsTheOneAskedFor) {
  FolderBed bed;
  const auto before = bed.folder_gid("out");
  const auto result = bed.insist(bed.making("out"));
  EXPECT_EQ(result.fault, 0U) << result.text;
  EXPECT_EQ(result.gid, before);
  EXPECT_EQ(bed.folder_named(bed.view_id, "out").role, Role::sent) << "the tree has described it better";
}

TEST(FolderCommands, NamesThatAStoreRefusesAreToldWithItsReason) {
  FolderBed bed;
  bed.box.faults.push_back({FaultKind::invalid, "box", "A name must not contain \"/\" here.", {}, {}});
  const auto result = bed.insist(bed.making("a/b"));
  EXPECT_EQ(result.fault, code(FaultKind::invalid));
  EXPECT_EQ(result.text, "A name must not contain \"/\" here.");
  EXPECT_EQ(bed.insist(bed.making("")).fault, code(FaultKind::invalid));
}

TEST(FolderCommands, ARenamedFolderKeepsItsGidAndSoDoesWhatIsInItAndBelow) {
  FolderBed bed;
  bed.insist(bed.making("sub", "in"));
  const auto top = bed.folder_gid("in"), below = bed.folder_gid("in/sub"), one = bed.gid_of("1");
  const auto result = bed.insist(bed.renaming("in", "new"));
  EXPECT_EQ(result.fault, 0U) << result.text;
  EXPECT_THAT(bed.live(), UnorderedElementsAre("new", "new/sub", "old", "out"));
  EXPECT_EQ(bed.folder_gid("new"), top);
  EXPECT_EQ(bed.folder_gid("new/sub"), below);
  EXPECT_THAT(bed.actors->hinted, IsSupersetOf({Bytes("new"), Bytes("new/sub")}));
  // The listing names the messages by their new ids: no device hears of it.
  const auto head = bed.head(bed.view_id).head;
  EXPECT_EQ(bed.anchor(bed.view_id, "new"), "");
  EXPECT_TRUE(bed.apply(bed.view_id, "new",
                        {store::item("100", "new", 10), store::item("101", "new", 20), Listed{"new"}}, "a2"));
  bed.wait(std::chrono::seconds(10));
  EXPECT_EQ(bed.head(bed.view_id).head, head);
  EXPECT_EQ(bed.gid_of("100"), one);
}

/// It was asked for before the renaming and comes after it.
TEST(FolderCommands, AListingOfTheTreeThatIsLateDoesNotRemoveWhatItCouldNotKnow) {
  FolderBed bed;
  std::vector<Change> late;
  for (const auto& [id, folder] : bed.box.folders) late.emplace_back(FolderUpsert{folder});
  late.emplace_back(Listed{});
  const auto gid = bed.folder_gid("old");
  bed.insist(bed.renaming("old", "older"));
  bed.insist(bed.making("made"));
  EXPECT_TRUE(bed.apply(bed.view_id, "", std::move(late), "t2"));
  EXPECT_THAT(bed.live(), IsSupersetOf({"older", "made"}));
  bed.tell_tree("t3");
  EXPECT_THAT(bed.live(), UnorderedElementsAre("in", "older", "out", "made"));
  EXPECT_EQ(bed.folder_gid("older"), gid);
}

TEST(FolderCommands, ThePageThatWasQuickerCounts) {
  FolderBed bed;
  const auto renaming = bed.renaming("old", "older");
  bed.box.faults_after.push_back(of(FaultKind::unavailable));  // done, and nobody heard
  bed.say(renaming);
  bed.world.run_until([&] { return bed.box.folders.contains("older"); }, std::chrono::seconds(5));
  bed.tell_tree("t2");
  const auto result = bed.insist(renaming);
  EXPECT_TRUE(result.fault == 0 || result.fault == code(FaultKind::not_found)) << result.text;
  EXPECT_THAT(bed.live(), UnorderedElementsAre("in", "older", "out"));
}

TEST(FolderCommands, RenamedOnBothSidesEndsAsTheStoreHasIt) {
  FolderBed bed;
  const auto renaming = bed.renaming("old", "mine");
  bed.box.rename_folder("old", "theirs");
  EXPECT_EQ(bed.insist(renaming).fault, code(FaultKind::not_found));
  bed.tell_tree("t2");
  EXPECT_THAT(bed.live(), UnorderedElementsAre("in", "theirs", "out"));
}

TEST(FolderCommands, OnlyAnEmptyFolderIsRemoved) {
  FolderBed bed;
  bed.box.add_folder("old/below");
  EXPECT_EQ(bed.insist(bed.removing("old")).fault, code(FaultKind::conflict));
  bed.box.folders.erase("old/below");
  bed.box.mails["9"] = {"old", "came just now"};
  const auto kept = bed.insist(bed.removing("old"));
  EXPECT_EQ(kept.fault, code(FaultKind::conflict));
  EXPECT_EQ(bed.box.mails.count("9"), 1U);
  EXPECT_EQ(bed.insist(bed.removing("out")).fault, code(FaultKind::denied)) << "Sent";
  EXPECT_EQ(bed.count("remove_folder"), 0);
  bed.box.mails.erase("9");
  EXPECT_EQ(bed.insist(bed.removing("old")).fault, 0U);
  EXPECT_THAT(bed.live(), UnorderedElementsAre("in", "out"));
  EXPECT_FALSE(bed.box.folders.contains("old"));
}

TEST(FolderCommands, AFolderThatIsGoneAlreadyIsRemoved) {
  FolderBed bed;
  const auto removing = bed.removing("old");
  bed.box.folders.erase("old");
  EXPECT_EQ(bed.insist(removing).fault, 0U);
}

/// A kill or a power cut at every event: each takes effect once, and what is in the renamed folder is not lost.
class FolderArrows : public testing::TestWithParam<bool> {};

TEST_P(FolderArrows, EachTakesEffectOnceWhereverTheGatewayDies) {
  bool died = true;
  for (std::uint64_t at = 0; died; at += 3) {
    SCOPED_TRACE(at);
    FolderBed bed(11 + at);
    bed.box.add_folder("idle");
    bed.tell_tree("t1");
    bed.wait(std::chrono::seconds(1));  // it is durable
    const std::vector<e2e::Command> all{bed.making("made", "in"), bed.renaming("old", "older"), bed.removing("idle")};
    for (const auto& each : all) bed.commands->take("ann", phone, each, [] {});
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && bed.told.size() < 2 * all.size()) bed.world.step();
    died = bed.told.size() < 2 * all.size();
    bed.die(GetParam());
    for (const auto& each : all) {
      const auto result = bed.insist(each);
      EXPECT_EQ(result.fault, 0U) << result.text;
    }
    std::vector<std::string> there;
    for (const auto& [id, folder] : bed.box.folders) there.push_back(id);
    EXPECT_THAT(there, UnorderedElementsAre("in", "in/made", "older", "out"));
    EXPECT_THAT(bed.live(), UnorderedElementsAre("in", "in/made", "older", "out"));
    EXPECT_EQ(bed.box.mails.size(), 2U);
    if (testing::Test::HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Deaths, FolderArrows, testing::Bool());

}  // namespace
}  // namespace tidegate::journal
