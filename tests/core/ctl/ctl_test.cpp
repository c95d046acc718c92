// SPDX-License-Identifier: Apache-2.0
// Daemon's side and tidegatectl's side over a virtual Unix socket.
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/ctl/client.hpp"
#include "core/ctl/server.hpp"
#include "core/sim/virtual_world.hpp"

namespace tidegate::ctl {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto path = "/run/tidegate/test.sock";

/// Whoever writes what he likes to the socket.
struct Raw final : sim::StreamEvents {
  Raw(sim::World& world) {
    dialing = world.network().dial({.unix_path = path}, world.reactor().now() + 5s,
                                   [this](Result<std::unique_ptr<sim::Stream>> made) {
                                     if (!made) return;
                                     stream = std::move(*made);
                                     stream->events(this);
                                     readable();
                                   });
  }
  void readable() override {
    std::array<std::byte, 4096> buffer;
    while (stream && !ended && reads) {
      const auto io = stream->read(buffer);
      in.append(reinterpret_cast<const char*>(buffer.data()), io.octets);
      if (io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok) ended = true;
    }
  }
  void writable() override {}
  void write(std::string_view text) {
    out += text;
    flush();
  }
  void flush() {
    while (stream && !out.empty()) {
      const auto io = stream->write(std::as_bytes(std::span(out)));
      out.erase(0, io.octets);
      if (io.state != sim::IoState::ok) return;
    }
  }
  std::unique_ptr<sim::Dialing> dialing;
  std::unique_ptr<sim::Stream> stream;
  std::string in, out;
  bool ended = false, reads = true;
};

struct CtlTest : testing::Test {
  sim::VirtualWorld world{1};
  sim::VirtualHost& host = world.host("gateway");
  bool allowed = true;
  std::unique_ptr<CtlServer> server;

  void SetUp() override {
    auto made = CtlServer::make(host, path, [this](int uid) { return allowed && uid == 0; });
    ASSERT_TRUE(made) << made.error().text;
    server = std::move(*made);
    server->on("user list", [](const Request&, Reply reply) {
      reply.columns({{"user", "User"}, {"devices", "Devices"}});
      reply.row({{"user", "a@example.com"}, {"devices", std::int64_t{2}}});
      reply.row({{"user", "b@example.com"}, {"devices", std::int64_t{0}}});
      reply.ok();
    });
    server->on("user add", [](const Request& request, Reply reply) {
      auto user = request.demand("user");
      if (!user) return reply.fail(user.error());
      reply.say("Added " + *user + ".");
      reply.ok();
    });
  }

