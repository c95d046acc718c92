// SPDX-License-Identifier: Apache-2.0
// A blocking loopback socket that speaks lines: what scripted peers and small clients of tests stand on.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::peers {

/// One thread at a time. Throws std::runtime_error on errors and after ten seconds of silence.
class LineSocket {
 public:
  explicit LineSocket(int fd) : fd_(fd) {}
  static LineSocket connect(std::uint16_t port);
  ~LineSocket();
  LineSocket(LineSocket&& other) noexcept;
  LineSocket& operator=(LineSocket&&) = delete;

  void say(std::string_view octets);
  std::string line();                     ///< without its CRLF; empty at the end of the stream
  std::string octets(std::size_t count);  ///< exactly so many
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool fill();
  int fd_;
  std::string ahead_;
};

}  // namespace tidegate::peers
