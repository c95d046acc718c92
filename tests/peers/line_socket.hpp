// SPDX-License-Identifier: Apache-2.0
// A blocking loopback socket that speaks lines: what scripted peers and small clients of tests stand on.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidegate::peers {

/// One thread at a time. Throws std::runtime_error on errors and after ten seconds of silence.
class LineSocket {
 public:
  explicit LineSocket(int fd);
  static LineSocket connect(std::uint16_t port);
  ~LineSocket();
  LineSocket(LineSocket&& other) noexcept;
  LineSocket& operator=(LineSocket&&) = delete;

  void say(std::string_view octets);
  std::string line();                       ///< without its CRLF; empty at the end of the stream
  std::optional<std::string> maybe_line();  ///< nullopt at the end of the stream
  std::string octets(std::size_t count);    ///< exactly so many
  /// From here on TLS, as the server; what was read ahead stays to be read. Files in PEM.
  void secure(const std::string& certificate_file, const std::string& key_file);
  [[nodiscard]] int fd() const { return fd_; }

 private:
  struct Tls;
  bool fill();
  int fd_;
  std::string ahead_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace tidegate::peers
