// SPDX-License-Identifier: Apache-2.0
// WebSocket (RFC 6455) by our own framing: an idle connection costs one Decoder, about 80 octets. Binary messages
// only, no extensions. Sans I/O.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/http/head.hpp"

namespace tidegate::http::websocket {

enum class Opcode : std::uint8_t { more = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Close codes (RFC 6455 §7.4.1) that we send.
enum class Close : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported = 1003,
  invalid_text = 1007,
  policy = 1008,
  too_big = 1009,
  try_later = 1013,
};

// --- the opening (§4)
/// The server's head for a good request: 101 with Sec-WebSocket-Accept. Faults: invalid (no WebSocket request: answer
/// 400), unsupported (another version than 13: answer 426 with Sec-WebSocket-Version: 13).
Result<std::string> accept_opening(const RequestHead&);
std::string accept_key(std::string_view key);  ///< §4.2.2: base64(SHA-1(key + the GUID))
/// The client's head; `nonce` is 16 random octets.
Result<std::string> request_opening(std::string_view host, std::string_view target, Octets nonce, const Fields& = {});
/// Whether the answer opens it. Faults: invalid; denied or unavailable by the status of another answer.
Result<void> check_opening(const ResponseHead&, Octets nonce);

// --- sending (§5)
/// Appends one whole, final frame. `mask`: 4 random octets; clients must give it, servers must not.
void encode(std::string& out, Opcode, Octets payload, std::optional<std::array<std::byte, 4>> mask = {});
/// A close frame with its code and a reason of at most 123 octets (cut).
void encode_close(std::string& out, Close, std::string_view reason, std::optional<std::array<std::byte, 4>> mask = {});

// --- receiving
/// What a decoder finds. An event must not destroy the decoder.
class FrameEvents {
 public:
  /// Some more of a binary message; `last`: it ends here. A message may be empty.
  virtual void data(Octets, bool last) = 0;
  virtual void ping(Octets) = 0;  ///< answer with a pong of the same octets
  virtual void pong(Octets) = 0;
  /// The peer closes: echo it (unless we closed first) and finish. 1005: it gave no code.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;

 protected:
  ~FrameEvents() = default;
};

enum class Sender : std::uint8_t {
  client,
  server
};  ///< whose frames are decoded: a client's are masked, a server's not

class Decoder {
 public:
  Decoder(Sender from, std::uint32_t message_limit) : limit_(message_limit), from_(from) {}

  /// Decodes all of it; unmasks in place. After a close frame the rest is ignored. Faults: invalid, too_large: send
  /// encode_close(close_code()) and end; the decoder is of no more use.
  Result<void> feed(std::span<std::byte>, FrameEvents&);
  Close close_code() const { return why_; }  ///< after a fault of feed()
  bool closed() const { return closed_; }    ///< a close frame has come
  /// Between two messages: a new decoder would go on as well.
  bool idle() const { return !in_frame_ && !in_message_ && head_had_ == 0 && !closed_; }

 private:
  std::unexpected<Fault> broken(Close, std::string_view text);
  Result<void> begin_frame();
  Result<void> control(FrameEvents&);
  std::size_t head_size() const;
  bool is_control() const { return (static_cast<unsigned>(opcode_) & 8U) != 0; }

  std::string control_;        ///< payload of a control frame so far
  std::uint64_t left_ = 0;     ///< octets of this frame's payload to come
  std::uint64_t message_ = 0;  ///< octets of this message so far
  std::uint32_t limit_;
  std::array<std::byte, 4> mask_{};
  std::array<std::byte, 14> head_{};
  std::uint8_t head_had_ = 0;
  std::uint8_t mask_at_ = 0;
  Close why_ = Close::normal;
  Sender from_;
  Opcode opcode_ = Opcode::more;
  bool final_ = false;
  bool in_frame_ = false;
  bool in_message_ = false;
  bool closed_ = false;
};

}  // namespace tidegate::http::websocket
