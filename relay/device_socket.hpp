// SPDX-License-Identifier: Apache-2.0
// A device's WebSocket: frames in, frames out. Small while idle: no buffer, no timer, no Sender. Reactor thread.
#pragma once
#include <memory>
#include <string>

#include "core/http/websocket.hpp"
#include "relay/hub.hpp"
#include "relay/sender.hpp"

namespace tidegate::relay {

class DeviceSocketEvents {
 public:
  virtual void frame(wire::Frame&&) = 0;
  virtual void handed(const Mark&) = 0;
  /// It is over, called once; destroy the socket later, not within.
  virtual void gone(std::string_view why) = 0;

 protected:
  ~DeviceSocketEvents() = default;
};

class DeviceSocket final : private sim::StreamEvents, private Flushable, private http::websocket::FrameEvents {
 public:
  DeviceSocket(Hub&, std::unique_ptr<sim::Stream>);
  ~DeviceSocket();

  void listener(DeviceSocketEvents* events) noexcept { events_ = events; }
  /// Begins to read; `head`: the answer to the opening; `octets`: what came behind the opening's head.
  void start(View head, Bytes octets);

  void queue(const wire::Frame&, Mark);
  void urgent(const wire::Frame&);
  void purge();
  void ping();
  /// Says it, closes the WebSocket, and is gone when that is out. Input is ignored from now on.
  void end(const wire::Refused&);
  void cut(std::string_view why);  ///< at once

  Bytes binding() const { return stream_->channel_binding(); }
  std::string peer() const { return stream_->peer(); }
  sim::Instant heard() const noexcept { return heard_; }
  bool ending() const noexcept { return state_ != State::open; }

 private:
  enum class State : std::uint8_t { open, ending, said, over };

  void readable() override;
  void writable() override { flush(); }
  void flush() override;
  void data(Octets, bool last) override;
  void ping(Octets) override;
  void pong(Octets) override {}
  void close(std::uint16_t code, std::string_view reason) override;

  bool feed(std::span<std::byte>);
  void refuse(http::websocket::Close, std::string_view why);
  Sender& sender();

  Hub& hub_;
  std::unique_ptr<sim::Stream> stream_;
  DeviceSocketEvents* events_ = nullptr;
  std::unique_ptr<Sender> sender_;
  struct Reading;
  std::unique_ptr<Reading> reading_;  ///< only within a message: most devices are silent most of the time
  sim::Instant heard_;
  http::websocket::Close close_ = http::websocket::Close::normal;
  State state_ = State::open;
  bool deaf_ = false;                       ///< too many answers wait: cut by the next flush
  std::shared_ptr<const bool> reading_on_;  ///< only while a posted reading waits
};

}  // namespace tidegate::relay
