// SPDX-License-Identifier: Apache-2.0
// The log by property: random pages against a plain model, with crashes; a device that replays changes(above) and
// back-fills has exactly what the back-end has.
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

/// A back-end with two folders, one scope each. Messages keep their received (it makes the fingerprint, unique); ids
/// carry the validity, which an expiry changes.
struct Model {
  struct Message {
    std::string folder;
    std::uint32_t flags = 0;
  };
  std::map<std::int64_t, Message> messages;  ///< by received
  std::map<std::string, int> validity{{"in", 1}, {"old", 1}};
  std::map<std::string, std::vector<Change>> untold;  ///< by scope
  std::int64_t clock = 1000;

  std::string id(std::int64_t received) const {
    const auto& folder = messages.at(received).folder;
    return folder + "/" + std::to_string(validity.at(folder)) + "/" + std::to_string(received);
  }
  Upsert upsert(std::int64_t received) const {
    const auto& message = messages.at(received);
    return item(id(received), message.folder, received, message.flags);
  }

  void act(std::mt19937_64& dice) {
    const auto folder = dice() % 2 == 0 ? "in" : "old";
    const auto what = messages.empty() ? 0 : dice() % 10;
    auto at = messages.begin();
    if (!messages.empty()) std::advance(at, dice() % messages.size());
    if (what < 4) {
      messages[++clock] = {folder, 0};
      untold[folder].emplace_back(upsert(clock));
    } else if (what < 7) {
      at->second.flags = static_cast<std::uint32_t>(dice() % 8);
      untold[at->second.folder].emplace_back(upsert(at->first));
    } else if (what < 9) {  // moved
      const auto from = at->second.folder;
      untold[from].emplace_back(Removed{id(at->first), {}});
      at->second.folder = from == "in" ? "old" : "in";
      untold[at->second.folder].emplace_back(upsert(at->first));
    } else {
      untold[at->second.folder].emplace_back(Removed{id(at->first), {}});
      messages.erase(at);
    }
  }
  /// All of a scope, as pages of a listing.
  std::vector<std::vector<Change>> listing(const std::string& scope, std::mt19937_64& dice) {
    std::vector<std::vector<Change>> pages(1);
    for (auto at = messages.rbegin(); at != messages.rend(); ++at) {
      if (at->second.folder != scope) continue;
      pages.back().emplace_back(upsert(at->first));
      if (dice() % 3 == 0) pages.emplace_back();
    }
    pages.back().emplace_back(Listed{scope});
    untold[scope].clear();
    return pages;
  }
};

/// What a device knows: it applies a row only if it is newer than what it holds.
struct Device {
  std::uint64_t live = 0;
  std::map<Gid, ItemRow> items;

  void replay(LogBed& bed, ViewId view) {
    for (;;) {
      const auto rows = bed.changes(view, live, 7);
      if (rows.empty()) return;
      for (const auto& row : rows) {
        EXPECT_GT(row.seq(), live);
        live = row.seq();
        if (row.seq_gone > 0) {
          items.erase(row.gid);
        } else {
          items[row.gid] = row;
        }
      }
    }
  }
};

struct Trial {
  LogBed bed;
  Model model;
  std::mt19937_64 dice;
  ViewId view;
  int anchors = 0;

  explicit Trial(std::uint64_t seed) : bed(seed), dice(seed), view(bed.view()) {
    bed.close();  // what it removes at random is meant
    bed.settings.hold_share = 0;
    bed.open();
    EXPECT_TRUE(bed.apply(view, "", {folder("in", Role::inbox), folder("old"), Listed{""}}, "tree"));
  }

  void page(const std::string& scope, std::vector<Change> changes, bool more) {
    EXPECT_TRUE(bed.apply(view, scope, std::move(changes), "a" + std::to_string(++anchors), more));
  }
  void sync(const std::string& scope, bool crashes) {
    const auto how = dice() % 8;
    if (how == 0) {  // numbers begin anew
      EXPECT_TRUE(bed.expire(view, scope));
      ++model.validity[scope];
    }
    if (how <= 1) {
      const auto pages = model.listing(scope, dice);
      for (std::size_t i = 0; i < pages.size(); ++i) {
        page(scope, pages[i], i + 1 < pages.size());
        if (crashes && dice() % 5 == 0) bed.kill();
      }
      return;
    }
    page(scope, std::exchange(model.untold[scope], {}), false);
  }
  void expect_equal(const std::map<Gid, ItemRow>& items) {
    std::map<std::int64_t, std::pair<std::string, std::uint32_t>> held, wanted;
    const auto in = bed.folder_named(view, "in").gid;
    for (const auto& [gid, row] : items) {
      EXPECT_FALSE(held.contains(row.received)) << "twice: " << row.id;
      held[row.received] = {row.folders == std::vector{in} ? "in" : "old", row.flags};
    }
    for (const auto& [received, message] : model.messages) wanted[received] = {message.folder, message.flags};
    EXPECT_EQ(held, wanted);
  }
};

void settle(Trial& run) {
  for (const auto* scope : {"in", "old"}) run.sync(scope, false);
  run.bed.wait(std::chrono::seconds(5));
}

