// SPDX-License-Identifier: Apache-2.0
// The gateway's end of RTS against a scripted relay, on virtual time.
#include "core/link/link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "core/link/signing.hpp"
#include "tests/core/link/relay_peer.hpp"

namespace tidegate::link {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr SessionKey key{5, 1};

store::Identity identity() {
  store::Identity one;
  one.secret = Bytes(32, 's');
  one.public_key = ed25519_public(one.secret);
  one.guid = sha256(one.public_key).substr(0, 16);
  one.license_id = "licence-token";
  return one;
}

struct Owner final : LinkEvents {
  wire::StartupReport opened(const wire::ActivateUsers& first) override {
    log.push_back("opened");
    users_first = first;
    return {.users = {{"a@example.com", true, ""}}};
  }
  void users(const wire::ActivateUsers&) override { log.push_back("users"); }
  void frame(wire::Frame&& frame) override { frames.push_back(std::move(frame)); }
  void answer(const wire::Answer& answer) override { answers.push_back(answer); }
  void notice(const wire::Notice& notice) override { log.push_back("notice " + notice.text); }
  void session_lost(wire::Code code, std::string_view text) override {
    log.push_back("lost " + std::to_string(static_cast<unsigned>(code)));
    lost_text = text;
  }
  void credit(SessionKey, std::uint64_t available, std::uint64_t handed) override {
    credits.emplace_back(available, handed);
  }
  void stopped(const Fault& fault) override { log.push_back("stopped"), stop_text = fault.text; }

  std::vector<std::string> log;
  wire::ActivateUsers users_first;
  std::vector<wire::Frame> frames;
  std::vector<wire::Answer> answers;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> credits;
  std::string lost_text, stop_text;
};

struct LinkTest : testing::Test {
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
  sim::VirtualWorld world{1};
  sim::VirtualHost& gateway = world.host("gateway");
  std::unique_ptr<RelayPeer> relay = std::make_unique<RelayPeer>(world.host("relay.example"));
  Owner owner;
  Settings settings;
  std::unique_ptr<Link> link;

