// SPDX-License-Identifier: Apache-2.0
#include "core/tls/socket_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace tidegate::tls {

using sim::Io;
using sim::IoState;

SocketStream::SocketStream(sim::Reactor& reactor, Fd fd, Ssl ssl)
    : reactor_(reactor), ssl_(std::move(ssl)), peer_(peer_name(fd.get())), fd_(std::move(fd)) {}

SocketStream::~SocketStream() {
  if (gone_ != nullptr) *gone_ = true;
  in_.reset();
  out_.reset();
  // As an orderly goodbye, if it costs no waiting: else peers would take every close for a cut line.
  if (ssl_ && !fault_ && !finished_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
}

const Fault& SocketStream::fault() const {
  static const Fault none;
  return fault_ ? *fault_ : none;
}

Io SocketStream::fail(Fault fault) {
  if (!fault_) fault_ = std::make_unique<Fault>(std::move(fault));
  return {0, IoState::failed};
}

Io SocketStream::result(int moved, Need& need) {
  const int error = errno;
  if (moved > 0) {
    need = Need::none;
    return {static_cast<std::size_t>(moved), IoState::ok};
  }
  switch (SSL_get_error(ssl_.get(), moved)) {
    case SSL_ERROR_WANT_READ:
      need = Need::in;
      arm();
      return {0, IoState::again};
    case SSL_ERROR_WANT_WRITE:
      need = Need::out;
      arm();
      return {0, IoState::again};
    case SSL_ERROR_ZERO_RETURN:
      return {0, IoState::end};
    case SSL_ERROR_SYSCALL:
      return fail(broken_connection(peer_, error));
    default:
      break;
  }
  const auto code = ERR_peek_error();
  std::array<char, 200> words{};
  ERR_error_string_n(code, words.data(), words.size());
  ERR_clear_error();
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return fail({FaultKind::unavailable, peer_, "The connection to " + peer_ + " was cut off.", words.data(), {}});
  return fail({FaultKind::invalid,
               peer_,
               "What " + peer_ + " sent is no sound TLS: the connection was ended.",
               words.data(),
               {}});
}

Io SocketStream::plain_result(ssize_t moved, Need& need, bool reading) {
  if (moved > 0) {
    need = Need::none;
    return {static_cast<std::size_t>(moved), IoState::ok};
  }
  if (moved == 0) return {0, IoState::end};
  if (errno != EAGAIN && errno != EWOULDBLOCK) return fail(broken_connection(peer_, errno));
  need = reading ? Need::in : Need::out;
  arm();
  return {0, IoState::again};
}

Io SocketStream::read(std::span<std::byte> into) {
  if (fault_) return {0, IoState::failed};
  if (into.empty()) return {0, IoState::ok};
  if (!ssl_) {
    ssize_t got = 0;
    do got = ::recv(fd_.get(), into.data(), into.size(), 0);
    while (got < 0 && errno == EINTR);
    return plain_result(got, reading_, true);
  }
  ERR_clear_error();
  errno = 0;
  return result(SSL_read(ssl_.get(), into.data(), static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX))),
                reading_);
}

Io SocketStream::write(Octets octets) {
  if (fault_) return {0, IoState::failed};
  if (octets.empty()) return {0, IoState::ok};
  if (!ssl_) {
    ssize_t put = 0;
    do put = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    return plain_result(put, writing_, false);
  }
  ERR_clear_error();
  errno = 0;
  return result(SSL_write(ssl_.get(), octets.data(), static_cast<int>(std::min<std::size_t>(octets.size(), INT_MAX))),
                writing_);
}

void SocketStream::finish() {
  if (fault_ || finished_) return;
  if (ssl_) {
    ERR_clear_error();
    const int sent = SSL_shutdown(ssl_.get());
    if (sent < 0 && SSL_get_error(ssl_.get(), sent) == SSL_ERROR_WANT_WRITE) {
      finishing_ = true;
      arm();
      return;
    }
  }
  finishing_ = false;
  finished_ = true;
  ::shutdown(fd_.get(), SHUT_WR);
}

void SocketStream::arm() {
  const bool in = reading_ == Need::in || writing_ == Need::in;
  const bool out = reading_ == Need::out || writing_ == Need::out || finishing_;
  if (in && !in_) in_ = reactor_.wait(fd_.get(), false, [this] { ready(false); });
  if (out && !out_) out_ = reactor_.wait(fd_.get(), true, [this] { ready(true); });
}

void SocketStream::ready(bool out) {
  (out ? out_ : in_).reset();
  const auto now = out ? Need::out : Need::in;
  bool gone = false;
  gone_ = &gone;
  const bool read = std::exchange(reading_, reading_ == now ? Need::none : reading_) == now;
  const bool write = std::exchange(writing_, writing_ == now ? Need::none : writing_) == now;
  if (out && finishing_) finish();
  if (read && events_ != nullptr) events_->readable();
  if (gone) return;
  if (write && events_ != nullptr) events_->writable();
  if (gone) return;
  gone_ = nullptr;
}

}  // namespace tidegate::tls