class Replay : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Replay, GivesExactlyTheStateOfTheBackend) {
  Trial run(GetParam());
  Device device;
  std::map<std::int64_t, Gid> gids;
  for (int round = 0; round < 60; ++round) {
    for (auto n = run.dice() % 8; n > 0; --n) run.model.act(run.dice);
    run.sync(run.dice() % 2 == 0 ? "in" : "old", true);
    if (run.dice() % 4 == 0) device.replay(run.bed, run.view);
    if (run.dice() % 10 == 0) run.bed.wait(std::chrono::seconds(4));
    if (run.dice() % 12 == 0) run.bed.kill();
  }
  settle(run);
  device.replay(run.bed, run.view);
  run.expect_equal(device.items);
  Device fresh;
  fresh.replay(run.bed, run.view);
  run.expect_equal(fresh.items);
  EXPECT_EQ(device.live, run.bed.head(run.view).head);
  std::uint64_t in_folders = 0;
  for (const auto& row : run.bed.folders(run.view)) in_folders += row.items;
  EXPECT_EQ(in_folders, run.model.messages.size());
}

TEST_P(Replay, BackfillAndLiveGiveEverythingOnce) {
  Trial run(GetParam() + 1000);
  for (int i = 0; i < 150; ++i) run.model.act(run.dice);
  settle(run);
  // A new device: live from the head, the folders as jobs below it, while messages go on coming.
  Device device;
  device.live = run.bed.head(run.view).head;
  std::set<Gid> added;
  for (const auto* name : {"in", "old"}) {
    BackfillQuery job{.folder = run.bed.folder_named(run.view, name).gid, .snapshot = device.live};
    for (auto rows = run.bed.backfill(run.view, job, 5); !rows.empty(); rows = run.bed.backfill(run.view, job, 5)) {
      for (const auto& row : rows) {
        EXPECT_TRUE(added.insert(row.gid).second) << "twice";
        device.items[row.gid] = row;
      }
      job.below_received = rows.back().received;
      job.below_gid = rows.back().gid;
      run.model.messages[++run.model.clock] = {name, 0};
      run.page(name, {run.model.upsert(run.model.clock)}, false);
    }
  }
  const auto backfilled = added;
  for (const auto& row : run.bed.changes(run.view, device.live)) {
    EXPECT_TRUE(added.insert(row.gid).second) << "live gave what the back-fill gave";
  }
  EXPECT_LT(backfilled.size(), added.size());
  device.replay(run.bed, run.view);
  run.expect_equal(device.items);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Replay, testing::Range<std::uint64_t>(1, 13));

// --- power

class Power : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Power, AnchorAndItemsAreOneAndALostTailIsANewEpoch) {
  LogBed bed(GetParam());
  std::mt19937_64 dice(GetParam());
  const auto view = bed.view();
  auto epoch = bed.head(view).epoch;
  int made = 0;
  for (int cut = 0; cut < 6; ++cut) {
    // Pages of three, the anchor counts them; the power goes at any event while they are under way.
    int told = made;
    int flying = made;
    for (auto pages = dice() % 12; pages > 0; --pages) {
      const auto from = flying == 0 ? Bytes() : std::to_string(flying);
      ApplyPage page{view, "mail", "in", from, {}};
      for (int i = 0; i < 3; ++i, ++flying) page.page.changes.emplace_back(item(std::to_string(flying), "in", flying));
      page.page.anchor = std::to_string(flying);
      bed.log->apply(std::move(page), [&told, now = flying](Result<Applied> result) {
        if (result) told = now;
      });
    }
    for (auto steps = dice() % 60; steps > 0; --steps) bed.world.step();
    const bool waited = dice() % 3 == 0;
    if (waited) bed.wait(std::chrono::milliseconds(200));
    const int durable = waited ? told : 0;
    bed.power_cut();
    const auto anchor = bed.anchor(view, "in");
    const auto rows = bed.changes(view);
    made = anchor.empty() ? 0 : std::stoi(anchor);
    EXPECT_EQ(rows.size(), static_cast<std::size_t>(made)) << "anchor and items disagree";
    EXPECT_GE(made, durable) << "lost what was synced";
    std::set<std::uint64_t> seqs;
    for (const auto& row : rows) EXPECT_TRUE(seqs.insert(row.seq()).second);
    const auto head = bed.head(view);
    EXPECT_NE(head.epoch, epoch);
    EXPECT_GE(head.head, seqs.empty() ? 0 : *seqs.rbegin());
    epoch = head.epoch;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Power, testing::Range<std::uint64_t>(1, 31));

TEST(Epoch, StaysOverKillsAndCleanStopsAndEvenARebootAfterACleanStop) {
  LogBed bed;
  const auto view = bed.view();
  const auto epoch = bed.head(view).epoch;
  const auto start = bed.log->start_counter();
  bed.kill();
  EXPECT_EQ(bed.head(view).epoch, epoch);
  bed.close();
  bed.power_cut();
  EXPECT_EQ(bed.head(view).epoch, epoch);
  EXPECT_EQ(bed.log->start_counter(), start + 2);
  bed.power_cut();
  EXPECT_NE(bed.head(view).epoch, epoch);
}

}  // namespace
}  // namespace tidegate::store