  void start() {
    settings.relay = "https://relay.example";
    auto made = Link::make(gateway, settings, identity(), {.counter = 3, .random = 99}, owner);
    ASSERT_TRUE(made) << made.error().text;
    link = std::move(*made);
    ASSERT_TRUE(link->start());
  }
  void open() {
    start();
    ASSERT_TRUE(world.run_until([&] { return link->ready(); }, 10s)) << link->status().last_fault->text;
    world.run_for(1s);
  }
  bool until(const std::function<bool()>& condition, std::chrono::nanoseconds limit = 100s) {
    return world.run_until(condition, limit);
  }
  bool logged(std::string_view what, std::chrono::nanoseconds limit = 100s) {
    return until([&] { return !owner.log.empty() && owner.log.back() == what; }, limit);
  }
  void heartbeat(std::uint64_t number) { relay->send(wire::to_frame(wire::Heartbeat{number, 10'000})); }
  void wake(std::uint64_t id = 5) {
    const auto before = owner.frames.size();
    relay->send(device_frame(id, wire::FrameType::wake_up, 1, "hello"));
    ASSERT_TRUE(until([&] { return owner.frames.size() > before; }));
  }
  Result<std::uint64_t> seal(Bytes body, std::uint64_t id = 5) {
    return link->send(device_frame(id, wire::FrameType::sealed, 0, std::move(body)));
  }
  std::vector<wire::Frame> sealed() const {
    auto frames = relay->data();
    std::erase_if(frames, [](const wire::Frame& frame) {
      return frame.target != wire::Target::device || frame.type != static_cast<std::uint32_t>(wire::FrameType::sealed);
    });
    return frames;
  }
  template <class T>
  std::vector<T> controls() const {
    std::vector<T> found;
    for (const auto& frame : relay->data())
      if (frame.target == wire::Target::relay)
        if (auto control = wire::to_control(frame); control && std::holds_alternative<T>(*control))
          found.push_back(std::get<T>(*control));
    return found;
  }
  /// Credit frames that went to the relay for a session.
  std::vector<wire::Credit> grants() const {
    std::vector<wire::Credit> found;
    for (const auto& frame : relay->data())
      if (frame.type == static_cast<std::uint32_t>(wire::FrameType::credit) && frame.target == wire::Target::device)
        found.push_back(*wire::decode_credit(frame.body));
    return found;
  }
};

TEST_F(LinkTest, opens_signed_for_this_tls_connection_and_reports) {
  open();
  EXPECT_EQ(owner.log, std::vector<std::string>{"opened"});
  EXPECT_EQ(owner.users_first.session, 42U);
  const auto posts = relay->of("/rts/events");
  ASSERT_EQ(posts.size(), 1U);
  EXPECT_EQ(posts[0]->field("Tidegate-Key-Id"), "id-1");
  EXPECT_EQ(posts[0]->field("Tidegate-Key"), "key-1");
  auto envelope = wire::decode_rts_connection(posts[0]->body);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->instance.counter, 3U);
  EXPECT_EQ(envelope->guid, identity().guid);
  EXPECT_EQ(envelope->license_id, "licence-token");
  EXPECT_EQ(envelope->relay_host, "relay.example");
  const auto signature = std::exchange(envelope->signature, {});
  const auto input = wire::opening_signature_input(*envelope, "relay.example", "id-1", "key-1", posts[0]->binding,
                                                   sha256(encode(*envelope)));
  EXPECT_EQ(posts[0]->binding.size(), 32U);
  EXPECT_EQ(signature, *ed25519_sign(identity().secret, input));

  ASSERT_EQ(controls<wire::StartupReport>().size(), 1U);
  const auto data = relay->of("/rts/data");
  EXPECT_EQ(data[0]->field("Tidegate-Lane"), "0");
  EXPECT_EQ(data[0]->field("Tidegate-Session"), "42");
  const auto status = link->status();
  EXPECT_EQ(status.state, LinkState::open);
  EXPECT_EQ(status.lanes_connected, 4U);
  EXPECT_EQ(status.seats, 5U);
  EXPECT_FALSE(status.last_fault);
}

TEST_F(LinkTest, an_interception_allowed_signs_an_empty_binding) {
  settings.interception = Interception::allow;
  open();
  auto envelope = wire::decode_rts_connection(relay->of("/rts/events")[0]->body);
  ASSERT_TRUE(envelope);
  EXPECT_TRUE(envelope->tls_interception_allowed);
  const auto signature = std::exchange(envelope->signature, {});
  EXPECT_EQ(signature,
            *ed25519_sign(identity().secret, wire::opening_signature_input(*envelope, "relay.example", "id-1", "key-1",
                                                                           "", sha256(encode(*envelope)))));
}

TEST_F(LinkTest, refuses_to_start_unregistered_or_with_a_bad_address) {
  auto one = identity();
  one.license_id.clear();
  settings.relay = "https://relay.example/";
  auto made = Link::make(gateway, settings, one, {}, owner);
  ASSERT_TRUE(made);
  EXPECT_THAT((*made)->start().error().text, HasSubstr("tidegatectl register"));
  for (const auto* url : {"http://relay.example", "relay.example", "https://relay.example/x", ""}) {
    settings.relay = url;
    EXPECT_FALSE(Link::make(gateway, settings, identity(), {}, owner)) << url;
  }
}

TEST_F(LinkTest, urls_elsewhere_are_not_contacted) {
  RelayPeer other(world.host("evil.example"));
  relay->offer.event_url = "https://evil.example/rts/events";
  start();
  ASSERT_TRUE(until([&] { return link->status().state == LinkState::waiting; }));
  EXPECT_THAT(link->status().last_fault->text, HasSubstr("evil.example"));
  world.run_for(600s);
  EXPECT_TRUE(other.connections.empty());
  EXPECT_LE(relay->of("/rts/connect").size(), 5U);
}

TEST_F(LinkTest, event_and_data_urls_may_lie_below_the_relay) {
  RelayPeer node(world.host("n1.relay.example"), 8443);
  relay->offer.event_url = "https://n1.relay.example:8443/rts/events";
  relay->offer.data_url = "https://n1.relay.example:8443/rts/data?x=1";
  node.script = [&](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data?x=1") return false;
    connection.frames({});
    return true;
  };
  open();
  EXPECT_EQ(node.of("/rts/events").size(), 1U);
  EXPECT_EQ(node.of("/rts/events")[0]->field("Host"), "n1.relay.example:8443");
  EXPECT_GE(node.of("/rts/data?x=1").size(), 1U);
}

TEST_F(LinkTest, a_redirection_is_not_followed) {
  relay->script = [](PeerConnection& connection, const Seen&) {
    connection.answer(302, "", "Location: https://relay.example/elsewhere\r\n");
    return true;
  };
  start();
  ASSERT_TRUE(until([&] { return link->status().last_fault.has_value(); }));
  EXPECT_THAT(link->status().last_fault->text, HasSubstr("redirection (302)"));
  EXPECT_TRUE(relay->of("/elsewhere").empty());
}

// DEV-05
TEST_F(LinkTest, a_buffering_proxy_is_named) {
  relay->script = [](PeerConnection&, const Seen& seen) { return seen.head.target == "/rts/events"; };
  start();
  ASSERT_TRUE(until([&] { return link->status().last_fault.has_value(); }, 8s));
  EXPECT_THAT(link->status().last_fault->text, HasSubstr("Something on the way holds back"));
  EXPECT_TRUE(owner.log.empty());
}

TEST_F(LinkTest, heartbeats_are_answered_and_their_loss_reopens) {
  open();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    heartbeat(i);
    world.run_for(10s);
  }
  const auto acks = controls<wire::HeartbeatAck>();
  ASSERT_GE(acks.size(), 3U);
  EXPECT_EQ(link->status().heartbeat, 3U);
  EXPECT_EQ(link->status().state, LinkState::open);
  ASSERT_TRUE(logged("lost 609", 11s));  // 20 s after the last octet
  EXPECT_THAT(owner.lost_text, HasSubstr("silent"));
  ASSERT_TRUE(logged("opened", 5s));  // first at once
  EXPECT_EQ(link->status().opened_times, 2U);
}

TEST_F(LinkTest, half_an_octet_at_a_time_counts_as_heard) {
  open();
  Bytes octets;
  wire::encode_to(octets, wire::to_frame(wire::Notice{.code = wire::Code::ok, .user = {}, .text = "slow"}));
  for (const char octet : octets) {
    relay->command->chunk(std::string(1, octet));
    world.run_for(5s);
  }
  EXPECT_EQ(owner.log.back(), "notice slow");
}

TEST_F(LinkTest, a_relay_that_stops_in_the_middle_of_a_frame_is_left) {
  open();
  relay->command->chunk(std::string("\0\0\0\x40only a part", 15));
  ASSERT_TRUE(logged("lost 609", 30s));
  ASSERT_TRUE(logged("opened", 5s));
}

TEST_F(LinkTest, keeps_data_lanes_warm) {
  open();
  for (std::uint64_t i = 1; i <= 4; ++i) {
    heartbeat(i);
    world.run_for(10s);
  }
  std::set<std::string> lanes;
  for (const auto* post : relay->of("/rts/data")) lanes.insert(post->field("Tidegate-Lane"));
  EXPECT_EQ(lanes.size(), 4U);
}

TEST_F(LinkTest, another_instance_stops_this_one_until_resume) {
  open();
  relay->script = [](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/events") return false;
    connection.answer(409, "counter 7 is higher", "Content-Type: text/plain\r\n");
    return true;
  };
  relay->command->drop();
  ASSERT_TRUE(logged("stopped"));
  EXPECT_EQ(link->status().state, LinkState::superseded);
  EXPECT_THAT(owner.stop_text, HasSubstr("Another gateway uses this identity"));
  EXPECT_THAT(owner.stop_text, HasSubstr("counter 7 is higher"));
  const auto before = relay->seen.size();
  world.run_for(24h);
  EXPECT_EQ(relay->seen.size(), before);
  EXPECT_FALSE(link->ready());
  relay->script = nullptr;
  link->resume({});
  ASSERT_TRUE(logged("opened"));
}

TEST_F(LinkTest, a_refused_gateway_waits_long_and_says_why) {
  relay->script = [](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/events") return false;
    connection.answer(403, "Licence acme expired on 2026-01-01.\r\n", "Content-Type: text/plain\r\n");
    return true;
  };
  start();
  world.run_for(140s);
  EXPECT_EQ(relay->of("/rts/events").size(), 1U);
  EXPECT_THAT(link->status().last_fault->text, HasSubstr("Licence acme expired on 2026-01-01."));
  EXPECT_EQ(link->status().last_fault->kind, FaultKind::denied);
  ASSERT_TRUE(link->status().retry_at);
  EXPECT_GE(*link->status().retry_at - gateway.reactor().wall(), 10s);
}

TEST_F(LinkTest, retry_after_is_honoured) {
  relay->script = [](PeerConnection& connection, const Seen&) {
    connection.answer(503, "", "Retry-After: 90\r\n");
    return true;
  };
  start();
  world.run_for(89s);
  EXPECT_EQ(relay->seen.size(), 1U);
  relay->script = nullptr;
  EXPECT_TRUE(logged("opened", 60s));
}

TEST_F(LinkTest, the_relay_not_there_backs_off_to_the_ceiling) {
  world.cut("gateway", "relay.example");
  start();
  world.run_for(1h);
  EXPECT_EQ(link->status().state, LinkState::waiting);
  world.heal("gateway", "relay.example");
  EXPECT_TRUE(logged("opened", 61s));
  // 1 h of refused dials: at once, 1, 2, 4 … 60 s, each shortened by up to half.
  EXPECT_LT(world.events(), 2'000U);
}

TEST_F(LinkTest, garbage_truncated_and_oversized_frames_end_the_session_only) {
  using namespace std::string_literals;
  const std::vector<std::string> inputs{"\xff\xff\xff\xff"s, "\0\x20\0\0"s, "\0\0\0\x04\xff\xff\xff\xff"s,
                                        "\0\0\0\x02\x08\x09"s};
  open();
  for (const auto& input : inputs) {
    ASSERT_TRUE(until([&] { return link->ready(); }));
    const auto times = link->status().opened_times;
    relay->command->chunk(input);
    ASSERT_TRUE(until([&] { return link->status().opened_times == times + 1; }, 100s)) << testing::PrintToString(input);
    world.run_for(1s);
  }
}

TEST_F(LinkTest, what_is_no_http_is_said_so) {
  relay->on_accept = [](PeerConnection& connection) { connection.write("SSH-2.0-OpenSSH_9.2\r\n"); };
  start();
  ASSERT_TRUE(until([&] { return link->status().last_fault.has_value(); }));
  EXPECT_EQ(link->status().last_fault->kind, FaultKind::invalid);
}

TEST_F(LinkTest, frames_of_a_device_come_in_order_each_once) {
  open();
  wake();
  relay->send(device_frame(5, wire::FrameType::handshake, 2, "two"));
  relay->send(device_frame(5, wire::FrameType::handshake, 2, "two"));
  relay->send(device_frame(5, wire::FrameType::sealed, 3, "three"));
  ASSERT_TRUE(until([&] { return owner.frames.size() == 3; }));
  EXPECT_EQ(owner.frames[1].body, "two");
  EXPECT_EQ(owner.frames[2].body, "three");
  relay->send(device_frame(5, wire::FrameType::sealed, 5, "five"));
  ASSERT_TRUE(until([&] { return owner.frames.size() == 4; }));
  EXPECT_EQ(owner.frames[3].type, static_cast<std::uint32_t>(wire::FrameType::close));
  EXPECT_EQ(wire::decode_closed(owner.frames[3].body)->code, wire::Code::gap);
  world.run_for(1s);
  const auto data = relay->data();
  EXPECT_TRUE(std::ranges::any_of(data, [](const wire::Frame& frame) {
    return frame.type == static_cast<std::uint32_t>(wire::FrameType::close) && frame.id == 5 &&
           wire::decode_closed(frame.body)->code == wire::Code::gap;
  }));
  EXPECT_EQ(seal("late").error().kind, FaultKind::not_found);
}

TEST_F(LinkTest, a_new_generation_ends_the_old_session) {
  open();
  wake();
  relay->send(device_frame(5, wire::FrameType::wake_up, 1, "again", 2));
  ASSERT_TRUE(until([&] { return owner.frames.size() == 3; }));
  EXPECT_EQ(owner.frames[1].type, static_cast<std::uint32_t>(wire::FrameType::close));
  EXPECT_EQ(owner.frames[1].generation, 1U);
  EXPECT_EQ(owner.frames[2].generation, 2U);
  relay->send(device_frame(5, wire::FrameType::sealed, 2, "old", 1));
  world.run_for(1s);
  EXPECT_EQ(owner.frames.size(), 3U);
  const auto data = relay->data();
  EXPECT_TRUE(std::ranges::any_of(data, [](const wire::Frame& frame) {
    return frame.type == static_cast<std::uint32_t>(wire::FrameType::close) && frame.generation == 1 &&
           wire::decode_closed(frame.body)->code == wire::Code::moved;
  }));
}

TEST_F(LinkTest, a_single_small_frame_leaves_at_once_in_one_batch) {
  world.latency(1ms, 1ms);
  open();
  wake();
  world.run_for(1s);
  const auto before = world.now();
  EXPECT_EQ(*seal("mail"), 1U);
  EXPECT_EQ(*seal("more"), 2U);
  ASSERT_TRUE(until([&] { return sealed().size() == 2; }));
  EXPECT_LE(world.now() - before, 2ms);  // one way, no timer, no handshake
  EXPECT_EQ(relay->of("/rts/data").back()->frames().size(), 2U);
  EXPECT_NE(relay->of("/rts/data").back()->field("Tidegate-Lane"), "0");
}

TEST_F(LinkTest, an_owners_close_goes_behind_what_he_sent_and_ends_the_session) {
  open();
  wake();
  world.run_for(1s);
  ASSERT_TRUE(seal(Bytes(60'000, 'x')));
  auto close = device_frame(5, wire::FrameType::close, 0, encode(wire::Closed{.code = wire::Code::bye, .text = {}}));
  const auto number = link->send(close);
  ASSERT_TRUE(number) << number.error().text;
  EXPECT_EQ(*number, 0U);
  EXPECT_EQ(seal("late").error().kind, FaultKind::not_found);
  EXPECT_EQ(link->credit_available(key), 0U);
  world.run_for(1s);
  const auto* last = relay->of("/rts/data").back();
  ASSERT_EQ(last->frames().size(), 2U);
  EXPECT_EQ(last->frames()[0].number, 1U);
  EXPECT_EQ(last->frames()[1], close);
  relay->send(device_frame(5, wire::FrameType::sealed, 2, "late"));  // crossed on the way
  world.run_for(1s);
  EXPECT_EQ(owner.frames.size(), 1U);
}

// DEV-03
TEST_F(LinkTest, credit_limits_and_returns) {
  open();
  wake();
  EXPECT_EQ(link->credit_available(key), wire::initial_credit);
  ASSERT_TRUE(seal(Bytes(65'536, 'x')));
  EXPECT_EQ(link->credit_available(key), 0U);
  EXPECT_EQ(seal("x").error().kind, FaultKind::throttled);
  relay->send(device_frame(5, wire::FrameType::credit, 0, encode(wire::Credit{.up_to = 100'000, .handed = 1})));
  ASSERT_TRUE(until([&] { return !owner.credits.empty(); }));
  EXPECT_EQ(owner.credits.back(), (std::pair<std::uint64_t, std::uint64_t>{100'000 - 65'536, 1}));
  EXPECT_EQ(*seal("x"), 2U);
}

TEST_F(LinkTest, credit_and_answers_also_come_with_the_response_of_a_lane) {
  open();
  wake();
  relay->script = [&](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data") return false;
    connection.frames({device_frame(5, wire::FrameType::credit, 0, encode(wire::Credit{.up_to = 300'000, .handed = 1})),
                       wire::to_frame(wire::Answer{.request = 1, .code = wire::Code::ok, .text = "added"})});
    return true;
  };
  const auto request = link->request(wire::UserAdd{.user = "b@example.com", .password = "p"});
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, 1U);
  ASSERT_TRUE(until([&] { return owner.answers.size() == 1; }));
  ASSERT_TRUE(seal("x"));
  ASSERT_TRUE(until([&] { return !owner.credits.empty(); }));
  EXPECT_EQ(owner.answers[0].text, "added");
  world.run_for(1s);
  EXPECT_EQ(owner.answers.size(), 1U);  // the second Answer was not waited for
}

TEST_F(LinkTest, the_device_is_granted_what_the_owner_consumed) {
  open();
  wake();
  world.run_for(1s);
  ASSERT_EQ(grants().size(), 1U);
  EXPECT_EQ(grants()[0].up_to, settings.window);
  std::uint64_t number = 1;
  for (int i = 0; i < 3; ++i) relay->send(device_frame(5, wire::FrameType::sealed, ++number, Bytes(60'000, 'u')));
  ASSERT_TRUE(until([&] { return owner.frames.size() == 4; }));
  link->consumed(key, 5);
  world.run_for(1s);
  EXPECT_EQ(grants().size(), 1U);
  link->consumed(key, 180'000);
  world.run_for(1s);
  ASSERT_EQ(grants().size(), 2U);
  EXPECT_EQ(grants()[1].up_to, settings.window + 180'005);
  EXPECT_EQ(grants()[1].handed, 4U);
  heartbeat(1);
  world.run_for(1s);
  EXPECT_EQ(grants().size(), 3U);  // repeated once
  heartbeat(2);
  world.run_for(1s);
  EXPECT_EQ(grants().size(), 3U);
}

TEST_F(LinkTest, a_lost_answer_repeats_the_batch_as_it_was) {
  open();
  wake();
  world.run_for(1s);
  int drops = 2;
  relay->script = [&](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data" || drops == 0) return false;
    --drops;
    connection.drop();
    return true;
  };
  ASSERT_TRUE(seal("precious"));
  ASSERT_TRUE(until([&] { return sealed().size() == 3; }, 5s));
  for (const auto& frame : sealed()) {
    EXPECT_EQ(frame.body, "precious");
    EXPECT_EQ(frame.number, 1U);
  }
  world.run_for(5s);
  EXPECT_EQ(sealed().size(), 3U);
  EXPECT_EQ(link->status().repeated_posts, 2U);
  EXPECT_EQ(link->status().opened_times, 1U);
  EXPECT_EQ(link->status().queued, 0U);
}

TEST_F(LinkTest, an_answer_that_never_comes_is_given_up_in_time) {
  open();
  wake();
  world.run_for(1s);
  bool hold = true;
  relay->script = [&](PeerConnection&, const Seen& seen) {
    return seen.head.target == "/rts/data" && seen.field("Tidegate-Lane") != "0" && std::exchange(hold, false);
  };
  ASSERT_TRUE(seal("x"));
  for (std::uint64_t i = 0; i < 3; ++i) heartbeat(i), world.run_for(8s);
  EXPECT_EQ(sealed().size(), 2U);
  EXPECT_EQ(link->status().opened_times, 1U);
}

TEST_F(LinkTest, a_device_keeps_its_lane_until_its_frames_are_receipted) {
  open();
  wake(5);
  wake(6);
  world.run_for(1s);
  std::vector<PeerConnection*> held;
  relay->script = [&](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data" || seen.field("Tidegate-Lane") == "0") return false;
    held.push_back(&connection);
    return true;
  };
  ASSERT_TRUE(seal("a1", 5));
  ASSERT_TRUE(until([&] { return held.size() == 1; }));
  ASSERT_TRUE(seal("a2", 5));  // behind a1 on its lane
  ASSERT_TRUE(seal("b1", 6));  // elsewhere, at once
  ASSERT_TRUE(until([&] { return held.size() == 2; }));
  world.run_for(1s);
  EXPECT_EQ(held.size(), 2U);
  relay->script = nullptr;
  for (auto* connection : held) connection->frames({});
  ASSERT_TRUE(until([&] { return sealed().size() == 3; }));
  const auto posts = relay->of("/rts/data");
  std::map<std::string, std::string> lane_of;
  for (const auto* post : posts)
    for (const auto& frame : post->frames()) lane_of[frame.body] = post->field("Tidegate-Lane");
  EXPECT_EQ(lane_of["a1"], lane_of["a2"]);
  EXPECT_NE(lane_of["a1"], lane_of["b1"]);
}

TEST_F(LinkTest, under_load_batches_stay_below_256_kib_and_lose_nothing) {
  open();
  wake();
  relay->send(device_frame(5, wire::FrameType::credit, 0, encode(wire::Credit{.up_to = 10'000'000, .handed = 0})));
  ASSERT_TRUE(until([&] { return link->credit_available(key) > 9'000'000; }));
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(seal(Bytes(16'384, static_cast<char>('a' + i % 26))));
  ASSERT_TRUE(until([&] { return link->status().queued == 0; }));
  EXPECT_EQ(sealed().size(), 300U);
  std::uint64_t number = 0;
  for (const auto& frame : sealed()) EXPECT_EQ(frame.number, ++number);
  for (const auto* post : relay->of("/rts/data")) EXPECT_LE(post->body.size(), wire::max_batch);
  EXPECT_LE(relay->of("/rts/data").size(), 30U);
}

TEST_F(LinkTest, a_full_queue_takes_no_more_and_tells_when_it_drains) {
  settings.queue_most = 100'000;
  open();
  wake();
  world.run_for(1s);
  relay->send(device_frame(5, wire::FrameType::credit, 0, encode(wire::Credit{.up_to = 10'000'000, .handed = 0})));
  ASSERT_TRUE(until([&] { return link->credit_available(key) > 9'000'000; }));
  owner.credits.clear();
  ASSERT_TRUE(seal(Bytes(60'000, 'x')));
  ASSERT_TRUE(seal(Bytes(60'000, 'x')));
  EXPECT_EQ(link->credit_available(key), 0U);
  EXPECT_EQ(seal("x").error().kind, FaultKind::throttled);
  ASSERT_TRUE(until([&] { return !owner.credits.empty(); }));
  EXPECT_GT(owner.credits.back().first, 9'000'000U);
  EXPECT_EQ(*seal("x"), 3U);
}

TEST_F(LinkTest, every_request_is_answered_once_even_if_the_session_is_lost) {
  open();
  ASSERT_TRUE(link->request(wire::UserAdd{.user = "b@example.com", .password = "p"}));
  world.run_for(1s);
  relay->command->drop();
  ASSERT_TRUE(until([&] { return owner.answers.size() == 1; }));
  EXPECT_EQ(owner.answers[0].code, wire::Code::unavailable);
  EXPECT_THAT(owner.answers[0].text, HasSubstr("look before you repeat"));
  EXPECT_EQ(link->request(wire::UserDelete{}).error().kind, FaultKind::unavailable);
  ASSERT_TRUE(until([&] { return link->ready(); }));
  ASSERT_TRUE(link->request(wire::UserDelete{.user = "b@example.com"}));
  for (std::uint64_t i = 1; i < 7; ++i) heartbeat(i), world.run_for(10s);
  heartbeat(9), world.run_for(5s);
  ASSERT_EQ(owner.answers.size(), 2U);  // after its 60 s
  EXPECT_THAT(owner.answers[1].text, HasSubstr("did not answer in time"));
  EXPECT_EQ(link->request(wire::Heartbeat{}).error().kind, FaultKind::invalid);
}

TEST_F(LinkTest, a_session_void_at_the_relay_is_opened_anew) {
  open();
  wake();
  world.run_for(1s);
  relay->script = [](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data") return false;
    connection.answer(404, "no such session", "Content-Type: text/plain\r\n");
    return true;
  };
  ASSERT_TRUE(seal("x"));
  ASSERT_TRUE(logged("lost 503"));
  relay->script = nullptr;
  ASSERT_TRUE(logged("opened"));
  EXPECT_EQ(seal("x").error().kind, FaultKind::not_found);  // device sessions are void
}

TEST_F(LinkTest, stop_is_at_once_and_start_opens_again) {
  open();
  wake();
  ASSERT_TRUE(seal("x"));
  link->stop();
  EXPECT_EQ(owner.log.back(), "lost 610");
  EXPECT_FALSE(link->ready());
  const auto before = relay->seen.size();
  world.run_for(1h);
  EXPECT_EQ(relay->seen.size(), before);
  ASSERT_TRUE(link->start());
  EXPECT_TRUE(logged("opened"));
}

TEST_F(LinkTest, destroyed_in_any_state_nothing_comes_after) {
  for (int events = 1; events < 120; events += 3) {
    start();
    for (int i = 0; i < events; ++i) world.step();
    const auto before = owner.log.size();
    link.reset();
    world.run_for(60s);
    EXPECT_EQ(owner.log.size(), before);
  }
}

TEST_F(LinkTest, lossy_connections_lose_no_frame_of_a_session_and_order_nothing_anew) {
  open();
  wake();
  relay->send(device_frame(5, wire::FrameType::credit, 0, encode(wire::Credit{.up_to = 10'000'000, .handed = 0})));
  ASSERT_TRUE(until([&] { return link->credit_available(key) > 9'000'000; }));
  // Every third POST on a data lane loses its answer.
  int count = 0;
  relay->script = [&](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/data" || ++count % 3 != 0) return false;
    connection.drop();
    return true;
  };
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(seal("frame " + std::to_string(i)));
    world.run_for(3ms);
  }
  world.run_for(5s);
  std::uint64_t last = 0;
  for (const auto& frame : sealed()) {  // what the relay does: drop repeats, never see a gap
    if (frame.number <= last) continue;
    EXPECT_EQ(frame.number, last + 1);
    last = frame.number;
  }
  EXPECT_EQ(last, 100U);
}

TEST_F(LinkTest, registers) {
  relay->script = [](PeerConnection& connection, const Seen& seen) {
    if (seen.head.target != "/rts/register") return false;
    const auto asked = wire::decode_register(seen.body);
    if (!asked || asked->password != "right") {
      connection.answer(401, "Wrong.", "Content-Type: text/plain\r\n");
      return true;
    }
    auto unsigned_ = *asked;
    const bool good =
        asked->signature == *ed25519_sign(identity().secret, wire::registration_signature_input(*asked, seen.binding));
    connection.answer(good ? 200 : 400, encode(wire::Registered{identity().guid, "token", 5}));
    return true;
  };
  settings.relay = "https://relay.example";
  Result<wire::Registered> result = fault(FaultKind::cancelled, "", "");
  bool done = false;
  const auto keep = [&](Result<wire::Registered> answer) { result = std::move(answer), done = true; };
  auto call = register_gateway(gateway, settings, identity(), "acme", "right", "host", keep);
  ASSERT_TRUE(until([&] { return done; }));
  ASSERT_TRUE(result) << result.error().text;
  EXPECT_EQ(result->license_id, "token");
  done = false;
  call = register_gateway(gateway, settings, identity(), "acme", "wrong", "host", keep);
  ASSERT_TRUE(until([&] { return done; }));
  EXPECT_EQ(result.error().kind, FaultKind::auth);
  EXPECT_THAT(result.error().text, HasSubstr("password"));
  done = false;
  settings.relay = "ftp://x";
  call = register_gateway(gateway, settings, identity(), "acme", "right", "host", keep);
  EXPECT_FALSE(done);  // never within the call
  ASSERT_TRUE(until([&] { return done; }));
  EXPECT_EQ(result.error().kind, FaultKind::invalid);
  done = false;
  settings.relay = "https://relay.example";
  call = register_gateway(gateway, settings, identity(), "acme", "right", "host", keep);
  call.reset();
  world.run_for(100s);
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace tidegate::link
