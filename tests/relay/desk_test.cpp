// SPDX-License-Identifier: Apache-2.0
// The desk on real threads: work happens elsewhere, answers come back here. Runs under TSan too.
#include "relay/desk.hpp"

#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/sim/real_world.hpp"

namespace tidegate::relay {
namespace {

class DeskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory);
    open({});
  }
  void TearDown() override {
    desk.reset();
    std::filesystem::remove_all(directory);
  }
  void open(Desk::Limits limits) {
    desk.reset();
    limits.cost = {8, 1};
    auto accounts = Accounts::open((directory / "accounts.db").string(), nullptr);
    ASSERT_TRUE(accounts);
    desk = std::make_unique<Desk>(world, std::move(*accounts), limits);
  }

  std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("tidegate-desk-" + std::to_string(::getpid()));
  sim::RealWorld world;
  std::unique_ptr<Desk> desk;
};

TEST_F(DeskTest, AnswersComeBackOnTheReactorThreadEachOnce) {
  const auto here = std::this_thread::get_id();
  int asked = 0, hashed = 0;
  for (int i = 0; i < 50; ++i) {
    const auto name = "licence" + std::to_string(i);
    EXPECT_TRUE(desk->ask(
        [name, here](Accounts& accounts) {
          EXPECT_NE(std::this_thread::get_id(), here);
          return accounts.licence_add(name, "hash", 1, 0, 1);
        },
        [&](Result<void> done) {
          EXPECT_EQ(std::this_thread::get_id(), here);
          asked += done.has_value();
        }));
    EXPECT_TRUE(desk->hash([](HashCost cost) { return hash_password("p", "0123456789abcdef", cost).has_value(); },
                           [&](bool fine) { hashed += fine; }));
  }
  EXPECT_TRUE(world.run_until([&] { return asked == 50 && hashed == 50; }, std::chrono::seconds(30)));
}

TEST_F(DeskTest, AFullQueueTakesNothing) {
  Desk::Limits limits;
  limits.argon2_threads = 1;
  limits.argon2_queue = 2;
  open(limits);
  int taken = 0, done = 0;
  for (int i = 0; i < 20; ++i)
    taken += desk->hash(
        [](HashCost) {
          (void)hash_password("p", "0123456789abcdef", {32 * 1024, 2});
          return true;
        },
        [&](bool) { ++done; });
  EXPECT_LT(taken, 20);
  EXPECT_GE(taken, 2);
  EXPECT_TRUE(world.run_until([&] { return done == taken; }, std::chrono::seconds(30)));
}

TEST_F(DeskTest, NothingComesBackAfterItIsGone) {
  bool came = false;
  EXPECT_TRUE(desk->ask([](Accounts& accounts) { return accounts.licences(); },
                        [&](Result<std::vector<Licence>>) { came = true; }));
  desk.reset();
  bool later = false;
  world.reactor().post([&] { later = true; });
  EXPECT_TRUE(world.run_until([&] { return later; }, std::chrono::seconds(5)));
  EXPECT_FALSE(came);
}

}  // namespace
}  // namespace tidegate::relay
