// SPDX-License-Identifier: Apache-2.0
#include "tests/peers/line_socket.hpp"

#include <array>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tidegate::peers {

struct LineSocket::Tls {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
};

LineSocket::LineSocket(int fd) : fd_(fd) {}

void LineSocket::secure(const std::string& certificate_file, const std::string& key_file) {
  auto tls = std::make_unique<Tls>();
  if (SSL_CTX_use_certificate_chain_file(tls->context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls->context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("no certificate");
  }
  tls->ssl.reset(SSL_new(tls->context.get()));
  SSL_set_fd(tls->ssl.get(), fd_);
  if (SSL_accept(tls->ssl.get()) != 1) throw std::runtime_error("no TLS handshake");
  tls_ = std::move(tls);
}

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
    : fd_(std::exchange(other.fd_, -1)), ahead_(std::move(other.ahead_)), tls_(std::move(other.tls_)) {}

void LineSocket::say(std::string_view octets) {
  while (!octets.empty()) {
    const auto sent = tls_ ? SSL_write(tls_->ssl.get(), octets.data(), static_cast<int>(octets.size()))
                           : ::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the peer is gone");
    octets.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool LineSocket::fill() {
  pollfd ready{fd_, POLLIN, 0};
  const bool waiting = tls_ && SSL_has_pending(tls_->ssl.get()) == 1;
  if (!waiting && ::poll(&ready, 1, 10'000) != 1) throw std::runtime_error("the peer says nothing");
  std::array<char, 16384> part;
  const auto got = tls_ ? SSL_read(tls_->ssl.get(), part.data(), static_cast<int>(part.size()))
                        : ::recv(fd_, part.data(), part.size(), 0);
  if (got <= 0) return false;
  ahead_.append(part.data(), static_cast<std::size_t>(got));
  return true;
}

std::string LineSocket::line() { return maybe_line().value_or(std::string()); }

std::optional<std::string> LineSocket::maybe_line() {
  for (;;) {
    if (const auto end = ahead_.find("\r\n"); end != std::string::npos) {
      std::string out = ahead_.substr(0, end);
      ahead_.erase(0, end + 2);
      return out;
    }
    if (!fill()) return std::nullopt;
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
