// SPDX-License-Identifier: Apache-2.0
// Keywords as letters of file names, down and up, on a disk in memory against a scripted store.
#include "device/keywords.hpp"

#include <algorithm>

#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

using Words = std::set<std::string>;

struct Lettered : Upward {
  using Upward::Upward;
  void store_says(std::uint64_t number, Words words) {
    log.keywords(number, std::move(words));
    catch_up(log);
  }
  std::string letters(std::uint64_t number) {
    const auto file = path(number);
    const auto info = file.find(":2,");
    return info == std::string::npos ? "" : file.substr(info + 3);
  }
  void show(std::uint64_t number, const std::string& letters) {
    const auto file = path(number);
    rename(file, directory_of(directory_of(file)) + "/cur/" + std::string(base_of(file)) + ":2," + letters);
  }
  std::string table(const std::string& directory) {
    return host.files().read(directory + "/dovecot-keywords").value_or("none");
  }
  void put_table(const std::string& directory, const std::string& text) {
    const auto file = directory + "/dovecot-keywords";
    if (host.files().info(file)->has_value()) {
      ASSERT_TRUE(host.files().remove(file));
    }
    ASSERT_TRUE(host.files().create(file, text));
  }
  const Words& stored(std::uint64_t number) { return log.entries.at(number).keywords; }
};

TEST(Letters, ComeFromTheStore) {
  Lettered disk(1);
  disk.store_says(1, {"Work", "$Junk"});
  disk.store_says(2, {"Work"});
  EXPECT_EQ(disk.table("/mail"), "0 $Junk\n1 Work\n");
  EXPECT_EQ(disk.letters(1), "ab");
  EXPECT_EQ(disk.letters(2), "Sb");
  disk.converge();
  disk.store_says(1, {"Work"});
  EXPECT_EQ(disk.letters(1), "b");
  disk.log.add(9, mail(9), flagged);
  disk.store_says(9, {"$Junk"});
  EXPECT_EQ(disk.letters(9), "Fa");
  disk.converge();
  EXPECT_TRUE(disk.store.carried_out.empty());
}

TEST(Letters, GoUpAsADifference) {
  Lettered disk(2);
  disk.store_says(1, {"Work", "Later"});
  disk.show(1, "Sb");  // "Later", a, is taken away, and it was read
  disk.show(2, "Sa");
  disk.converge();
  ASSERT_EQ(disk.store.carried_out.size(), 2U);
  const auto one = std::ranges::find(disk.store.carried_out, gid_of(1), &e2e::Command::gid);
  EXPECT_EQ(one->flags_add, seen);
  EXPECT_TRUE(one->keywords_add.empty());
  EXPECT_EQ(one->keywords_clear, std::vector<std::string>{"Later"});
  EXPECT_EQ(disk.stored(1), Words{"Work"});
  EXPECT_EQ(disk.stored(2), Words{"Later"});
}

TEST(Letters, MergeThreeWays) {
  Lettered disk(3);
  disk.store_says(1, {"A", "B"});
  disk.show(1, "ab");
  disk.show(2, "Sb");
  disk.store_says(2, {"A"});  // before anybody has looked
  EXPECT_EQ(disk.letters(2), "Sab");
  disk.converge();
  EXPECT_EQ(disk.stored(2), (Words{"A", "B"}));
  disk.show(1, "b");
  disk.look();
  disk.store_says(1, {"A", "B", "C"});
  EXPECT_EQ(disk.letters(1), "bc") << "a pending command masks what comes in";
  disk.converge();
  EXPECT_EQ(disk.stored(1), (Words{"B", "C"}));
}

TEST(Letters, TakenAwayBeforeAnybodyLookedAndTheStoreSpokeThen) {
  Lettered disk(10);
  disk.store_says(1, {"A", "B"});
  disk.show(1, "b");
  disk.store_says(1, {"A", "B", "C"});
  EXPECT_EQ(disk.letters(1), "bc");
  disk.converge();
  EXPECT_EQ(disk.stored(1), (Words{"B", "C"}));
  disk.store_says(2, {"C"});
  disk.end();
  disk.show(1, "c");
  disk.start();
  disk.converge();
  EXPECT_EQ(disk.stored(1), Words{"C"}) << "also while the device was not running";
}

TEST(Letters, ARefusalIsTakenBack) {
  Lettered disk(4);
  disk.store_says(1, {"A"});
  disk.store.refuse = [](const e2e::Command&) { return FaultKind::denied; };
  disk.show(1, "");
  disk.converge();
  EXPECT_EQ(disk.letters(1), "a");
}

TEST(Letters, WithoutAMeaningTheyStayAndGetNone) {
  Lettered disk(5);
  disk.show(2, "Sa");
  EXPECT_EQ(disk.settle(), 0U);
  disk.converge();
  disk.store_says(1, {"Work"});
  EXPECT_EQ(disk.table("/mail"), "1 Work\n");
  EXPECT_EQ(disk.letters(1), "b");
  EXPECT_EQ(disk.letters(2), "Sa");
  disk.log.flags(2, seen | flagged);
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.letters(2), "FSa");
  EXPECT_TRUE(disk.stored(2).empty());
}

