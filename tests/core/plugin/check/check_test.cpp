// SPDX-License-Identifier: Apache-2.0
// tidegate-plugin-check as a process: an honest plugin passes, liars don't, misuse is explained.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string text;
};

class Check : public testing::Test {
 protected:
  void SetUp() override {
    build_ = std::getenv("TIDEGATE_BUILD") ? std::getenv("TIDEGATE_BUILD") : ".";
    std::string name = (fs::temp_directory_path() / "tidegate-check-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    for (const auto* box : {"new", "cur", "tmp"}) fs::create_directories(directory_ / "root/alice" / box);
    std::ofstream(directory_ / "t.ini") << "[backend:disk]\nplugin = mock\nroot = " << (directory_ / "root").string()
                                        << "\n[backend:memory]\nplugin = mock\nmode = memory\ncontrol = "
                                        << (directory_ / "control").string() << '\n';
  }
  void TearDown() override { fs::remove_all(directory_); }

  Outcome run(const std::string& plugin, const std::string& more, const std::string& lie = "none") {
    const auto command = "TIDEGATE_LIE=" + lie + " " + build_ + "/bin/tidegate-plugin-check " + build_ + "/" + plugin +
                         " --config " + (directory_ / "t.ini").string() + " " + more + " 2>&1";
    Outcome outcome;
    std::FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): our own words only
    if (!out) return outcome;
    char buffer[4096];
    while (const auto have = std::fread(buffer, 1, sizeof buffer, out)) outcome.text.append(buffer, have);
    const int status = ::pclose(out);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
  }
  /// The mock in memory, and a hand that brings it to what no verb can.
  std::string in_memory() const {
    return "--backend memory --user user5 --hand '" + std::string(std::getenv("TIDEGATE_SOURCE")) +
           "/tests/core/plugin/check/mock_hand.py " + (directory_ / "control").string() + "'";
  }
  void found_out(const std::string& lie, const std::string& by, const std::string& where = "--backend disk") {
    const auto outcome =
        run("tests/liar.so", where + " --seed 7 --patience 2 --gtest_filter=" + by.substr(0, by.find('.')) + ".*", lie);
    EXPECT_EQ(outcome.code, 1) << outcome.text;
    EXPECT_TRUE(outcome.text.contains("[  FAILED  ] " + by)) << outcome.text;
  }

  std::string build_;
  fs::path directory_;
};

TEST_F(Check, TheMockOnDiskIsHonest) {
  const auto outcome = run("plugins/mock.so", "--backend disk --seed 7");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_TRUE(outcome.text.contains("Law2.AnyInterleavingGivesThePresentState"));
  for (const auto& entry : fs::directory_iterator(directory_ / "root/alice"))
    EXPECT_FALSE(entry.path().filename().string().contains("tidegate-check")) << "left behind: " << entry.path();
}

TEST_F(Check, TheMockInMemoryIsHonest) {
  const auto outcome = run("plugins/mock.so", in_memory() + " --seed 8");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  for (const auto* law : {"Law8.AWatchHintsOfEachChange", "Law10.ARestoreIsRegressedAndSaysSoAgain",
                          "Law10.AFlagUndoneByARestoreIsNotOverlooked", "Law11.AnUnreadableItemStopsNothingElse"})
    EXPECT_TRUE(outcome.text.contains("[       OK ] " + std::string(law))) << outcome.text;
}

