// SPDX-License-Identifier: Apache-2.0
#include "core/tls/blocking.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <optional>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/tls/session.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {
namespace {

/// One a thread: what a stop token rings while this thread waits. So an idle connection needs no descriptor for it.
class Bell {
 public:
  Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  int fd() const { return fd_.get(); }
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto put = ::write(fd_.get(), &one, sizeof one);
  }
  void quiet() const {
    std::uint64_t times = 0;
    [[maybe_unused]] const auto got = ::read(fd_.get(), &times, sizeof times);
  }

 private:
  Fd fd_;
};

std::unexpected<Fault> cancelled(const std::string& place, bool stopped) {
  return fault(FaultKind::cancelled, place,
               stopped ? "The work with " + place + " was stopped."
                       : place + " did not answer in time: check the network and the server.");
}

Result<void> await(int fd, bool write, const Call& call, const std::string& place) {
  thread_local const Bell bell;
  bell.quiet();
  const std::stop_callback ring(call.stop, [&b = bell] { b.ring(); });
  for (;;) {
    if (call.stop.stop_requested()) return cancelled(place, true);
    const auto left = call.deadline - Clock::now();
    if (left <= left.zero()) return cancelled(place, false);
    std::array<pollfd, 2> wait{pollfd{fd, static_cast<short>(write ? POLLOUT : POLLIN), 0},
                               pollfd{bell.fd(), POLLIN, 0}};
    const auto ms =
        std::chrono::ceil<std::chrono::milliseconds>(std::min<Clock::duration>(left, std::chrono::hours(1)));
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>(ms.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(broken_connection(place, errno));
    if (ready > 0 && wait[0].revents != 0) return {};
  }
}

class Connection final : public BlockingTls {
 public:
  Connection(sim::Endpoint endpoint, Fd fd)
      : endpoint_(std::move(endpoint)), place_(place_of(endpoint_)), fd_(std::move(fd)) {}
  ~Connection() override {
    ERR_clear_error();
    if (ssl_ && !broken_) SSL_shutdown(ssl_.get());
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<std::size_t> read(std::span<std::byte> into, const Call& call) override {
    const auto size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
    return move(false, call, [&]() -> ssize_t {
      return ssl_ ? SSL_read(ssl_.get(), into.data(), size) : ::recv(fd_.get(), into.data(), into.size(), 0);
    });
  }

  Result<void> write(Octets octets, const Call& call) override {
    while (!octets.empty()) {
      const auto size = static_cast<int>(std::min<std::size_t>(octets.size(), INT_MAX));
      auto put = move(true, call, [&]() -> ssize_t {
        return ssl_ ? SSL_write(ssl_.get(), octets.data(), size)
                    : ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      });
      if (!put) return std::unexpected(std::move(put.error()));
      octets = octets.subspan(*put);
    }
    return {};
  }

  Result<void> start_tls(const Call& call) override {
    auto ssl = client_ssl(endpoint_, fd_.get());
    if (!ssl) return std::unexpected(std::move(ssl.error()));
    ssl_ = std::move(*ssl);
    for (;;) {
      const auto step = handshake(ssl_.get());
      if (step == Step::done) break;
      if (step == Step::failed) return give_up(handshake_fault(endpoint_));
      auto ready = await(fd_.get(), step == Step::want_write, call, place_);
      if (!ready) return give_up(std::move(ready.error()));
    }
    if (auto good = check_pin(ssl_.get(), endpoint_); !good) return give_up(std::move(good.error()));
    return {};
  }

  int fd() const noexcept override { return fd_.get(); }
  bool pending() const noexcept override { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }
  bool tls() const noexcept override { return ssl_ != nullptr; }
  void shut() noexcept override { ::shutdown(fd_.get(), SHUT_RDWR); }

 private:
  std::unexpected<Fault> give_up(Fault fault) {
    broken_ = true;
    return std::unexpected(std::move(fault));
  }

  /// Repeats the step until it moves something, ends or fails. 0: the orderly end.
  template <class F>
  Result<std::size_t> move(bool writing, const Call& call, F step) {
    if (broken_) return std::unexpected(broken_connection(place_, ECONNRESET));
    for (;;) {
      ERR_clear_error();
      errno = 0;
      const auto moved = step();
      const int error = errno;
      if (moved > 0) return static_cast<std::size_t>(moved);
      bool out = writing;
      if (ssl_) {
        const int why = SSL_get_error(ssl_.get(), static_cast<int>(moved));
        if (why == SSL_ERROR_ZERO_RETURN && !writing) return std::size_t{0};
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return give_up(reason(why, error));
        out = why == SSL_ERROR_WANT_WRITE;
      } else {
        if (moved == 0 && !writing) return std::size_t{0};
        if (error == EINTR) continue;
        if (error != EAGAIN && error != EWOULDBLOCK) return give_up(broken_connection(place_, error));
      }
      if (auto ready = await(fd_.get(), out, call, place_); !ready) return std::unexpected(std::move(ready.error()));
    }
  }

  Fault reason(int why, int error) const {
    const auto code = ERR_peek_error();
    if (why == SSL_ERROR_SYSCALL) return broken_connection(place_, error);
    std::array<char, 200> words{};
    ERR_error_string_n(code, words.data(), words.size());
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
      return {FaultKind::unavailable, place_, "The connection to " + place_ + " was cut off.", words.data(), {}};
    return {FaultKind::invalid,
            place_,
            "What " + place_ + " sent is no sound TLS: the connection was ended.",
            words.data(),
            {}};
  }

  const sim::Endpoint endpoint_;
  const std::string place_;
  Fd fd_;
  Ssl ssl_;
  bool broken_ = false;
};

Result<Fd> connect_one(const Address& address, const Call& call, const std::string& place) {
  auto fd = begin_connect(address, place);
  if (!fd) return fd;
  if (auto ready = await(fd->get(), true, call, place); !ready) return std::unexpected(std::move(ready.error()));
  if (auto good = end_connect(fd->get(), place); !good) return std::unexpected(std::move(good.error()));
  return fd;
}

}  // namespace

Result<std::unique_ptr<BlockingTls>> connect_blocking(const sim::Endpoint& endpoint, const Call& call) {
  static const auto once = std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write()
  static_cast<void>(once);
  const auto place = place_of(endpoint);
  auto addresses = resolve(endpoint);
  if (!addresses) return std::unexpected(std::move(addresses.error()));
  Fault last{FaultKind::unavailable, place, "No address is known for " + endpoint.host + ".", {}, {}};
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    // A silent address leaves its share of the time to the others.
    auto part = call;
    part.deadline = std::min(call.deadline,
                             Clock::now() + (call.deadline - Clock::now()) / static_cast<int>(addresses->size() - i));
    auto fd = connect_one((*addresses)[i], part, place);
    if (!fd) {
      last = std::move(fd.error());
      if (call.stop.stop_requested()) break;
      continue;
    }
    auto connection = std::make_unique<Connection>(endpoint, std::move(*fd));
    if (endpoint.tls && endpoint.unix_path.empty())
      if (auto secured = connection->start_tls(call); !secured) return std::unexpected(std::move(secured.error()));
    return connection;
  }
  if (last.kind == FaultKind::cancelled && !call.stop.stop_requested()) last = timed_out(place, "connection");
  return std::unexpected(std::move(last));
}

}  // namespace tidegate::tls
