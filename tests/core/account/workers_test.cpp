// SPDX-License-Identifier: Apache-2.0
// Real threads: who may use them, what hangs on them, and whole accounts over a real log.
#include "core/account/workers.hpp"

#include <atomic>
#include <filesystem>
#include <semaphore>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "core/account/account.hpp"
#include "core/sim/real_world.hpp"
#include "core/sim/virtual_world.hpp"
#include "tests/core/account/scripted_backend.hpp"

namespace tidegate::account {
namespace {

using namespace std::chrono_literals;

/// Calls that wait for the test's word.
struct Held {
  std::counting_semaphore<64> go{0};
  std::binary_semaphore left{0};
  std::atomic<int> inside = 0;

  auto work(sim::World& world) {
    return [this, &world](const Call&) -> Result<int> {
      ++inside;
      world.reactor().post([] {});  // so that who waits for it looks
      go.acquire();
      --inside;
      return 1;
    };
  }
};

TEST(Workers, AQuarterIsForLiveWorkOnly) {
  sim::RealWorld world;
  Held held;
  int done = 0;
  Workers workers(world, "slow", 4, {});
  for (int i = 0; i < 10; ++i) workers.call<int>(false, held.work(world), [&](Result<int>) { ++done; });
  ASSERT_TRUE(world.run_until([&] { return held.inside == 3; }, 10s));
  EXPECT_EQ(workers.waiting(), 7U);
  bool live = false;
  workers.call<int>(true, [](const Call&) -> Result<int> { return 2; }, [&](Result<int> two) { live = *two == 2; });
  EXPECT_TRUE(world.run_until([&] { return live; }, 10s)) << "the slow ones must not hold up live work";
  held.go.release(10);
  EXPECT_TRUE(world.run_until([&] { return done == 10; }, 10s));
}

TEST(Workers, LiveWorkOvertakesWhatWaits) {
  sim::VirtualWorld world(1);
  Workers workers(world.host("gateway"), "x", 2, {});
  std::vector<int> order;
  const auto add = [&](bool live, int number) {
    workers.call<int>(
        live, [=](const Call&) -> Result<int> { return number; }, [&](Result<int> n) { order.push_back(*n); });
  };
  for (int i = 0; i < 6; ++i) add(false, i);
  add(true, 100);
  world.run_for(1s);
  ASSERT_EQ(order.size(), 7U);
  EXPECT_LT(std::ranges::find(order, 100) - order.begin(), 2);
  std::erase(order, 100);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(Workers, AStuckCallIsToldAndItsThreadReplaced) {
  sim::RealWorld world;
  Held held;
  Workers workers(world, "stuck", 2, {.call = 1ms, .patience = 20ms});
  std::atomic<bool> asked_to_stop = false;
  std::optional<FaultKind> heard;
  workers.call<int>(
      true,
      [&](const Call& call) -> Result<int> {
        const std::stop_callback stopped(call.stop, [&] { asked_to_stop = true; });
        held.go.acquire();
        return 1;
      },
      [&](Result<int> result) { heard = result ? FaultKind::exists : result.error().kind; });
  EXPECT_TRUE(world.run_until([&] { return asked_to_stop.load(); }, 3s));
  EXPECT_TRUE(world.run_until([&] { return heard.has_value(); }, 20s));
  EXPECT_EQ(heard, FaultKind::unavailable);
  EXPECT_TRUE(workers.stuck());
  int served = 0;
  for (int i = 0; i < 4; ++i) {
    workers.call<int>(true, [](const Call&) -> Result<int> { return 1; }, [&](Result<int>) { ++served; });
  }
  EXPECT_TRUE(world.run_until([&] { return served == 4; }, 10s));
  held.go.release();
  EXPECT_TRUE(world.run_until([&] { return !workers.stuck(); }, 10s)) << "it came back: the back-end is well again";
}

TEST(Workers, WhatAPluginThrowsIsAFault) {
  sim::VirtualWorld world(1);
  Workers workers(world.host("gateway"), "x", 2, {});
  std::optional<Fault> heard;
  workers.call<int>(
      true, [](const Call&) -> Result<int> { throw std::runtime_error("broken"); },
      [&](Result<int> result) { heard = result.error(); });
  world.run_for(1s);
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->kind, FaultKind::unavailable);
  EXPECT_NE(heard->cause.find("broken"), std::string::npos);
}

TEST(Workers, TheirEndDoesNotWaitForAHangingCall) {
  sim::RealWorld world;
  // Outlives the test: the thread that hangs in it can't be ended.
  auto held = std::make_shared<Held>();
  auto workers = std::make_unique<Workers>(world, "hung", 2, Workers::Limits{.farewell = 10ms});
  workers->call<int>(
      true,
      [held, &world](const Call&) -> Result<int> {
        ++held->inside;
        world.reactor().post([] {});
        held->go.acquire();
        held->left.release();
        return 1;
      },
      [](Result<int>) { FAIL() << "nobody is answered any more"; });
  ASSERT_TRUE(world.run_until([&] { return held->inside == 1; }, 10s));
  const auto began = world.reactor().now();
  workers.reset();
  EXPECT_LT(world.reactor().now() - began, 3s);
  held->go.release();
  held->left.acquire();  // it used the world, which ends here
}

// --- threads for everything: log, workers, hints

TEST(Together, ManyUsersOnRealThreadsGetEverything) {
  const auto directory = std::filesystem::temp_directory_path() / ("tidegate-accounts-" + std::to_string(::getpid()));
  constexpr int users = 12;
  constexpr int messages = 40;
  {
    sim::RealWorld world;
    auto log = store::Log::open(world, {.path = (directory / "log.db").string(), .page_cache_mib = 8});
    ASSERT_TRUE(log) << log.error().cause;
    std::vector<std::unique_ptr<ScriptedBackend>> backends;
    std::map<ViewId, std::uint64_t> heads;
    Settings settings;
    settings.workers = 4;
    settings.page_limit = 7;
    auto accounts = Accounts::make(world, **log, settings, [&](ViewId view, std::uint64_t head, bool) {
      if (head == 0) return;  // all was looked through
      EXPECT_GT(head, heads[view]);
      heads[view] = head;
    });
    for (int i = 0; i < users; ++i) {
      auto& backend = backends.emplace_back(std::make_unique<ScriptedBackend>());
      backend->add_folder("in", Role::inbox);
      accounts->start("user" + std::to_string(i), "hq", {{"mail", backend.get(), {}}},
                      [](Result<ViewId> view) { EXPECT_TRUE(view); });
    }
    {
      std::vector<std::thread> senders;
      for (int i = 0; i < users; ++i) {
        senders.emplace_back([&, i] {
          for (int m = 0; m < messages; ++m) {
            backends[i]->add("in", "m" + std::to_string(m));
            backends[i]->hint("user" + std::to_string(i), {"in"});
          }
        });
      }
      for (auto& sender : senders) sender.join();
    }
    // Head: one seq a folder, one a message.
    EXPECT_TRUE(world.run_until(
        [&] {
          return heads.size() == users &&
                 std::ranges::all_of(heads, [](const auto& one) { return one.second == messages + 1; });
        },
        60s));
    accounts.reset();
    log->reset();
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace tidegate::account
