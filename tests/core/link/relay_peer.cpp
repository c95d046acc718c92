// SPDX-License-Identifier: Apache-2.0
#include "tests/core/link/relay_peer.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>

namespace tidegate::link {

std::vector<wire::Frame> Seen::frames() const {
  wire::FrameReader reader;
  reader.feed(std::as_bytes(std::span(body)));
  std::vector<wire::Frame> frames;
  for (;;) {
    auto frame = reader.next();
    if (!frame) throw std::runtime_error("a POST's body is no sequence of frames: " + frame.error().text);
    if (!*frame) break;
    frames.push_back(std::move(**frame));
  }
  if (reader.held() != 0) throw std::runtime_error("a POST's body ends within a frame");
  return frames;
}

std::string Seen::field(std::string_view name) const {
  const auto* value = head.fields.find(name);
  return value ? *value : std::string();
}

PeerConnection::PeerConnection(RelayPeer& peer, std::unique_ptr<sim::Stream> stream)
    : peer_(peer), stream_(std::move(stream)) {
  stream_->events(this);
  readable();
}

void PeerConnection::write(View octets) {
  out_ += octets;
  flush();
}

void PeerConnection::flush() {
  while (stream_ && !out_.empty()) {
    const auto io = stream_->write(std::as_bytes(std::span(out_)));
    out_.erase(0, io.octets);
    if (io.state != sim::IoState::ok) return;
  }
}

void PeerConnection::answer(unsigned status, View body, std::string_view extra) {
  write(fmt::format("HTTP/1.1 {} X\r\n{}Content-Length: {}\r\n\r\n{}", status, extra, body.size(), body));
}

void PeerConnection::frames(const std::vector<wire::Frame>& frames) {
  Bytes body;
  for (const auto& frame : frames) wire::encode_to(body, frame);
  answer(200, body);
}

void PeerConnection::chunk(View octets) {
  write(http::chunk_begin(octets.size()) + std::string(octets) + std::string(http::chunk_end()));
}

void PeerConnection::readable() {
  std::array<std::byte, 4096> buffer;
  while (stream_) {
    const auto io = stream_->read(buffer);
    auto octets = Octets(buffer).first(io.octets);
    while (!octets.empty()) {
      const auto used = parser_.feed(octets, *this);
      if (!used) throw std::runtime_error("the gateway does not speak HTTP: " + used.error().text);
      octets = octets.subspan(*used);
    }
    if (io.state == sim::IoState::again) return;
    if (io.state != sim::IoState::ok) return drop();
  }
}

void PeerConnection::head() {
  parser_.body_limit(http::kNoLimit);
  now_ = {parser_.head(), {}, stream_->channel_binding()};
}
void PeerConnection::body(Octets octets) {
  now_.body.append(reinterpret_cast<const char*>(octets.data()), octets.size());
}
void PeerConnection::complete() {
  peer_.seen.push_back(now_);
  peer_.handle(*this, now_);
}

RelayPeer::RelayPeer(sim::World& w, std::uint16_t port) : world(w) {
  auto listening = world.network().listen(
      {.host = "", .port = port, .certificate_file = "relay.pem", .key_file = "k", .unix_path = {}},
      [this](std::unique_ptr<sim::Stream> stream) {
        connections.push_back(std::make_unique<PeerConnection>(*this, std::move(stream)));
        if (on_accept) on_accept(*connections.back());
      });
  if (!listening) throw std::runtime_error(listening.error().text);
  listening_ = std::move(*listening);
}

void RelayPeer::handle(PeerConnection& connection, const Seen& request) {
  if (script && script(connection, request)) return;
  const auto& target = request.head.target;
  if (target == "/rts/connect") return connection.answer(200, encode(offer));
  if (target == "/rts/events") {
    command = &connection;
    connection.write("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    return send(wire::to_frame(users));
  }
  if (target == "/rts/data") return connection.frames({});
  connection.answer(404, "");
}

void RelayPeer::send(const wire::Frame& frame) {
  Bytes octets;
  wire::encode_to(octets, frame);
  command->chunk(octets);
}

std::vector<const Seen*> RelayPeer::of(std::string_view path) const {
  std::vector<const Seen*> found;
  for (const auto& one : seen)
    if (one.head.target == path) found.push_back(&one);
  return found;
}

std::vector<wire::Frame> RelayPeer::data() const {
  std::vector<wire::Frame> all;
  for (const auto* one : of("/rts/data"))
    for (auto& frame : one->frames()) all.push_back(std::move(frame));
  return all;
}

wire::Frame device_frame(std::uint64_t id, wire::FrameType type, std::uint64_t number, Bytes body,
                         std::uint64_t generation) {
  return {.target = wire::Target::device,
          .id = id,
          .generation = generation,
          .type = static_cast<std::uint32_t>(type),
          .number = number,
          .body = std::move(body)};
}

}  // namespace tidegate::link
