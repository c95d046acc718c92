// SPDX-License-Identifier: Apache-2.0
#include "tests/device/scripted_peer.hpp"

#include <array>

#include <gtest/gtest.h>

namespace tidegate::device {
namespace {
Octets octets(View text) { return std::as_bytes(std::span(text)); }
View view_of(const e2e::Key32& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }
}  // namespace

/// One device's connection.
struct ScriptedPeer::Line final : sim::StreamEvents, http::MessageEvents, http::websocket::FrameEvents {
  Line(ScriptedPeer& peer, std::unique_ptr<sim::Stream> given) : peer_(peer), stream(std::move(given)) {
    stream->events(this);
    readable();
  }
  void readable() override {
    std::array<std::byte, 4096> buffer;
    while (!over) {
      const auto got = stream->read(buffer);
      if (got.state != sim::IoState::ok) {
        over = got.state != sim::IoState::again;
        return;
      }
      if (forgotten) continue;
      moved();
      auto part = std::span(buffer).first(got.octets);
      if (!open) {
        const auto used = parser.feed(part, *this);
        ASSERT_TRUE(used);
        part = part.subspan(*used);
      }
      if (open && !part.empty()) ASSERT_TRUE(decoder.feed(part, *this));
    }
  }
  void writable() override { flush(); }
  void moved() {
    silence = nullptr;
    if (peer_.cut_after.count() == 0) return;
    silence = peer_.host_.reactor().after(peer_.cut_after, [this] {
      ++peer_.cuts;
      if (!peer_.cut_is_told) return void(forgotten = true);
      peer_.drop();
    });
  }
  void flush() {
    if (forgotten) return;
    if (!out.empty()) moved();
    while (!over && !out.empty()) {
      const auto done = stream->write(octets(out));
      if (done.state != sim::IoState::ok) return;
      out.erase(0, done.octets);
    }
  }
  void head() override {
    EXPECT_EQ(parser.head().target, "/device");
    EXPECT_TRUE(parser.head().fields.has_token("Sec-WebSocket-Protocol", "tidegate.1"));
    if (peer_.answer_status != 101) {
      out += *http::serialise_response(peer_.answer_status, {{"Content-Length", "0"}, {"Retry-After", "7"}});
      return flush();
    }
    out += *http::websocket::accept_opening(parser.head());
    open = true;
    peer_.nonce_ = Bytes(32, static_cast<char>('n' + peer_.connections));
    peer_.send_control(wire::Challenge{1, peer_.nonce_});
  }
  void body(Octets) override {}
  void complete() override {}
  void data(Octets part, bool) override {
    reader.feed(part);
    while (!over) {
      auto frame = reader.next();
      ASSERT_TRUE(frame);
      if (!*frame) return;
      if (!peer_.silent) peer_.came(**frame);
    }
  }
  void ping(Octets payload) override {
    ++peer_.pings;
    if (peer_.silent) return;
    http::websocket::encode(out, http::websocket::Opcode::pong, payload);
    flush();
  }
  void pong(Octets) override {}
  void close(std::uint16_t, std::string_view) override { stream->finish(); }

