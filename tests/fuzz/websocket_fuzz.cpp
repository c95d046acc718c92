// SPDX-License-Identifier: Apache-2.0
// Any octets as frames of a client and of a server, in any pieces; and any octets come back from encode().
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/http/websocket.hpp"

namespace {

namespace websocket = tidegate::http::websocket;
using tidegate::Octets;

struct Heard final : websocket::FrameEvents {
  void data(Octets octets, bool last) override {
    text.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    if (last) text += '|';
  }
  void ping(Octets octets) override { control += 'i' + std::to_string(octets.size()); }
  void pong(Octets octets) override { control += 'o' + std::to_string(octets.size()); }
  void close(std::uint16_t code, std::string_view reason) override {
    control += 'c' + std::to_string(code) + std::string(reason);
  }
  std::string text;
  std::string control;
};

bool run(websocket::Sender from, std::string all, std::size_t step, Heard& heard) {
  websocket::Decoder decoder(from, 4096);
  const auto octets = std::as_writable_bytes(std::span(all));
  for (std::size_t at = 0; at < octets.size(); at += step)
    if (!decoder.feed(octets.subspan(at, std::min(step, octets.size() - at)), heard)) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = data[0] % 64 + 1;
  for (const auto from : {websocket::Sender::client, websocket::Sender::server}) {
    Heard whole;
    Heard pieces;
    const bool good = run(from, all, all.size(), whole);
    if (run(from, all, step, pieces) != good) std::abort();
    if (whole.text != pieces.text || whole.control != pieces.control) std::abort();
  }
  std::string frame;
  websocket::encode(frame, websocket::Opcode::binary,
                    std::as_bytes(std::span(all)).first(std::min<std::size_t>(all.size(), 4096)),
                    std::array{std::byte{1}, std::byte{2}, std::byte{3}, static_cast<std::byte>(data[0])});
  Heard back;
  if (!run(websocket::Sender::client, frame, step, back) || back.text != all.substr(0, 4096) + '|') std::abort();
  return 0;
}
