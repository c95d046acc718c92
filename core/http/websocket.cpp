// SPDX-License-Identifier: Apache-2.0
#include "core/http/websocket.hpp"

#include <algorithm>
#include <utility>

#include "core/http/utf8.hpp"

namespace tidegate::http::websocket {
namespace {

std::byte octet(std::uint64_t value) { return static_cast<std::byte>(value & 0xff); }
unsigned number(std::byte b) { return std::to_integer<unsigned>(b); }

std::uint64_t big_endian(std::span<const std::byte> octets) {
  std::uint64_t value = 0;
  for (const auto b : octets) value = (value << 8) | number(b);
  return value;
}

// §5.3; `at` is where in the mask to begin.
void unmask(std::span<std::byte> octets, const std::array<std::byte, 4>& mask, std::uint8_t& at) {
  for (auto& b : octets) b ^= mask[at++ & 3];
  at &= 3;
}

// §7.4: which codes may stand in a close frame.
bool may_be_sent(unsigned code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

void encode(std::string& out, Opcode opcode, Octets payload, std::optional<std::array<std::byte, 4>> mask) {
  const auto put = [&](std::uint64_t value) { out += static_cast<char>(octet(value)); };
  const unsigned masked = mask ? 0x80 : 0;
  out.reserve(out.size() + payload.size() + 14);
  put(0x80U | static_cast<unsigned>(opcode));
  if (payload.size() < 126) {
    put(masked | payload.size());
  } else if (payload.size() < 65536) {
    put(masked | 126U);
    for (int shift = 8; shift >= 0; shift -= 8) put(payload.size() >> shift);
  } else {
    put(masked | 127U);
    for (int shift = 56; shift >= 0; shift -= 8) put(payload.size() >> shift);
  }
  if (!mask) {
    out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
    return;
  }
  for (const auto b : *mask) out += static_cast<char>(b);
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ (*mask)[i & 3]);
}

void encode_close(std::string& out, Close code, std::string_view reason, std::optional<std::array<std::byte, 4>> mask) {
  std::string payload;
  payload += static_cast<char>(static_cast<unsigned>(code) >> 8);
  payload += static_cast<char>(static_cast<unsigned>(code) & 0xff);
  payload += utf8_prefix(reason, 123);  // §5.5: a control frame holds at most 125 octets
  encode(out, Opcode::close, std::as_bytes(std::span(payload)), mask);
}

std::unexpected<Fault> Decoder::broken(Close code, std::string_view text) {
  why_ = code;
  closed_ = true;
  const auto kind = code == Close::too_big ? FaultKind::too_large : FaultKind::invalid;
  return fault(kind, "WebSocket", std::string(text));
}

/// Octets a frame's head has in all, as far as what has come of it tells.
std::size_t Decoder::head_size() const {
  if (head_had_ < 2) return 2;
  const auto length = number(head_[1]) & 0x7f;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  const std::size_t mask = (number(head_[1]) & 0x80) != 0 ? 4 : 0;
  return 2 + extended + mask;
}

Result<void> Decoder::begin_frame() {
  const auto first = number(head_[0]);
  const bool masked = (number(head_[1]) & 0x80) != 0;
  final_ = (first & 0x80) != 0;
  opcode_ = static_cast<Opcode>(first & 0x0f);
  left_ = number(head_[1]) & 0x7f;
  const std::size_t extended = head_size() - 2 - (masked ? 4 : 0);
  if (extended != 0) left_ = big_endian(std::span(head_).subspan(2, extended));

  if ((first & 0x70) != 0) return broken(Close::protocol_error, "A WebSocket frame has reserved bits set.");
  if (masked != (from_ == Sender::client))
    return broken(Close::protocol_error, "A WebSocket frame is masked where it must not be, or the reverse.");
  if ((extended == 2 && left_ < 126) || (extended == 8 && (left_ < 65536 || left_ >> 63 != 0)))
    return broken(Close::protocol_error, "The length of a WebSocket frame is not in its shortest form.");
  if (is_control()) {
    if (first != 0x88 && first != 0x89 && first != 0x8a)
      return broken(Close::protocol_error, "A WebSocket control frame is unknown or in pieces.");
    if (left_ > 125) return broken(Close::protocol_error, "A WebSocket control frame is over 125 octets.");
  } else {
    if (opcode_ == Opcode::text) return broken(Close::unsupported, "Only binary WebSocket messages are spoken here.");
    if (opcode_ != Opcode::binary && opcode_ != Opcode::more)
      return broken(Close::protocol_error, "A WebSocket frame is of an unknown kind.");
    if ((opcode_ == Opcode::more) != in_message_)
      return broken(Close::protocol_error, "A WebSocket message begins within another, or goes on without one.");
    if (left_ > limit_ || message_ > limit_ - left_)
      return broken(Close::too_big, "A WebSocket message is over its limit.");
    message_ += left_;
    in_message_ = !final_;
  }
  if (masked) std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(2 + extended), 4, mask_.begin());
  mask_at_ = 0;
  in_frame_ = true;
  head_had_ = 0;
  return {};
}

Result<void> Decoder::control(FrameEvents& events) {
  const auto payload = std::exchange(control_, std::string());
  const auto octets = std::as_bytes(std::span(payload));
  if (opcode_ == Opcode::ping) return events.ping(octets), Result<void>();
  if (opcode_ == Opcode::pong) return events.pong(octets), Result<void>();
  if (payload.empty()) {
    closed_ = true;
    return events.close(1005, {}), Result<void>();
  }
  const std::string_view reason = std::string_view(payload).substr(std::min<std::size_t>(2, payload.size()));
  const auto code = payload.size() < 2 ? 0 : static_cast<unsigned>(big_endian(octets.first(2)));
  if (!may_be_sent(code)) return broken(Close::protocol_error, "A WebSocket close frame has a forbidden code.");
  if (!is_utf8(reason)) return broken(Close::invalid_text, "The reason in a WebSocket close frame is not UTF-8.");
  closed_ = true;
  events.close(static_cast<std::uint16_t>(code), reason);
  return {};
}

Result<void> Decoder::feed(std::span<std::byte> octets, FrameEvents& events) {
  while (!closed_ && (!octets.empty() || (in_frame_ && left_ == 0))) {
    if (!in_frame_) {
      head_[head_had_++] = octets.front();
      octets = octets.subspan(1);
      if (head_had_ < head_size()) continue;
      if (auto begun = begin_frame(); !begun) return begun;
      continue;
    }
    auto part = octets.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, octets.size())));
    octets = octets.subspan(part.size());
    left_ -= part.size();
    if (from_ == Sender::client) unmask(part, mask_, mask_at_);
    if (left_ == 0) in_frame_ = false;
    if (is_control()) {
      control_.append(reinterpret_cast<const char*>(part.data()), part.size());
      if (left_ != 0) continue;
      if (auto done = control(events); !done) return done;
      continue;
    }
    const bool last = left_ == 0 && final_;
    if (last) message_ = 0;
    if (!part.empty() || last) events.data(part, last);
  }
  return {};
}

}  // namespace tidegate::http::websocket
