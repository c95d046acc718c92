// SPDX-License-Identifier: Apache-2.0
#include "tests/peers/line_socket.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tidegate::peers {

LineSocket LineSocket::connect(std::uint16_t port) {
  LineSocket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
    throw std::runtime_error("connect failed");
  const int on = 1;
  ::setsockopt(socket.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return socket;
}

LineSocket::~LineSocket() {
  if (fd_ >= 0) ::close(fd_);
}

LineSocket::LineSocket(LineSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ahead_(std::move(other.ahead_)) {}

void LineSocket::say(std::string_view octets) {
  while (!octets.empty()) {
    const auto sent = ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the peer is gone");
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool LineSocket::fill() {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, 10'000) != 1) throw std::runtime_error("the peer says nothing");
  std::array<char, 16384> part;
  const auto got = ::recv(fd_, part.data(), part.size(), 0);
  if (got <= 0) return false;
  ahead_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

std::string LineSocket::line() {
  for (;;) {
    if (const auto end = ahead_.find("\r\n"); end != std::string::npos) {
      std::string out = ahead_.substr(0, end);
      ahead_.erase(0, end + 2);
      return out;
    }
    if (!fill()) return {};
  }
}

std::string LineSocket::octets(std::size_t count) {
  while (ahead_.size() < count) {
    if (!fill()) throw std::runtime_error("the peer ended too early");
  }
  std::string out = ahead_.substr(0, count);
  ahead_.erase(0, count);
  return out;
}

}  // namespace tidegate::peers
