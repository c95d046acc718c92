// SPDX-License-Identifier: Apache-2.0
// More is missing in the Maildir than is removed without asking.
#include <algorithm>

#include "device/outgoing.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {
namespace {

TEST(Upward, TooMuchMissingAtOnceIsHeld) {
  Upward disk(12, 40);
  for (int n = 1; n <= 21; ++n) ASSERT_TRUE(disk.host.files().remove(disk.path(static_cast<std::uint64_t>(n))));
  EXPECT_EQ(disk.settle(), 0U);
  std::vector<HoldRow> holds;
  ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { holds = Holds(index.database()).list(); }));
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].items, 21U);
  EXPECT_EQ(holds[0].folder, gid_of(1001));
  // One that comes back is off the hold; what the person says decides of the others.
  disk.write("/mail/cur/back:2,", mail(1));
  disk.settle();
  ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { holds = Holds(index.database()).list(); }));
  EXPECT_EQ(holds.at(0).items, 20U);
  ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { Holds(index.database()).release(holds[0].number); }));
  disk.converge();
  EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::remove), 20);
}

/// With so many mails of the store, and one made here that the store does not have yet.
struct Held : Upward {
  explicit Held(std::uint64_t seed) : Upward(seed, 25) {
    write("/mail/cur/made.1:2,", mail(101));
    settle();
    const auto files = mails("cur");
    const auto found = std::ranges::find_if(
        files, [&](const auto& path) { return host.files().read(path).value_or("") == mail(101); });
    EXPECT_NE(found, files.end());
    if (found != files.end()) made = *found;
  }
  /// Twenty others go at once.
  void remove_many() {
    for (std::uint64_t number = 1; number <= 20; ++number) ASSERT_TRUE(host.files().remove(path(number)));
    settle();
  }
  std::string made;  ///< its path
};

// What was made here, and had not gone up when it disappeared with many others, waits for what a person says; nothing
// else does.
TEST(Upward, WhatIsHeldKeepsNothingElseFromGoingUp) {
  for (const bool meant : {true, false}) {
    Held disk(meant ? 31 : 32);
    disk.rename(disk.made, "/mail/away");
    disk.remove_many();
    std::vector<HoldRow> holds;
    ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { holds = Holds(index.database()).list(); }));
    ASSERT_EQ(holds.size(), 1U);
    disk.write("/mail/cur/made.2:2,", mail(102));
    disk.settle();
    EXPECT_TRUE(disk.send());
    EXPECT_EQ(disk.verbs(), Verbs{e2e::Verb::create}) << "the second one";
    if (meant)
      ASSERT_TRUE(disk.shelf->with_index([&](Index& index) { Holds(index.database()).release(holds[0].number); }));
    else
      disk.rename("/mail/away", disk.made);
    disk.settle();
    EXPECT_TRUE(disk.send());
    EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::create), meant ? 1 : 2);
    EXPECT_EQ(std::ranges::count(disk.verbs(), e2e::Verb::remove), meant ? 20 : 0);
  }
}

// The same within one session: what comes back goes up behind what had overtaken it, with what was done to it since.
TEST(Upward, WhatWasPassedOverGoesUpOnceItIsBack) {
  Held disk(33);
  disk.rename(disk.made, disk.made + "F");
  disk.settle();  // its flag is a command of its own
  disk.rename(disk.made + "F", "/mail/away");
  disk.remove_many();
  disk.write("/mail/cur/made.2:2,", mail(102));
  disk.settle();
  disk.store.begin_session();
  UploadCursor cursor;
  const auto pump = [&] {
    for (int turn = 0; turn < 100; ++turn) {
      auto step = disk.shelf->upload(cursor, unanswered_limit);
      ASSERT_TRUE(step);
      for (const auto& message : step->messages)
        for (auto& answer : disk.store.hear(message)) disk.tell(std::move(answer));
      ASSERT_FALSE(step->blocked || step->broken);
      cursor = step->cursor;
      if (!step->more) return;
    }
    FAIL() << "it does not end";
  };
  pump();
  EXPECT_EQ(disk.verbs(), Verbs{e2e::Verb::create});
  disk.rename("/mail/away", disk.made + "F");
  disk.settle();
  pump();
  EXPECT_EQ(disk.verbs(), (Verbs{e2e::Verb::create, e2e::Verb::create, e2e::Verb::set_flags}));
}

}  // namespace
}  // namespace tidegate::device
