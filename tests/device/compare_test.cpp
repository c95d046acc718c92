// SPDX-License-Identifier: Apache-2.0
// Resync by compare, the pure part and on a disk.
#include "device/compare.hpp"

#include "tests/device/comparing.hpp"

namespace tidegate::device {
namespace {

std::string mail(int n) { return "Subject: " + std::to_string(n) + "\r\n\r\nx\r\n"; }

ScriptedLog full_log() {
  ScriptedLog log;
  for (std::uint64_t n = 1; n <= 20; ++n) log.add(n, mail(static_cast<int>(n)), n % 2 == 0 ? seen : 0, 1 + n % 3);
  return log;
}

TEST(Compare, MonthsAreCountedInUtc) {
  EXPECT_EQ(month_of(0), 0U);
  EXPECT_EQ(month_of(31 * 86'400 - 1), 0U);
  EXPECT_EQ(month_of(31 * 86'400), 1U);
  EXPECT_EQ(month_of(1'700'000'000), (2023U - 1970U) * 12 + 10);
  EXPECT_EQ(month_of(-1), static_cast<std::uint32_t>(-1));
}

TEST(Compare, EqualAsksForNothing) {
  DiskFixture disk(1);
  auto log = full_log();
  disk.catch_up(log);
  log.epoch.fill(std::byte{9});
  const auto arrivals = disk.arrivals.size();
  const auto talk = compare(disk, log);
  EXPECT_EQ(talk.buckets, 0U);
  EXPECT_EQ(talk.items, 0U);
  EXPECT_TRUE(talk.last);
  EXPECT_EQ(disk.arrivals.size(), arrivals);
  disk.expect_equal(log);
}

TEST(Compare, AsksForWhatDiffersAndDropsWhatIsAbsent) {
  DiskFixture disk(2);
  auto log = full_log();
  disk.catch_up(log);
  // Another epoch, whose numbers begin anew: 4 is gone without a tombstone, 5 was flagged, 21 is new.
  ScriptedLog other = log;
  other.epoch.fill(std::byte{9});
  other.entries.erase(4);
  other.entries.at(5).flags = flagged;
  other.entries.at(5).seq_body = 1;
  other.head = 30;
  other.add(21, mail(21));
  const auto arrivals = disk.arrivals.size();
  const auto talk = compare(disk, other);
  EXPECT_EQ(talk.items, 2U);
  EXPECT_EQ(disk.arrivals.size(), arrivals + 1) << "5 was on disk already";
  disk.expect_equal(other);
  EXPECT_EQ(disk.live(), other.head);
}

// DEV-02
TEST(Compare, NothingIsDroppedBeforeItIsComplete) {
  DiskFixture disk(3);
  auto log = full_log();
  disk.catch_up(log);
  ScriptedLog other = log;
  other.epoch.fill(std::byte{9});
  other.entries.erase(4);
  other.entries.erase(5);
  (void)compare(disk, other, false);
  disk.expect_equal(log);  // all is still there
  // Cut here: the next session has no compare under way, so its end is a lie.
  ASSERT_TRUE(disk.shelf->apply({log.hello_ack(true), log.tree()}));
  EXPECT_FALSE(disk.shelf->apply({e2e::CompareEnd{other.mark(other.head).position}}));
  ASSERT_TRUE(disk.shelf->recover());
  disk.expect_equal(log);
  EXPECT_EQ(disk.live(), log.head);
}

TEST(Compare, AMarkDuringItDoesNotCount) {
  DiskFixture disk(4);
  auto log = full_log();
  disk.catch_up(log);
  auto mark = log.mark(999);
  mark.position.epoch.fill(std::byte{9});
  const auto done = disk.shelf->apply({log.hello_ack(true), log.tree(), mark});
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->answers.empty());
  EXPECT_EQ(disk.live(), log.head);
}

}  // namespace
}  // namespace tidegate::device
