// SPDX-License-Identifier: Apache-2.0
// Resync by compare, the pure part and on a disk.
#include "device/compare.hpp"

#include "tests/device/disk_fixture.hpp"

namespace tidegate::device {
namespace {

std::string mail(int n) { return "Subject: " + std::to_string(n) + "\r\n\r\nx\r\n"; }

/// What a gateway answers, from the log.
struct Gateway {
  const ScriptedLog& log;
  std::map<std::pair<Gid, std::uint32_t>, std::vector<const ScriptedLog::Entry*>> buckets() const {
    std::map<std::pair<Gid, std::uint32_t>, std::vector<const ScriptedLog::Entry*>> out;
    for (const auto& [number, entry] : log.entries)
      if (entry.seq_gone == 0) out[{entry.folder, month_of(entry.received)}].push_back(&entry);
    return out;
  }
  e2e::CompareDigests digests() const {
    e2e::CompareDigests out{log.view, log.epoch, log.head, {}, true};
    for (const auto& [bucket, entries] : buckets()) {
      e2e::CompareDigests::Digest digest{bucket.first, bucket.second, static_cast<std::uint32_t>(entries.size()), {}};
      for (const auto* entry : entries) e2e::compare_digest_add(digest.digest, gid_of(entry->number), entry->seq());
      out.digests.push_back(digest);
    }
    return out;
  }
  std::vector<e2e::ToDevice> pages(const e2e::CompareWant& want) const {
    std::vector<e2e::ToDevice> out;
    const auto all = buckets();
    for (const auto& bucket : want.buckets) {
      e2e::ComparePage page{log.view, bucket.folder, bucket.month, {}, true};
      for (const auto* entry : all.at({bucket.folder, bucket.month})) {
        e2e::ComparePage::Entry named{gid_of(entry->number), entry->seq(), {}};
        named.fingerprint[0] = static_cast<std::byte>(entry->number);
        page.entries.push_back(named);
      }
      out.emplace_back(std::move(page));
    }
    for (const auto& gid : want.items)
      for (const auto& [number, entry] : log.entries)
        if (gid_of(number) == gid) out.emplace_back(log.item(entry));
    return out;
  }
};

struct Talk {
  std::size_t buckets = 0, items = 0;
  bool last = false;
};

Talk compare(DiskFixture& disk, const ScriptedLog& log, bool end = true) {
  const Gateway gateway{log};
  Talk talk;
  std::vector<e2e::ToDevice> next{log.hello_ack(true), log.tree(), gateway.digests()};
  while (!next.empty()) {
    auto done = disk.shelf->apply(std::move(next));
    EXPECT_TRUE(done) << done.error().text << done.error().cause;
    next.clear();
    if (!done) break;
    for (const auto& answer : done->answers)
      if (const auto* want = std::get_if<e2e::CompareWant>(&answer)) {
        talk.buckets += want->buckets.size();
        talk.items += want->items.size();
        talk.last |= want->last;
        for (auto& message : gateway.pages(*want)) next.push_back(std::move(message));
      }
  }
  if (end) {
    const auto done = disk.shelf->apply({e2e::CompareEnd{log.mark(log.head).position}});
    EXPECT_TRUE(done);
    EXPECT_EQ(done->answers.size(), 1U);
  }
  return talk;
}

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
