// SPDX-License-Identifier: Apache-2.0
// A scripted relay: octets in through an HTTP parser, octets out as the test says. By default it behaves.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/http/message.hpp"
#include "core/sim/virtual_world.hpp"
#include "core/wire/control.hpp"

namespace tidegate::link {

class RelayPeer;

struct Seen {
  http::RequestHead head;
  Bytes body;
  Bytes binding;
  std::vector<wire::Frame> frames() const;
  std::string field(std::string_view name) const;
};

/// One accepted connection.
class PeerConnection final : sim::StreamEvents, http::MessageEvents {
 public:
  PeerConnection(RelayPeer& peer, std::unique_ptr<sim::Stream> stream);
  void write(View octets);
  void answer(unsigned status, View body, std::string_view extra = "Content-Type: application/octet-stream\r\n");
  void frames(const std::vector<wire::Frame>&);  ///< 200 with these frames as its body
  void chunk(View octets);                       ///< of a chunked response
  void drop() { stream_.reset(); }
  bool alive() const { return stream_ != nullptr; }

 private:
  void readable() override;
  void writable() override { flush(); }
  void head() override;
  void body(Octets) override;
  void complete() override;
  void flush();

  RelayPeer& peer_;
  std::unique_ptr<sim::Stream> stream_;
  http::RequestParser parser_;
  Seen now_;
  std::string out_;
};

class RelayPeer {
 public:
  RelayPeer(sim::World& world, std::uint16_t port = 443);

  /// Instead of the good behaviour; false: not handled, behave.
  std::function<bool(PeerConnection&, const Seen&)> script;
  std::function<void(PeerConnection&)> on_accept;
  wire::Opened offer{.key_id = "id-1",
                     .key = "key-1",
                     .event_url = "https://relay.example/rts/events",
                     .data_url = "https://relay.example/rts/data",
                     .reply_time_ms = 5000};
  wire::ActivateUsers users{
      .whole = true, .users = {{.user = "a@example.com", .text = {}}}, .seats = 5, .seats_used = 1, .session = 42};

  std::vector<Seen> seen;
  std::vector<std::unique_ptr<PeerConnection>> connections;
  PeerConnection* command = nullptr;  ///< the command channel, once open

  std::vector<const Seen*> of(std::string_view path) const;
  /// All frames that came over data channels, in order of the POSTs.
  std::vector<wire::Frame> data() const;
  void send(const wire::Frame&);  ///< on the command channel
  void handle(PeerConnection&, const Seen&);
  sim::World& world;

 private:
  std::unique_ptr<sim::Listening> listening_;
};

/// A frame with target device.
wire::Frame device_frame(std::uint64_t id, wire::FrameType, std::uint64_t number, Bytes body = {},
                         std::uint64_t generation = 1);

}  // namespace tidegate::link
