// SPDX-License-Identifier: Apache-2.0
// What an update of a content leaves in the log.
#include <gmock/gmock.h>

#include "tests/core/journal/command_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;

struct Updating : CommandBed {
  Updating() { box.mails["1"].revision = "c"; }
  e2e::Command updating(const Bytes& content) {
    auto made = command(e2e::Verb::update, "1");
    made.content_rev = "c";
    made.size = content.size();
    made.content = e2e::pack(content, e2e::Compression::none);
    return made;
  }
  store::ItemRow row() {
    for (auto& each : changes(view_id))
      if (each.id == "1") return each;
    return {};
  }
};

TEST(Updates, AnUpdateIsInTheLogBeforeAnyPageTellsOfIt) {
  Updating bed;
  const auto result = bed.insist(bed.updating("other octets"));
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(bed.row().content_rev, "c+");
  EXPECT_EQ(bed.row().size, 12U);
  EXPECT_EQ(bed.row().seq_body, result.seq);
  EXPECT_GT(result.seq, 0U);
  EXPECT_EQ(bed.heads.back(), result.seq) << "the user's other devices hear at once";
  // The page that tells of it changes nothing more.
  auto told = store::item("1", "in", 10);
  told.content_rev = "c+";
  told.size = 12;
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {told}, "b"));
  EXPECT_EQ(bed.row().seq(), result.seq);
}

TEST(Updates, AnUpdateDoesNotTakeBackWhatAPageHasToldSince) {
  Updating bed;
  bed.box.faults_after.push_back(of(FaultKind::unavailable));  // done, and its answer lost
  bed.say(bed.updating("new"));
  bed.wait(100ms);
  auto newer = store::item("1", "in", 10);
  newer.content_rev = "theirs";
  EXPECT_TRUE(bed.apply(bed.view_id, "in", {newer}, "b"));
  bed.box.mails["1"].revision = "c";  // as if the answer had come only now
  bed.wait(5s);
  EXPECT_EQ(bed.row().content_rev, "theirs");
}

// DAV-07: what the server made of it is read back, not taken from the command.
TEST(Updates, AnUpdateThatTheServerRewroteKeepsItsSizeUntilThePage) {
  Updating bed;
  bed.box.rewrites = true;
  const auto result = bed.insist(bed.updating("other octets"));
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(bed.row().content_rev, "c+");
  EXPECT_EQ(bed.row().size, 100U) << "not that of what was sent";
  EXPECT_EQ(bed.row().seq_body, result.seq) << "every device gets it anew, the one that sent it, too";
}

TEST(Updates, AnUpdateWithoutARevisionIsLeftToThePage) {
  Updating bed;
  bed.box.tells_revisions = false;
  const auto result = bed.insist(bed.updating("new"));
  EXPECT_EQ(result.fault, 0U);
  EXPECT_EQ(result.seq, 0U);
  EXPECT_EQ(bed.row().content_rev, "c");
  EXPECT_THAT(bed.actors->hinted, testing::Contains("in"));
}

}  // namespace
}  // namespace tidegate::journal
