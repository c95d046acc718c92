// SPDX-License-Identifier: Apache-2.0
#include "relay/routing/outbox.hpp"

#include <memory>

#include <gtest/gtest.h>

#include "relay/routing/wheel.hpp"

namespace tidegate::relay {
namespace {

wire::Frame numbered(std::uint64_t number, std::size_t size) {
  return {wire::Target::device, 0, 1, static_cast<std::uint32_t>(wire::FrameType::sealed), number, Bytes(size, 'x')};
}

std::vector<std::uint64_t> numbers_in(const Bytes& chunk) {
  wire::FrameReader reader;
  reader.feed(std::as_bytes(std::span(chunk)));
  std::vector<std::uint64_t> numbers;
  for (;;) {
    auto frame = reader.next();
    EXPECT_TRUE(frame.has_value());
    if (!frame || !*frame) return numbers;
    numbers.push_back((*frame)->number);
  }
}

TEST(Outbox, CutsWholeFramesIntoChunksOfOneRecord) {
  Budget budget(1 << 20);
  Outbox outbox(budget);
  for (std::uint64_t n = 1; n <= 40; ++n) outbox.push(numbered(n, 1000), {7, 1, n, 1000});
  std::uint64_t next = 1;
  while (outbox.waiting() != 0) {
    const auto chunk = outbox.take();
    EXPECT_LE(chunk.size(), chunk_target);
    EXPECT_EQ(outbox.marks().size(), numbers_in(chunk).size());
    for (const auto number : numbers_in(chunk)) EXPECT_EQ(number, next++);
  }
  EXPECT_EQ(next, 41U);
  EXPECT_EQ(budget.used(), 0U);
}

TEST(Outbox, AFrameOverTheTargetTravelsAlone) {
  Budget budget(1 << 20);
  Outbox outbox(budget);
  outbox.push(numbered(1, 60'000), {7, 1, 1, 60'000});
  outbox.push(numbered(2, 10), {7, 1, 2, 10});
  EXPECT_EQ(numbers_in(outbox.take()), std::vector<std::uint64_t>{1});
  EXPECT_EQ(numbers_in(outbox.take()), std::vector<std::uint64_t>{2});
}

TEST(Outbox, UrgentOvertakesAndPurgeForgetsOnlyWhatIsNotUrgent) {
  Budget budget(1 << 20);
  {
    Outbox outbox(budget);
    outbox.push(numbered(1, 15'000), {7, 1, 1, 15'000});
    outbox.push(numbered(2, 15'000), {7, 1, 2, 15'000});
    outbox.push_urgent(numbered(99, 10));
    EXPECT_EQ(numbers_in(outbox.take()), (std::vector<std::uint64_t>{99, 1}));
    outbox.push_urgent(numbered(100, 10));
    outbox.purge();
    EXPECT_EQ(numbers_in(outbox.take()), std::vector<std::uint64_t>{100});
    EXPECT_EQ(outbox.waiting(), 0U);
    outbox.push(numbered(3, 100), {});
  }
  EXPECT_EQ(budget.used(), 0U) << "what a dead connection held is given back";
}

TEST(Budget, WindowsShrinkAsItFillsButStayUsableUntilItIsFull) {
  Budget budget(1000);
  EXPECT_EQ(budget.window(1 << 20), 1U << 20);
  budget.take(750);
  EXPECT_EQ(budget.window(1 << 20), 1U << 19);
  budget.take(249);
  EXPECT_EQ(budget.window(1 << 20), wire::initial_credit);
  budget.take(1);
  EXPECT_EQ(budget.window(1 << 20), 0U);
  EXPECT_FALSE(budget.room(1));
}

struct Hook final : WheelHook {
  int due = 0;
};

TEST(Wheel, CallsEachOnceAtItsTurn) {
  Wheel wheel;
  Hook a, b, c;
  wheel.due(a, 3);
  wheel.due(b, 3);
  wheel.due(c, 1000);
  wheel.due(b, 5);  // moved
  for (int second = 1; second <= 1000; ++second) {
    wheel.turn([](WheelHook& hook) { ++static_cast<Hook&>(hook).due; });
    EXPECT_EQ(a.due, second >= 3);
    EXPECT_EQ(b.due, second >= 5);
    EXPECT_EQ(c.due, second >= 1000);
  }
}

TEST(Wheel, ADueOneMayDestroyAnotherOfTheSameTurn) {
  Wheel wheel;
  auto a = std::make_unique<Hook>();
  auto b = std::make_unique<Hook>();
  wheel.due(*a, 1);
  wheel.due(*b, 1);
  int calls = 0;
  wheel.turn([&](WheelHook&) {
    ++calls;
    b.reset();
  });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace tidegate::relay
