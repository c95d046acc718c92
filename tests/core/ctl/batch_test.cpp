// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/batch.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/ctl/server.hpp"
#include "core/sim/virtual_world.hpp"

namespace tidegate::ctl {
namespace {
using namespace std::chrono_literals;

TEST(ListTest, blank_lines_comments_and_ends_are_nothing) {
  EXPECT_EQ(list_lines(" a@example.com \r\n\n# b\n\tc@example.com"),
            (std::vector<std::string>{"a@example.com", "c@example.com"}));
  EXPECT_TRUE(list_lines("").empty());
  EXPECT_TRUE(list_lines("\n\n #x").empty());
}

class BatchTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = CtlServer::make(host, path, [](int) { return true; });
    ASSERT_TRUE(made) << made.error().text;
    server = std::move(*made);
    server->on("user add", [this](const Request& request, Reply reply) {
      waiting.emplace_back(request["user"], std::make_shared<Reply>(std::move(reply)));
      most = std::max(most, waiting.size());
      host.reactor().post([this] { answer(); });
    });
  }
  void answer() {
    auto [user, reply] = waiting.back();
    waiting.pop_back();
    if (user == "there") return reply->fail({FaultKind::exists, user, "there", "", {}});
    if (user == "bad") return reply->fail({FaultKind::invalid, user, "no", "", {}});
    if (user == "lost") return reply->fail({FaultKind::unavailable, user, "no relay", "", {}});
    added.push_back(user);
    reply->say("Added " + user + ".");
    reply->ok();
  }
  std::unique_ptr<Batch> run(std::vector<std::string> values, const std::string& at = path) {
    auto batch =
        std::make_unique<Batch>(host, at, Request{.command = "user add", .fields = {}}, "user", std::move(values),
                                [this](const Batch::Answer& one) { answers.push_back(one); });
    batch->start();
    EXPECT_TRUE(world.run_until([&] { return batch->ended(); }, 60s));
    return batch;
  }

  static inline const std::string path = "/run/control.sock";
  sim::VirtualWorld world{1};
  sim::VirtualHost& host = world.host("here");
  std::unique_ptr<CtlServer> server;
  std::vector<std::pair<std::string, std::shared_ptr<Reply>>> waiting;
  std::size_t most = 0;
  std::vector<std::string> added;
  std::vector<Batch::Answer> answers;
};

TEST_F(BatchTest, every_value_is_asked_for_once_a_few_at_a_time) {
  std::vector<std::string> users;
  for (int i = 0; i < 100; ++i) users.push_back(fmt::format("u{}", i));
  const auto batch = run(users);
  EXPECT_EQ(batch->done(), 100U);
  EXPECT_EQ(batch->exit(), Exit::done);
  EXPECT_LE(most, Batch::at_once);
  std::ranges::sort(users);
  std::ranges::sort(added);
  EXPECT_EQ(added, users);
  ASSERT_EQ(answers.size(), 100U);
  EXPECT_EQ(answers[0].raw.size(), 2U);
}

TEST_F(BatchTest, one_that_is_refused_keeps_no_other_and_one_that_is_there_is_passed_over) {
  const auto batch = run({"a", "bad", "there", "b"});
  EXPECT_EQ(added.size(), 2U);
  EXPECT_EQ(batch->passed_over(), 1U);
  EXPECT_EQ(batch->refused(), 1U);
  EXPECT_EQ(batch->exit(), Exit::refused);
  EXPECT_EQ(batch->not_asked(), 0U);
}

TEST_F(BatchTest, what_would_meet_all_ends_the_rest) {
  const auto batch = run(std::vector<std::string>(1000, "lost"));
  EXPECT_EQ(batch->exit(), Exit::refused);
  EXPECT_LE(batch->answered(), Batch::at_once);
  EXPECT_GE(batch->not_asked(), 1000 - Batch::at_once);
}

TEST_F(BatchTest, without_a_daemon_nothing_goes_on) {
  const auto batch = run(std::vector<std::string>(1000, "a"), "/run/nobody.sock");
  EXPECT_EQ(batch->exit(), Exit::not_running);
  EXPECT_LE(batch->answered(), Batch::at_once);
  EXPECT_EQ(run({})->exit(), Exit::done);
}

}  // namespace
}  // namespace tidegate::ctl
