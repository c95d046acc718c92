// SPDX-License-Identifier: Apache-2.0
// Moves an Outbox into a stream, as WebSocket messages or HTTP chunks. Exists only while something waits (a device) or
// for the whole session (a gateway).
#pragma once
#include "core/sim/network.hpp"
#include "relay/routing/outbox.hpp"

namespace tidegate::relay {

class Sender {
 public:
  enum class Wrap : std::uint8_t { websocket, chunk };
  Sender(Budget& budget, Wrap wrap) : outbox_(budget), wrap_(wrap) {}

  Outbox& outbox() noexcept { return outbox_; }
  /// Octets that go out before the next chunk, as they are: heads, pongs, a close frame.
  void raw(View octets) { raw_ += octets; }
  std::size_t raw_waiting() const noexcept { return raw_.size(); }
  bool idle() const noexcept { return at_ == going_.size() && raw_.empty() && outbox_.waiting() == 0; }

  /// Writes until nothing is left (ok), the stream is full (again) or dead (failed). `handed` hears each Mark whose
  /// frame was wholly taken by the socket.
  template <class Handed>
  sim::IoState pump(sim::Stream& stream, Handed handed) {
    for (;;) {
      if (at_ == going_.size()) {
        for (const auto& mark : outbox_marks_) handed(mark);
        outbox_marks_.clear();
        if (!next()) return sim::IoState::ok;
      }
      const auto io = stream.write(std::as_bytes(std::span(going_).subspan(at_)));
      at_ += io.octets;
      if (io.state != sim::IoState::ok) return io.state == sim::IoState::end ? sim::IoState::failed : io.state;
    }
  }

 private:
  bool next();

  Outbox outbox_;
  Bytes raw_, going_;
  std::size_t at_ = 0;
  std::vector<Mark> outbox_marks_;  ///< of going_
  Wrap wrap_;
};

}  // namespace tidegate::relay
