// SPDX-License-Identifier: Apache-2.0
// Reads all that comes on a stream; writes a text as room allows.
#pragma once
#include <array>
#include <memory>
#include <string>

#include "core/sim/network.hpp"

namespace tidegate::tests {

struct Talker final : sim::StreamEvents {
  std::unique_ptr<sim::Stream> stream;
  std::string heard, to_say;
  bool ended = false, failed = false;

  void take(std::unique_ptr<sim::Stream> s) {
    stream = std::move(s);
    stream->events(this);
    readable();
    writable();
  }
  void say(std::string_view text) {
    to_say += text;
    writable();
  }
  void readable() override {
    std::array<std::byte, 4096> buffer;
    for (;;) {
      const auto io = stream->read(buffer);
      if (io.state == sim::IoState::end) ended = true;
      if (io.state == sim::IoState::failed) failed = true;
      if (io.state != sim::IoState::ok) return;
      heard.append(reinterpret_cast<const char*>(buffer.data()), io.octets);
    }
  }
  void writable() override {
    while (!to_say.empty()) {
      const auto io = stream->write(std::as_bytes(std::span(to_say)));
      if (io.state == sim::IoState::failed) failed = true;
      if (io.state != sim::IoState::ok) return;
      to_say.erase(0, io.octets);
    }
  }
};

}  // namespace tidegate::tests
