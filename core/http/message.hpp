// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 messages out of octets, as they come (RFC 9112). Sans I/O: no socket, no clock, no thread of its own.
// Boost.Beast's parser does the reading behind it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/http/head.hpp"

namespace tidegate::http {

/// What a parser finds, in this order, during feed(). An event must not destroy the parser.
class MessageEvents {
 public:
  virtual void head() = 0;        ///< the parser's head() is complete; the place to set body_limit()
  virtual void body(Octets) = 0;  ///< some more of the body, chunks undone, handed on as it comes
  virtual void complete() = 0;    ///< the message ends here

 protected:
  ~MessageEvents() = default;
};

inline constexpr std::uint32_t kHeadLimit = 16 * 1024;
inline constexpr std::uint64_t kNoLimit = UINT64_MAX;

namespace detail {
class Reader;
}

/// One message at a time; after complete() it stands ready for the next. Not thread-safe, movable.
class Parser {
 public:
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;
  ~Parser();

  /// Reads on. Answers how many of the octets were used: all, but for what follows a complete message or an upgrade's
  /// head (RFC 9110 §7.8: those octets are of the other protocol). Faults: invalid (no HTTP, forbidden framing),
  /// too_large (head over its limit, body over body_limit()); then this parser is of no more use.
  Result<std::size_t> feed(Octets, MessageEvents&);
  /// The connection has ended. `invalid` if that is in the midst of a message; completes a response without length.
  Result<void> end(MessageEvents&);

  /// Of this message's body, counted in decoded octets; default 64 KiB. Set anew for each message.
  void body_limit(std::uint64_t octets);
  bool between_messages() const;  ///< nothing of a next message has come

 protected:
  explicit Parser(std::unique_ptr<detail::Reader>);
  std::unique_ptr<detail::Reader> reader_;
};

class RequestParser : public Parser {
 public:
  RequestParser();
  const RequestHead& head() const;  ///< from the event head() until complete() has returned
};

class ResponseParser : public Parser {
 public:
  ResponseParser();
  const ResponseHead& head() const;
  /// The next response answers a HEAD or a CONNECT: it has no body whatever its fields say (RFC 9112 §6.3).
  void expect_no_body();
};

}  // namespace tidegate::http
