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
                                        << "\n[backend:memory]\nplugin = mock\nmode = memory\n";
  }
  void TearDown() override { fs::remove_all(directory_); }

  Outcome run(const std::string& plugin, const std::string& more) {
    const auto command = build_ + "/bin/tidegate-plugin-check " + build_ + "/" + plugin + " --config " +
                         (directory_ / "t.ini").string() + " " + more + " 2>&1";
    Outcome outcome;
    std::FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): our own words only
    if (!out) return outcome;
    char buffer[4096];
    while (const auto have = std::fread(buffer, 1, sizeof buffer, out)) outcome.text.append(buffer, have);
    const int status = ::pclose(out);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
  }
  void found_out(const std::string& liar, const std::string& by) {
    const auto outcome = run("tests/liars/" + liar + ".so", "--backend disk");
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
  const auto outcome = run("plugins/mock.so", "--backend memory --user user5 --seed 8");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
}

TEST_F(Check, ALostItemIsFoundOut) { found_out("loses_an_item", "Law1.EveryItemOnceThenNothing"); }
TEST_F(Check, AThrowingPluginIsFoundOutAndSurvived) {
  found_out("throws_at_random", "Law1.");
  EXPECT_TRUE(run("tests/liars/throws_at_random.so", "--backend disk").text.contains("plugin liar failed in changes"));
}
TEST_F(Check, ForgottenRemovalsAreFoundOut) {
  found_out("forgets_removals", "Law2.AnyInterleavingGivesThePresentState");
}
TEST_F(Check, ABlindRepeatIsFoundOut) { found_out("blind_repeat", "Law5.CreateTwiceWithOneTokenIsOneItem"); }
TEST_F(Check, PermanentSaidAsTransientIsFoundOut) { found_out("wrong_kinds", "Law7.UnknownFoldersAreNotFound"); }
TEST_F(Check, RewrittenMailIsFoundOut) { found_out("rewrites_mail", "Law6.MailReadsBackToTheOctet"); }

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
