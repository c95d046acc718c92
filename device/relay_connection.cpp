// SPDX-License-Identifier: Apache-2.0
#include "device/relay_connection.hpp"

#include <array>
#include <chrono>

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;
namespace websocket = http::websocket;

constexpr auto dial_limit = 20s;
constexpr auto opening_limit = 20s;
constexpr std::uint32_t message_limit = std::uint32_t{16} << 20;  // one WebSocket message; handed on as it comes
constexpr std::size_t frame_limit = wire::max_device_frame + 1024;
constexpr int reads_a_turn = 16;  // then others have their turn

Octets octets(View text) { return std::as_bytes(std::span(text)); }

}  // namespace

RelayConnection::RelayConnection(sim::World& world, const sim::Endpoint& endpoint, ConnectionEvents& events)
    : world_(world),
      endpoint_(endpoint),
      events_(events),
      decoder_(websocket::Sender::server, message_limit),
      frames_(frame_limit) {
  endpoint_.relay = true;
  auto& reactor = world_.reactor();
  last_heard_ = reactor.now();
  dialing_ =
      world_.network().dial(endpoint_, reactor.now() + dial_limit, [this](auto result) { dialed(std::move(result)); });
}

RelayConnection::~RelayConnection() = default;

void RelayConnection::dialed(Result<std::unique_ptr<sim::Stream>> result) {
  if (over_) return;
  if (!result) return fail(std::move(result.error()));
  auto& reactor = world_.reactor();
  last_heard_ = reactor.now();
  stream_ = std::move(*result);
  stream_->events(this);
  opening_deadline_ = reactor.after(opening_limit, [this] {
    if (!open_)
      fail(Fault{FaultKind::unavailable,
                 endpoint_.host,
                 "The relay " + endpoint_.host + " took the connection but does not answer: is it a tidegate-relay?",
                 {},
                 {}});
  });
  reactor.random(nonce_);
  const bool plain_port = endpoint_.port == (endpoint_.tls ? 443 : 80);
  const auto host = plain_port ? endpoint_.host : endpoint_.host + ":" + std::to_string(endpoint_.port);
  http::Fields fields;
  fields.add("Sec-WebSocket-Protocol", "tidegate.1");
  auto request = websocket::request_opening(host, "/device", nonce_, fields);
  if (!request) return fail(std::move(request.error()));
  out_ += *request;
  write();
  if (!over_) readable();
}

void RelayConnection::head() {
  if (auto fine = websocket::check_opening(parser_.head(), nonce_); !fine) {
    refused_ = std::move(fine.error());
    if (const auto* retry = parser_.head().fields.find("Retry-After"); retry != nullptr && retry->size() < 6)
      refused_->retry_after = std::chrono::seconds(std::strtol(retry->c_str(), nullptr, 10));
    return;
  }
  open_ = true;
}
void RelayConnection::body(Octets) {}
void RelayConnection::complete() {}

void RelayConnection::readable() {
  std::array<std::byte, 16384> buffer;
  reading_ = true;
  for (int turn = 0; turn < reads_a_turn && !over_ && !paused_; ++turn) {
    const auto got = stream_->read(buffer);
    if (got.state == sim::IoState::again) break;
    if (got.state != sim::IoState::ok) {
      reading_ = false;
      cut_ = open_;
      return fail(got.state == sim::IoState::failed ? stream_->fault()
                                                    : Fault{FaultKind::unavailable,
                                                            endpoint_.host,
                                                            "The relay ended the connection; connecting again.",
                                                            {},
                                                            {}});
    }
    if (open_) events_.heard_after(silence());
    silence_ = {};
    last_heard_ = world_.reactor().now();
    take(std::span(buffer).first(got.octets));
    if (turn + 1 == reads_a_turn) read_soon();
  }
  reading_ = false;
}

std::chrono::milliseconds RelayConnection::silence() const {
  const auto now = world_.reactor().now() - std::max(last_heard_, last_said_);
  return std::max(silence_, std::chrono::duration_cast<std::chrono::milliseconds>(now));
}

void RelayConnection::read_soon() {
  again_ = world_.reactor().after(0ns, [this] {
    if (!over_ && !paused_) readable();
  });
}

void RelayConnection::take(std::span<std::byte> octets_in) {
  if (!open_) {
    auto used = parser_.feed(octets_in, *this);
    if (!used) return fail(std::move(used.error()));
    if (refused_) return fail(std::move(*refused_));
    if (!open_) return;
    octets_in = octets_in.subspan(*used);
    events_.connected();
    if (over_ || octets_in.empty()) return;
  }
  if (auto fine = decoder_.feed(octets_in, *this); !fine && !over_) fail(std::move(fine.error()));
}

void RelayConnection::data(Octets octets_in, bool) {
  if (over_) return;
  frames_.feed(octets_in);
  while (!over_) {
    auto frame = frames_.next();
    if (!frame) return fail(std::move(frame.error()));
    if (!*frame) return;
    events_.came(std::move(**frame));
  }
}

void RelayConnection::ping(Octets payload) {
  if (!over_) encode(websocket::Opcode::pong, payload);
}
void RelayConnection::pong(Octets) {}
void RelayConnection::close(std::uint16_t code, std::string_view) {
  fail(Fault{FaultKind::unavailable,
             endpoint_.host,
             "The relay closed the connection; connecting again.",
             "WebSocket close " + std::to_string(code),
             {}});
}

void RelayConnection::encode(websocket::Opcode opcode, Octets payload) {
  std::array<std::byte, 4> mask{};
  world_.reactor().random(mask);
  websocket::encode(out_, opcode, payload, mask);
  write();
}

void RelayConnection::send(const wire::Frame& frame) {
  if (over_ || !open_) return;
  Bytes whole;
  wire::encode_to(whole, frame);
  encode(websocket::Opcode::binary, octets(whole));
}

void RelayConnection::ping() {
  if (!over_ && open_) encode(websocket::Opcode::ping, {});
}

void RelayConnection::pause(bool stop) {
  const bool was = std::exchange(paused_, stop);
  if (was && !stop && !over_ && stream_ && !reading_) read_soon();
}

void RelayConnection::write() {
  while (!over_ && out_at_ < out_.size()) {
    const auto done = stream_->write(octets(View(out_).substr(out_at_)));
    if (done.state == sim::IoState::again) return;
    if (done.state != sim::IoState::ok) {
      cut_ = open_;
      return fail(stream_->fault());
    }
    silence_ = silence();
    last_said_ = world_.reactor().now();
    out_at_ += done.octets;
  }
  out_.clear();
  out_at_ = 0;
  if (out_.capacity() > 65536) out_.shrink_to_fit();
}

void RelayConnection::writable() {
  if (!over_) write();
}

void RelayConnection::finish() {
  if (over_) return;
  if (open_) {
    std::array<std::byte, 4> mask{};
    world_.reactor().random(mask);
    websocket::encode_close(out_, websocket::Close::normal, {}, mask);
    write();
  }
  over_ = true;
  if (stream_) stream_->finish();
}

void RelayConnection::fail(Fault why) {
  if (std::exchange(over_, true)) return;
  events_.lost(std::move(why));
}

}  // namespace tidegate::device