TEST(Letters, WhatHasNoneIsNeverCleared) {
  Lettered disk(6);
  Words many;
  for (char c = 'A'; c <= 'Z'; ++c) many.insert("word" + std::string(1, c));
  disk.store_says(1, many);
  EXPECT_EQ(disk.letters(1), "abcdefghijklmnopqrstuvwxyz");
  disk.store_says(2, {"one more", "more", "w\x01"});
  EXPECT_EQ(disk.letters(2), "S");
  disk.show(2, "FS");
  disk.converge();
  EXPECT_EQ(disk.stored(2).size(), 3U);
  // Another program gives a letter to a word whose file has never shown it.
  auto table = disk.table("/mail");
  table.replace(table.find("wordZ"), 5, "more");
  disk.show(1, "abcdefghijklmnopqrstuvwxy");
  disk.look();
  disk.put_table("/mail", table);
  disk.show(2, "S");
  disk.settle();
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.log.entries.at(2).flags, seen);
  EXPECT_TRUE(disk.stored(2).contains("more")) << "the letter is absent, but nobody took it away";
}

TEST(Letters, OfAMovedFileAreThoseOfItsOldFolder) {
  Lettered disk(7);
  disk.store_says(1, {"A", "B"});
  disk.log.add(8, mail(8), seen, 2);
  disk.store_says(8, {"B", "C"});
  ASSERT_EQ(disk.table("/mail/.Work"), "0 B\n1 C\n");
  disk.store_says(3, {"B"});
  ASSERT_EQ(disk.letters(3), "b");
  const auto file = disk.path(3);
  disk.rename(file, "/mail/.Work/cur/" + std::string(base_of(file)) + ":2,Sb");
  disk.converge();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::move, e2e::Verb::set_flags}));
  EXPECT_EQ(disk.stored(3), Words{"B"});
  EXPECT_EQ(disk.letters(3), "Sa");
  disk.log.move(1, 2);  // by another device
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.table("/mail/.Work"), "0 B\n1 C\n2 A\n");
  EXPECT_EQ(disk.letters(1), "ac");
  disk.converge();
  EXPECT_EQ(disk.store.carried_out.size(), 2U);
}

TEST(Letters, GoWithANewMailAndItsCopies) {
  Lettered disk(8);
  disk.store_says(1, {"A"});
  disk.write("/mail/cur/1.new.host:2,Sa", mail(20));
  disk.converge();
  ASSERT_EQ(disk.store.carried_out.size(), 1U);
  EXPECT_EQ(disk.store.carried_out[0].keywords_add, std::vector<std::string>{"A"});
}

TEST(Letters, ATableMayHoldAnything) {
  for (const auto* text :
       {"", "nonsense", "0\n", "0 \n26 Z\n-1 X\n99999999999999999999 Y\n", "1 A\n1 B\n", "\n\n 0 A"}) {
    Lettered disk(9);
    disk.put_table("/mail", text);
    disk.store_says(1, {"A"});
    EXPECT_EQ(disk.letters(1).size(), 1U) << text;
    disk.converge();
  }
}

/// Letters set and cleared, a mail moved between folders whose letters differ, and the store's own news: die at every
/// call that changes the disk.
class DyingLetters : public testing::TestWithParam<bool> {};

TEST_P(DyingLetters, AtEveryStep) {
  bool whole = false;
  for (std::uint64_t step = 0; !whole; ++step) {
    SCOPED_TRACE(step);
    ASSERT_LT(step, 500U);
    Lettered disk(300 + step);
    disk.log.add(8, mail(8), seen, 2);
    disk.log.keywords(8, {"B", "C"});
    disk.log.keywords(1, {"A", "B"});
    disk.log.keywords(2, {"A"});
    disk.log.keywords(3, {"B"});
    disk.catch_up(disk.log);
    disk.settle();
    disk.show(1, "b");    // A is taken away
    disk.show(2, "Sab");  // B is added
    const auto file = disk.path(3);
    disk.rename(file, "/mail/.Work/cur/" + std::string(base_of(file)) + ":2,Sb");
    for (const char* directory : {"/mail/cur", "/mail/new", "/mail/.Work/cur"})
      ASSERT_TRUE(disk.host.files().sync_directory(directory));
    disk.cutter->cutting().until = step;
    try {
      disk.settle();
      disk.send();
      disk.log.keywords(4, {"D"});
      // A rename of ours that a power cut divides leaves two files: taken for a copy, whatever it shows.
      if (!GetParam()) disk.log.move(2, 2);
      disk.catch_up(disk.log);
      whole = true;
    } catch (const Cut&) {
      const auto drop = [&] { disk.end(); };
      GetParam() ? disk.host.power_cut(drop) : disk.host.kill(drop);
      disk.start();
    }
    disk.cutter->cutting().until = UINT64_MAX;
    if (!disk.log.entries.at(4).keywords.contains("D")) disk.log.keywords(4, {"D"});
    disk.converge();
    EXPECT_EQ(disk.stored(1), Words{"B"});
    EXPECT_EQ(disk.stored(2), (Words{"A", "B"}));
    EXPECT_EQ(disk.stored(3), Words{"B"});
    EXPECT_EQ(disk.stored(8), (Words{"B", "C"}));
    EXPECT_EQ(disk.log.entries.at(3).folder, gid_of(1002));
    // What the store said of 2 and 4 may be said back to it, if the file was renamed and the row was not.
    EXPECT_EQ(std::ranges::count_if(disk.store.carried_out,
                                    [](const auto& each) {
                                      return each.gid != gid_of(4) &&
                                             !(each.keywords_add.empty() && each.keywords_clear.empty());
                                    }),
              2);
    EXPECT_EQ(disk.stored(4), Words{"D"});
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(KillOrPowerCut, DyingLetters, testing::Bool());

}  // namespace
}  // namespace tidegate::device