  struct Answer {
    std::vector<Line> lines;
    std::vector<std::string> raw;
    Exit exit = Exit::usage;
    std::optional<Fault> fault;
    bool ended = false;
  };
  std::unique_ptr<Client> ask(Answer& answer, const Request& request) {
    return Client::ask(
        host, path, request,
        [&](std::string_view raw, const Line& line) {
          answer.raw.emplace_back(raw);
          answer.lines.push_back(line);
        },
        [&](Exit exit, std::optional<Fault> fault) {
          answer.exit = exit;
          answer.fault = std::move(fault);
          answer.ended = true;
        });
  }
  Answer asked(const Request& request) {
    Answer answer;
    const auto client = ask(answer, request);
    EXPECT_TRUE(world.run_until([&] { return answer.ended; }, 120s));
    return answer;
  }
  Raw connected() = delete;
};

TEST_F(CtlTest, a_command_is_answered_line_by_line) {
  const auto answer = asked({.command = "user list", .fields = {}});
  EXPECT_EQ(answer.exit, Exit::done);
  ASSERT_EQ(answer.lines.size(), 4U);
  EXPECT_EQ(std::get<Columns>(answer.lines[0]).columns[1].title, "Devices");
  EXPECT_EQ(std::get<std::int64_t>(std::get<Row>(answer.lines[1])[1].second), 2);
  EXPECT_EQ(answer.raw[3], R"({"ok":true})");
}

TEST_F(CtlTest, fields_reach_the_handler_and_its_fault_the_asker) {
  auto answer = asked({.command = "user add", .fields = {{"user", "ä \"x\"\n@example.com"}}});
  EXPECT_EQ(std::get<Say>(answer.lines[0]).text, "Added ä \"x\"\n@example.com.");
  answer = asked({.command = "user add", .fields = {}});
  EXPECT_EQ(answer.exit, Exit::refused);
  EXPECT_EQ(answer.fault->kind, FaultKind::invalid);
  EXPECT_THAT(answer.fault->text, HasSubstr("\"user\""));
}

TEST_F(CtlTest, an_unknown_command_gets_the_nearest_one) {
  const auto answer = asked({.command = "user lsit", .fields = {}});
  EXPECT_EQ(answer.exit, Exit::refused);
  EXPECT_EQ(answer.fault->kind, FaultKind::unsupported);
  EXPECT_THAT(answer.fault->text, HasSubstr("did you mean \"user list\"?"));
}

TEST_F(CtlTest, a_stranger_is_refused_and_his_request_never_handled) {
  bool handled = false;
  server->on("stop", [&](const Request&, Reply reply) { handled = true, reply.ok(); });
  allowed = false;
  const auto answer = asked({.command = "stop", .fields = {}});
  EXPECT_EQ(answer.exit, Exit::denied);
  EXPECT_THAT(answer.fault->text, HasSubstr("as root"));
  EXPECT_FALSE(handled);
}

TEST_F(CtlTest, no_daemon_is_said_so) {
  server.reset();
  const auto answer = asked({.command = "status", .fields = {}});
  EXPECT_EQ(answer.exit, Exit::not_running);
  EXPECT_THAT(answer.fault->text, HasSubstr("tidegated is not running"));
  EXPECT_THAT(answer.fault->text, HasSubstr(path));
}

TEST_F(CtlTest, a_daemon_that_ends_in_between_is_said_so) {
  std::optional<Reply> kept;
  server->on("wait", [&](const Request&, Reply reply) { kept.emplace(std::move(reply)); });
  Answer answer;
  const auto client = ask(answer, {.command = "wait", .fields = {}});
  ASSERT_TRUE(world.run_until([&] { return kept.has_value(); }, 5s));
  EXPECT_FALSE(kept->gone());
  server.reset();
  EXPECT_TRUE(kept->gone());
  kept->say("to nobody");
  kept->ok();
  ASSERT_TRUE(world.run_until([&] { return answer.ended; }, 5s));
  EXPECT_EQ(answer.exit, Exit::not_running);
  EXPECT_THAT(answer.fault->text, HasSubstr("ended before it had answered"));
}

TEST_F(CtlTest, a_reply_may_come_much_later_and_a_dropped_one_says_so) {
  std::optional<Reply> kept;
  server->on("wait", [&](const Request&, Reply reply) { kept.emplace(std::move(reply)); });
  Answer answer;
  auto client = ask(answer, {.command = "wait", .fields = {}});
  world.run_for(10min);
  EXPECT_FALSE(answer.ended);
  kept->ok();
  ASSERT_TRUE(world.run_until([&] { return answer.ended; }, 5s));
  EXPECT_EQ(answer.exit, Exit::done);

  Answer dropped;
  client = ask(dropped, {.command = "wait", .fields = {}});
  world.run_for(1s);
  kept.reset();
  ASSERT_TRUE(world.run_until([&] { return dropped.ended; }, 5s));
  EXPECT_EQ(dropped.fault->kind, FaultKind::unavailable);
}

TEST_F(CtlTest, malformed_lines_are_answered_and_the_connection_goes_on) {
  Raw raw(host);
  ASSERT_TRUE(world.run_until([&] { return raw.stream != nullptr; }, 5s));
  const std::vector<std::string> bad{"nonsense",
                                     "[1,2]",
                                     "{}",
                                     R"({"command":7})",
                                     R"({"command":"x","a":[1]})",
                                     "",
                                     "{\"command\":\"\xff\"}",
                                     std::string(2000, '['),
                                     std::string("\0\0", 2)};
  for (const auto& line : bad) raw.write(line + "\n");
  raw.write("{\"command\":\"user list\"}\n");
  world.run_for(5s);
  EXPECT_FALSE(raw.ended);
  std::size_t refused = 0;
  for (std::size_t at = raw.in.find("\"ok\":false"); at != std::string::npos; at = raw.in.find("\"ok\":false", at + 1))
    ++refused;
  EXPECT_EQ(refused, bad.size());
  EXPECT_TRUE(raw.in.ends_with("{\"ok\":true}\n"));
}

TEST_F(CtlTest, a_line_without_end_is_cut_off) {
  Raw raw(host);
  ASSERT_TRUE(world.run_until([&] { return raw.stream != nullptr; }, 5s));
  raw.write(std::string(60'000, 'x'));
  world.run_for(1s);
  raw.write(std::string(20'000, 'x'));
  world.run_for(1s);
  EXPECT_THAT(raw.in, HasSubstr("too large"));
  EXPECT_TRUE(raw.ended);
}

TEST_F(CtlTest, who_asks_nothing_is_closed_and_who_goes_is_forgotten) {
  Raw raw(host);
  ASSERT_TRUE(world.run_until([&] { return raw.stream != nullptr; }, 5s));
  world.run_for(59s);
  EXPECT_FALSE(raw.ended);
  world.run_for(3s);
  EXPECT_TRUE(raw.ended);
}

TEST_F(CtlTest, a_bounded_number_may_be_connected) {
  std::vector<std::unique_ptr<Raw>> many;
  for (std::size_t i = 0; i < CtlServer::most_askers; ++i) many.push_back(std::make_unique<Raw>(host));
  world.run_for(1s);
  Raw late(host);
  world.run_for(1s);
  EXPECT_THAT(late.in, HasSubstr("Too many"));
  EXPECT_TRUE(many.front()->in.empty());
  many.clear();
  world.run_for(1s);
  EXPECT_EQ(asked({.command = "user list", .fields = {}}).exit, Exit::done);
}

TEST_F(CtlTest, who_does_not_read_is_cut_off_before_memory_grows) {
  std::size_t rows = 0;
  server->on("flood", [&](const Request&, Reply reply) {
    while (!reply.gone() && rows < 1'000'000) reply.row({{"text", std::string(1000, 'x')}}), ++rows;
  });
  Raw raw(host);
  raw.reads = false;
  ASSERT_TRUE(world.run_until([&] { return raw.stream != nullptr; }, 5s));
  raw.write("{\"command\":\"flood\"}\n");
  world.run_for(1s);
  EXPECT_GT(rows, 1000U);
  EXPECT_LT(rows, 20'000U);
}

TEST_F(CtlTest, half_closed_askers_are_answered) {
  Raw raw(host);
  ASSERT_TRUE(world.run_until([&] { return raw.stream != nullptr; }, 5s));
  raw.write("{\"command\":\"user list\"}\n");
  raw.stream->finish();
  world.run_for(1s);
  EXPECT_THAT(raw.in, HasSubstr("\"ok\":true"));
  EXPECT_TRUE(raw.ended);
}

}  // namespace
}  // namespace tidegate::ctl
