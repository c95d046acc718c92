// SPDX-License-Identifier: Apache-2.0
#include "core/sim/real_world.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/sim/thread_pool.hpp"

namespace tidegate::sim {
namespace {

using namespace std::chrono_literals;

struct Real : testing::Test {
  bool until(const std::function<bool()>& condition) { return world.run_until(condition, 10s); }
  RealWorld world;
  Reactor& reactor = world.reactor();
};

struct SocketPair {
  SocketPair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd.data()), 0); }
  ~SocketPair() {
    for (const int one : fd) ::close(one);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  std::array<int, 2> fd{};
};

TEST_F(Real, TimersInOrderAndCancelledOnesNever) {
  std::vector<int> ran;
  auto b = reactor.after(2ms, [&] { ran.push_back(2); });
  auto a = reactor.after(1ms, [&] { ran.push_back(1); });
  auto never = reactor.after(1500us, [&] { ran.push_back(9); });
  never.reset();
  std::unique_ptr<Timer> victim;
  auto killer = reactor.after(3ms, [&] { victim.reset(); });
  victim = reactor.after(3ms, [&] { ran.push_back(9); });
  auto last = reactor.after(4ms, [&] { ran.push_back(3); });
  ASSERT_TRUE(until([&] { return ran.size() == 3; }));
  EXPECT_EQ(ran, (std::vector{1, 2, 3}));
}

TEST_F(Real, ATimerMayDestroyItself) {
  std::unique_ptr<Timer> timer;
  bool ran = false;
  timer = reactor.after(1ms, [&] {
    timer.reset();
    ran = true;
  });
  EXPECT_TRUE(until([&] { return ran; }));
}

TEST_F(Real, PostsFromManyThreadsAllArriveEachInItsOrder) {
  constexpr int kThreads = 4, kPosts = 2000;
  std::array<int, kThreads> next{};
  int all = 0;
  bool ordered = true;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i)
        reactor.post([&, t, i] {
          ordered = ordered && next[static_cast<std::size_t>(t)]++ == i;
          ++all;
        });
    });
  EXPECT_TRUE(until([&] { return all == kThreads * kPosts; }));
  EXPECT_TRUE(ordered);
}

TEST_F(Real, AWaitFiresOnceAndCanBeCancelled) {
  SocketPair pair;
  int read = 0, write = 0;
  auto wait = reactor.wait(pair.fd[0], false, [&] { ++read; });
  auto writable = reactor.wait(pair.fd[0], true, [&] { ++write; });
  ASSERT_TRUE(until([&] { return write == 1; }));
  EXPECT_EQ(read, 0);
  ASSERT_EQ(::write(pair.fd[1], "x", 1), 1);
  ASSERT_TRUE(until([&] { return read == 1; }));
  bool later = false;
  auto timer = reactor.after(5ms, [&] { later = true; });
  ASSERT_TRUE(until([&] { return later; }));
  EXPECT_EQ(read, 1);  // still readable, but nobody asked again
  wait = reactor.wait(pair.fd[0], false, [&] { ++read; });
  wait.reset();
  later = false;
  timer = reactor.after(5ms, [&] { later = true; });
  ASSERT_TRUE(until([&] { return later; }));
  EXPECT_EQ(read, 1);
}

TEST_F(Real, AnEventOfAClosedDescriptorIsNotTakenForItsSuccessors) {
  auto first = std::make_unique<SocketPair>();
  const auto fds = first->fd;
  int old_events = 0, new_events = 0;
  auto wait = reactor.wait(fds[0], false, [&] { ++old_events; });
  ASSERT_EQ(::write(fds[1], "x", 1), 1);
  wait.reset();
  first.reset();
  SocketPair second;  // the kernel gives the same numbers again
  ASSERT_EQ(second.fd, fds);
  wait = reactor.wait(second.fd[0], false, [&] { ++new_events; });
  bool later = false;
  auto timer = reactor.after(5ms, [&] { later = true; });
  ASSERT_TRUE(until([&] { return later; }));
  EXPECT_EQ(old_events + new_events, 0);
  ASSERT_EQ(::write(second.fd[1], "y", 1), 1);
  EXPECT_TRUE(until([&] { return new_events == 1; }));
}

TEST_F(Real, AHangUpWakesAReader) {
  SocketPair pair;
  bool woken = false;
  auto wait = reactor.wait(pair.fd[0], false, [&] { woken = true; });
  ::shutdown(pair.fd[1], SHUT_RDWR);
  EXPECT_TRUE(until([&] { return woken; }));
}

TEST_F(Real, SignalsComeOnTheReactor) {
  std::vector<int> seen;
  world.on_signal([&](int number) { seen.push_back(number); });
  ::raise(SIGTERM);
  ASSERT_TRUE(until([&] { return seen.size() == 1; }));
  ::raise(SIGINT);
  ASSERT_TRUE(until([&] { return seen.size() == 2; }));
  EXPECT_EQ(seen, (std::vector{SIGTERM, SIGINT}));
}

TEST_F(Real, StopEndsRunFromAnotherThread) {
  std::jthread other([this] { world.stop(); });
  world.run();
}

