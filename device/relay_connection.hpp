// SPDX-License-Identifier: Apache-2.0
// One connection to the relay's device front: TLS, the WebSocket's opening, frames both ways (docs/wire.md, device
// leg). Reactor thread. Never destroy it within one of its events; post that.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "core/http/message.hpp"
#include "core/http/websocket.hpp"
#include "core/sim/world.hpp"
#include "core/wire/frame.hpp"

namespace tidegate::device {

class ConnectionEvents {
 public:
  virtual void connected() = 0;  ///< the WebSocket is open; the relay speaks first
  virtual void came(wire::Frame) = 0;
  virtual void heard_after(std::chrono::milliseconds silence) = 0;  ///< something came, on an open connection
  virtual void lost(Fault) = 0;                                     ///< once, and nothing after it

 protected:
  ~ConnectionEvents() = default;
};

class RelayConnection final : sim::StreamEvents, http::MessageEvents, http::websocket::FrameEvents {
 public:
  RelayConnection(sim::World&, const sim::Endpoint&, ConnectionEvents&);
  ~RelayConnection();
  RelayConnection(const RelayConnection&) = delete;
  RelayConnection& operator=(const RelayConnection&) = delete;

  void send(const wire::Frame&);  ///< before connected() and after lost(): dropped
  /// Stops reading: TCP then holds the relay back. For when too much waits for the disk.
  void pause(bool);
  bool paused() const { return paused_; }
  void ping();
  void finish();  ///< orderly end after what was sent; nothing is heard any more
  sim::Instant last_heard() const { return last_heard_; }
  /// The longest time in which nothing moved, since something was heard last.
  std::chrono::milliseconds silence() const;
  /// Ended from without, and by nobody who said so: perhaps for its silence.
  bool cut() const { return cut_; }
  Bytes channel_binding() const { return stream_ ? stream_->channel_binding() : Bytes(); }

 private:
  void readable() override;
  void writable() override;
  void head() override;
  void body(Octets) override;
  void complete() override;
  void data(Octets, bool last) override;
  void ping(Octets) override;
  void pong(Octets) override;
  void close(std::uint16_t code, std::string_view reason) override;

  void dialed(Result<std::unique_ptr<sim::Stream>>);
  void take(std::span<std::byte>);
  void read_soon();
  void write();
  void fail(Fault);
  void encode(http::websocket::Opcode, Octets);

  sim::World& world_;
  sim::Endpoint endpoint_;
  ConnectionEvents& events_;
  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
  std::unique_ptr<Timer> opening_deadline_, again_;
  http::ResponseParser parser_;
  std::array<std::byte, 16> nonce_{};
  http::websocket::Decoder decoder_;
  wire::FrameReader frames_;
  std::string out_;
  std::size_t out_at_ = 0;
  sim::Instant last_heard_{}, last_said_{};
  std::chrono::milliseconds silence_{0};  ///< the longest that something we said ended
  bool open_ = false, over_ = false, paused_ = false, reading_ = false, cut_ = false;
  std::optional<Fault> refused_;  ///< the answer to the opening was no
};

}  // namespace tidegate::device