  ScriptedPeer& peer_;
  std::unique_ptr<sim::Stream> stream;
  http::RequestParser parser;
  http::websocket::Decoder decoder{http::websocket::Sender::client, 1U << 24};
  wire::FrameReader reader;
  std::string out;
  std::unique_ptr<Timer> silence;
  bool open = false, over = false, forgotten = false;
};

ScriptedPeer::ScriptedPeer(sim::VirtualHost& host) : host_(host) {
  code = e2e::make_pairing_code(random());
  gateway = e2e::make_x25519(random());
  auto listening = host.network().listen(
      {.host = "relay", .port = 443, .certificate_file = "/cert", .key_file = "/key", .unix_path = {}},
      [this](std::unique_ptr<sim::Stream> stream) {
        ++connections;
        handshake_.reset(), sealer_.reset(), opener_.reset();
        generation_ = 0;
        line_ = std::make_unique<Line>(*this, std::move(stream));
      });
  EXPECT_TRUE(listening) << listening.error().text;
  listening_ = std::move(*listening);
}
ScriptedPeer::~ScriptedPeer() = default;

e2e::Random ScriptedPeer::random() {
  return [this](std::span<std::byte> into) { host_.reactor().random(into); };
}

void ScriptedPeer::send_raw(std::string websocket_octets) {
  if (!line_) return;
  line_->out += websocket_octets;
  line_->flush();
}
void ScriptedPeer::send(wire::Frame frame) {
  Bytes whole;
  wire::encode_to(whole, frame);
  std::string out;
  http::websocket::encode(out, http::websocket::Opcode::binary, octets(whole));
  send_raw(std::move(out));
}
void ScriptedPeer::send_control(const wire::Control& message) { send(wire::to_frame(message)); }
void ScriptedPeer::down(wire::FrameType type, Bytes body) {
  wire::Frame frame{wire::Target::device, 0, generation_, static_cast<std::uint32_t>(type), ++down_, std::move(body)};
  if (tamper && type == wire::FrameType::sealed) tamper(frame);
  send(std::move(frame));
}
void ScriptedPeer::say(const e2e::ToDevice& message) {
  ASSERT_TRUE(sealer_);
  sealer_->push(e2e::encode(message));
  while (!sealer_->empty()) down(wire::FrameType::sealed, sealer_->next());
}
void ScriptedPeer::close(wire::Code why, std::string text) {
  send({wire::Target::device, 0, generation_, static_cast<std::uint32_t>(wire::FrameType::close), 0,
        wire::encode(wire::Closed{why, std::move(text), 0})});
  sealer_.reset(), opener_.reset(), handshake_.reset();
}
void ScriptedPeer::drop() {
  sealer_.reset(), opener_.reset(), handshake_.reset();
  if (!line_) return;
  line_->over = true;
  // Perhaps within one of its own events.
  host_.reactor().post([dying = std::shared_ptr<Line>(std::move(line_))] {});
}
void ScriptedPeer::gateway_goes() {
  gateway_present = false;
  if (sealer_) close(wire::Code::gateway_away);
  send_control(wire::GatewayState{false, "gone"});
}
void ScriptedPeer::gateway_comes() {
  gateway_present = true;
  send_control(wire::GatewayState{true, {}});
}

void ScriptedPeer::came(const wire::Frame& frame) {
  if (frame.target == wire::Target::relay) return control(frame);
  const auto type = static_cast<wire::FrameType>(frame.type);
  if (type == wire::FrameType::close) {
    sealer_.reset(), opener_.reset(), handshake_.reset();
    return;
  }
  if (type == wire::FrameType::wake_up) {
    ++generation_;
    up_ = down_ = up_octets_ = 0;
  }
  EXPECT_EQ(frame.number, ++up_);
  up_octets_ += wire::credit_cost(frame);
  EXPECT_LE(up_octets_, wire::initial_credit + grant) << "over its credit";
  if (type == wire::FrameType::wake_up) return wake(frame);
  if (type == wire::FrameType::handshake) return shake(frame);
  if (type == wire::FrameType::sealed) return sealed(frame);
}

void ScriptedPeer::control(const wire::Frame& frame) {
  const auto message = wire::to_control(frame);
  ASSERT_TRUE(message);
  if (refuse) return send_control(*refuse);
  const auto verify = [&](const Bytes& key, const std::string& who, const Bytes& id, const std::string& relay,
                          const Bytes& signature) {
    return relay == "relay" &&
           e2e::ed25519_verify(key,
                               wire::device_signature_input("relay", nonce_, who, id, line_->stream->channel_binding()),
                               signature);
  };
  if (const auto* enrol = std::get_if<wire::Enrol>(&*message)) {
    EXPECT_TRUE(verify(enrol->device_key, enrol->user, enrol->device_id, enrol->relay_host, enrol->signature));
    if (enrol->user != user || enrol->password != password)
      return send_control(wire::Refused{wire::Code::unauthorized, "wrong", 0});
    if (enrol->handle != code.handle) return send_control(wire::Refused{wire::Code::not_found, "no such handle", 0});
    ++enrolments;
    enrolled_key = enrol->device_key;
    device_id_ = enrol->device_id;
  } else if (const auto* login = std::get_if<wire::Login>(&*message)) {
    if (!verify(enrolled_key, login->user, login->device_id, login->relay_host, login->signature)) {
      ++refused_logins;
      return send_control(wire::Refused{wire::Code::unauthorized, "unknown device", 0});
    }
    ++logins;
    device_id_ = login->device_id;
  }
  send_control(wire::Welcome{gateway_present, {}, 240'000});
}

void ScriptedPeer::wake(const wire::Frame& frame) {
  const auto wake_up = wire::decode_wake_up(frame.body);
  ASSERT_TRUE(wake_up);
  EXPECT_EQ(wake_up->user, user);
  EXPECT_EQ(wake_up->device_id, device_id_);
  handle_ = wake_up->handle;
  sealer_.reset(), opener_.reset();
  const auto ack = wire::encode(wire::WakeUpAck{1, ack_suite.value_or(wire::Suite::noise_1), guid, 0});
  e2e::Handshake::Config config;
  config.pattern = handle_.empty() ? e2e::Pattern::kk : e2e::Pattern::xx_psk3;
  config.initiator = false;
  config.prologue = e2e::prologue(config.pattern, guid, user, device_id_, frame.body, ack);
  config.own = {gateway.secret.clone(), gateway.open};
  config.random = random();
  if (handle_.empty())
    config.remote_static = device_static;
  else
    config.psk = e2e::pairing_psk(code, guid);
  handshake_ = std::make_unique<e2e::Handshake>(std::move(config));
  down(wire::FrameType::wake_up_ack, ack);
}

void ScriptedPeer::shake(const wire::Frame& frame) {
  const auto payload = handshake_->read(octets(frame.body));
  if (!payload) return close(wire::Code::crypto, "did not open");
  if (!handshake_->finished()) {
    down(wire::FrameType::handshake, *handshake_->write({}));
    if (!handshake_->finished()) return;
    auto split = handshake_->split();
    hashes.emplace_back(view_of(split.hash));
    sealer_ = std::make_unique<e2e::Sealer>(std::move(split.send));
    opener_ = std::make_unique<e2e::Opener>(std::move(split.receive), e2e::max_message);
    handshake_.reset();
    return;
  }
  const auto hello = e2e::decode_pairing_hello(octets(*payload));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->device_key, enrolled_key);
  const auto key = handshake_->remote_static();
  if (device_static) EXPECT_EQ(*device_static, *key) << "the same code must come with the same key";
  device_static = key;
  if (drop_after_message_3) return drop();
  auto split = handshake_->split();
  e2e::Sealer done(std::move(split.send));
  done.push(e2e::encode(e2e::PairingDone{user, "scripted gateway"}));
  down(wire::FrameType::sealed, done.next());
  close(wire::Code::bye);
}

void ScriptedPeer::sealed(const wire::Frame& frame) {
  if (!opener_) return;  // it was on its way when the session ended
  auto messages = opener_->open(octets(frame.body));
  ASSERT_TRUE(messages);
  for (const auto& message : *messages) {
    auto said = e2e::decode_to_gateway(octets(message));
    ASSERT_TRUE(said);
    if (const auto* hello = std::get_if<e2e::Hello>(&*said)) {
      ++sessions;
      hellos.push_back(*hello);
    }
    heard.push_back(*said);
    if (on_message) on_message(*said);
  }
}

}  // namespace tidegate::device
