// SPDX-License-Identifier: Apache-2.0
// DEFLATE in both directions of one connection (RFC 4978, raw RFC 1951). Pure; one thread.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidegate::imap {

class Deflate {
 public:
  Deflate();
  ~Deflate();
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  std::string pack(std::string_view octets);  ///< to be sent now: the other end can read all of it
  void take(std::string_view octets);         ///< what came; then unpack() until it gives nothing
  /// The next octets, never more than fit: what a few octets swell to costs no memory. 0: more must come first;
  /// nullopt: this is no DEFLATE, or its end.
  std::optional<std::size_t> unpack(std::span<char> into);
  [[nodiscard]] bool pending() const;  ///< unpack() may give something without more coming

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidegate::imap