TEST_F(Check, TheSeedIsSaidAndGivesTheSameAgain) {
  const auto chosen = run("plugins/mock.so", "--backend disk --gtest_filter=Law2.*");
  EXPECT_TRUE(chosen.text.contains("--seed ")) << chosen.text;
  const auto first = run("tests/liar.so", "--backend disk --seed 11 --gtest_filter=Law2.Any*", "forgets_removals");
  const auto again = run("tests/liar.so", "--backend disk --seed 11 --gtest_filter=Law2.Any*", "forgets_removals");
  const auto step = [](const std::string& text) {
    const auto at = text.find("step ");
    return at == std::string::npos ? std::string() : text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_TRUE(step(first.text).contains("of seed 11")) << first.text;
  EXPECT_EQ(step(first.text), step(again.text));
}

TEST_F(Check, TheLiarWithoutALieIsHonest) {
  EXPECT_EQ(run("tests/liar.so", "--backend memory --user user5 --seed 7").code, 0)
      << "then it is the lies that are found out";
}
TEST_F(Check, ALostItemIsFoundOut) { found_out("loses_an_item", "Law1.EveryItemOnceThenNothing"); }
TEST_F(Check, AThrowingPluginIsFoundOutAndSurvived) {
  found_out("throws_at_random", "Law1.");
  EXPECT_TRUE(run("tests/liar.so", "--backend disk --gtest_filter=Law1.*", "throws_at_random")
                  .text.contains("plugin liar failed in changes"));
}
TEST_F(Check, ForgottenRemovalsAreFoundOut) {
  found_out("forgets_removals", "Law2.AnyInterleavingGivesThePresentState");
}
TEST_F(Check, AnAnchorOfOnesOwnIsFoundOut) {
  found_out("goes_on_from_its_own_place", "Law2.AnyInterleavingGivesThePresentState");
}
TEST_F(Check, AnyAnchorTakenIsFoundOut) { found_out("takes_any_anchor", "Law3.ForeignAnchorsAreExpired"); }
TEST_F(Check, AnyRevisionTakenIsFoundOut) {
  found_out("takes_any_revision", "Law4.AStaleUpdateIsAConflictAndChangesNothing");
}
TEST_F(Check, FlagsSetAsAWholeAreFoundOut) { found_out("sets_flags_as_a_whole", "Law4.FlagsOfTwoCommute"); }
TEST_F(Check, ABlindRepeatIsFoundOut) { found_out("blind_repeat", "Law5.CreateTwiceWithOneTokenIsOneItem"); }
TEST_F(Check, PermanentSaidAsTransientIsFoundOut) { found_out("wrong_kinds", "Law7.UnknownFoldersAreNotFound"); }
TEST_F(Check, RewrittenMailIsFoundOut) { found_out("rewrites_mail", "Law6.MailReadsBackToTheOctet"); }

TEST_F(Check, ASilentWatchIsFoundOut) { found_out("says_nothing", "Law8.AWatchHintsOfEachChange"); }
TEST_F(Check, APluginThatNeverStopsIsFoundOut) { found_out("never_stops", "Law9.APassedDeadlineCancels"); }
TEST_F(Check, AHiddenRestoreIsFoundOut) {
  found_out("hides_a_restore", "Law10.ARestoreIsRegressedAndSaysSoAgain", in_memory());
}
TEST_F(Check, AnItemThatStopsTheRestIsFoundOut) {
  found_out("stumbles_over_one", "Law11.AnUnreadableItemStopsNothingElse", in_memory());
}
TEST_F(Check, PagesWithoutBoundsAreFoundOut) {
  found_out("brings_everything_along", "Law12.PagesStayWithinTheirBounds");
}

TEST_F(Check, MisuseIsExplained) {
  auto outcome = run("plugins/mock.so", "--backend nothing");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(outcome.text.contains("[backend:nothing]")) << outcome.text;
  outcome = run("plugins/mock.so", "");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(outcome.text.contains("--backend NAME")) << outcome.text;
  outcome = run("plugins/none.so", "--backend disk");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(outcome.text.contains("there is no such file")) << outcome.text;
  outcome = run("plugins/mock.so", "--backend disk --usr bob");
  EXPECT_EQ(outcome.code, 2);
  outcome = run("plugins/mock.so", "--backend disk --user bob");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_TRUE(outcome.text.contains("no directory for this user")) << outcome.text;
}

}  // namespace