TEST_F(Real, RandomnessIsNotConstant) {
  std::array<std::byte, 32> a{}, b{};
  reactor.random(a);
  reactor.random(b);
  EXPECT_NE(a, b);
}

TEST_F(Real, BootIdIsTheSameWithinABoot) {
  EXPECT_EQ(world.boot_id(), RealWorld().boot_id());
  EXPECT_EQ(world.boot_id().size(), 36U);
}

TEST_F(Real, APoolWorksAtOnceQueuesToItsBoundAndComesBackByPost) {
  auto pool = world.pool("test", 2, 3);
  std::latch started(2);
  std::promise<void> go;
  auto gate = go.get_future().share();
  std::atomic<int> done = 0;
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(pool->submit([&, gate] {
      started.count_down();
      gate.wait();
      ++done;
    }));
  started.wait();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pool->submit([&] { ++done; }));
  EXPECT_FALSE(pool->submit([&] { ++done; }));  // full: nothing was taken
  go.set_value();
  int back = 0;
  while (!pool->submit([&] { reactor.post([&] { ++back; }); })) std::this_thread::yield();
  EXPECT_TRUE(until([&] { return back == 1 && done == 5; }));
}

TEST_F(Real, APoolsEndFinishesWhatRunsAndDropsWhatWaits) {
  std::latch started(1);
  std::promise<void> go;
  std::atomic<int> done = 0;
  auto pool = world.pool("test", 1, 10);
  ASSERT_TRUE(pool->submit([&, gate = go.get_future().share()] {
    started.count_down();
    gate.wait();
    ++done;
  }));
  started.wait();
  auto dropped = std::make_shared<int>(0);
  ASSERT_TRUE(pool->submit([&done, dropped] { done += 100; }));
  std::jthread ender([&] { pool.reset(); });  // waits for what runs
  while (dropped.use_count() > 1) std::this_thread::yield();
  go.set_value();
  ender.join();
  EXPECT_EQ(done, 1);
}

TEST_F(Real, APoolsThreadsEndWhenThereIsNothingToDoAndComeBack) {
  ThreadPool pool("test", 4, 4, 1ms);
  for (int round = 0; round < 20; ++round) {
    std::latch all(4);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.submit([&] { all.arrive_and_wait(); }));
    while (pool.threads() > 0) std::this_thread::yield();
  }
}

TEST_F(Real, APoolTakesEverythingWhileItsThreadsComeAndGo) {
  std::atomic<int> done = 0;
  {
    ThreadPool pool("test", 3, 1'000'000, 0ms);
    for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(pool.submit([&] { ++done; }));
    while (done < 20'000) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) {
      while (pool.threads() > 0) std::this_thread::yield();
      ASSERT_TRUE(pool.submit([&] { ++done; }));
    }
  }
  EXPECT_GE(done, 20'099) << "the last one may have been dropped";
}

struct PosixFiles : testing::Test {
  PosixFiles() {
    auto pattern = (std::filesystem::temp_directory_path() / "tidegate-files-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
  }
  ~PosixFiles() override { std::filesystem::remove_all(root); }
  std::string root;
  std::unique_ptr<Files> files = posix_files();
};

TEST_F(PosixFiles, TheWholeLifeOfAFile) {
  const auto directory = root + "/a/b";
  ASSERT_TRUE(files->make_directories(directory));
  ASSERT_TRUE(files->make_directories(directory));
  ASSERT_TRUE(files->create(directory + "/x", std::string(200'000, 'x')));
  EXPECT_EQ(files->create(directory + "/x", "y").error().kind, FaultKind::exists);
  ASSERT_TRUE(files->append(directory + "/x", "end"));
  ASSERT_TRUE(files->sync(directory + "/x"));
  ASSERT_TRUE(files->sync_directory(directory));
  EXPECT_EQ(files->read(directory + "/x")->size(), 200'003U);
  EXPECT_EQ(files->read(directory + "/x", 5), "xxxxx");
  ASSERT_TRUE(files->rename(directory + "/x", root + "/y"));
  auto listed = files->list(root);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->size(), 2U);
  const auto info = files->info(root + "/y").value();
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 200'003U);
  EXPECT_EQ(info->name, "y");
  EXPECT_GT(info->mtime_ns, 0);
  ASSERT_TRUE(files->remove(root + "/y"));
  EXPECT_FALSE(files->info(root + "/y").value());
  EXPECT_EQ(std::filesystem::status(directory).permissions(), std::filesystem::perms::owner_all);
}

TEST_F(PosixFiles, FaultsSayWhat) {
  EXPECT_EQ(files->read(root + "/no").error().kind, FaultKind::not_found);
  EXPECT_EQ(files->append(root + "/no", "x").error().kind, FaultKind::not_found);
  EXPECT_EQ(files->list(root + "/no").error().kind, FaultKind::not_found);
  EXPECT_EQ(files->create(root + "/no/x", "x").error().kind, FaultKind::not_found);
  ASSERT_TRUE(files->create(root + "/file", "x"));
  EXPECT_EQ(files->make_directories(root + "/file/x").error().kind, FaultKind::not_found);
  EXPECT_NE(files->read(root + "/no").error().text.find(root + "/no"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::sim
