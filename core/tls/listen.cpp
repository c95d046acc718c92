// SPDX-License-Identifier: Apache-2.0
#include "core/tls/listen.hpp"

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/tls/socket_stream.hpp"

namespace tidegate::tls {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAtOnce = 32;  // accepted in one turn, so that a storm does not starve the connections that are there

std::unexpected<Fault> cannot_listen(const std::string& place, int error) {
  const bool taken = error == EADDRINUSE;
  const bool denied = error == EACCES || error == EPERM;
  const std::string why = taken    ? "another process does already"
                          : denied ? "it is not allowed: ports below 1024 need CAP_NET_BIND_SERVICE"
                                   : "check the address";
  return fault(taken    ? FaultKind::exists
               : denied ? FaultKind::denied
                        : FaultKind::unavailable,
               place, "Cannot listen on " + place + ": " + why + ".", std::generic_category().message(error));
}

/// What a process that was killed has left there is removed; a living one is not robbed.
void remove_stale(const Address& address, const std::string& path) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address.data), address.size) != 0 &&
      errno == ECONNREFUSED)
    ::unlink(path.c_str());
}

}  // namespace

Result<std::unique_ptr<sim::Listening>> Acceptor::open(sim::Reactor& reactor, const sim::Listen& at,
                                                       const NetworkLimits& limits, sim::Network::Accepted accepted) {
  const bool local = !at.unix_path.empty();
  Context context;
  if (!local && !at.certificate_file.empty()) {
    auto made = server_context(at.certificate_file, at.key_file);
    if (!made) return std::unexpected(made.error());
    context = std::move(*made);
  }
  const sim::Endpoint endpoint{.host = at.host, .port = at.port, .unix_path = at.unix_path};
  auto addresses = resolve(endpoint);
  if (!addresses) return std::unexpected(addresses.error());
  const auto& address = addresses->front();
  const auto place = place_of(endpoint);
  if (local) remove_stale(address, at.unix_path);
  Fd fd(::socket(address.data.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!local) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // The path must never be open to others, not even between bind and chmod: so the mode comes first.
  if (local) ::fchmod(fd.get(), 0600);
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.data), address.size) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return cannot_listen(place, errno);
  auto acceptor = std::make_unique<Acceptor>(reactor, std::move(fd), std::move(context), limits, std::move(accepted));
  acceptor->unlink_ = at.unix_path;
  return acceptor;
}

Acceptor::Acceptor(sim::Reactor& reactor, Fd fd, Context context, const NetworkLimits& limits,
                   sim::Network::Accepted accepted)
    : reactor_(reactor),
      context_(std::move(context)),
      limits_(limits),
      accepted_(std::move(accepted)),
      fd_(std::move(fd)) {
  expect();
}

Acceptor::~Acceptor() {
  if (gone_ != nullptr) *gone_ = true;
  for (auto& one : handshakes_) one.wait.reset();
  wait_.reset();
  if (!unlink_.empty()) ::unlink(unlink_.c_str());
}

std::uint16_t Acceptor::port() const {
  sockaddr_storage data{};
  socklen_t size = sizeof data;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&data), &size) != 0) return 0;
  if (data.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(data).sin_port);
  if (data.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(data).sin6_port);
  return 0;
}

void Acceptor::expect() {
  if (wait_ || pause_ || handshakes_.size() >= limits_.handshakes) return;
  wait_ = reactor_.wait(fd_.get(), false, [this] {
    wait_.reset();
    accept();
  });
}

void Acceptor::accept() {
  bool gone = false;
  const auto outer = std::exchange(gone_, &gone);
  for (int i = 0; i < kAtOnce && handshakes_.size() < limits_.handshakes; ++i) {
    Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // No descriptors or memory: trying at once again would only burn the processor.
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        pause_ = reactor_.after(std::chrono::milliseconds(100), [this] {
          pause_.reset();
          expect();
        });
      break;
    }
    if (unlink_.empty()) tune(fd.get());
    if (!context_) {
      hand_over(std::make_unique<SocketStream>(reactor_, std::move(fd), nullptr));
    } else {
      auto ssl = server_ssl(context_, fd.get());
      const auto place =
          handshakes_.insert(handshakes_.end(), Handshake{std::move(fd), std::move(ssl), nullptr, nullptr});
      place->deadline = reactor_.after(limits_.handshake_deadline, [this, place] { drop(place); });
      shake(place);
    }
    if (gone) {
      if (outer != nullptr) *outer = true;
      return;
    }
  }
  gone_ = outer;
  expect();
}

void Acceptor::shake(Place place) {
  const auto step = handshake(place->ssl.get());
  if (step == Step::want_read || step == Step::want_write) {
    place->wait = reactor_.wait(place->fd.get(), step == Step::want_write, [this, place] {
      place->wait.reset();
      shake(place);
    });
    return;
  }
  if (step == Step::failed) {
    if (peer_spoke_http()) answer_http(place->fd.get());
    return drop(place);
  }
  auto stream = std::make_unique<SocketStream>(reactor_, std::move(place->fd), std::move(place->ssl));
  handshakes_.erase(place);
  expect();
  hand_over(std::move(stream));
}

void Acceptor::drop(Place place) {
  place->wait.reset();
  handshakes_.erase(place);
  expect();
}

void Acceptor::hand_over(std::unique_ptr<sim::Stream> stream) {
  // The callback may destroy this listener: it runs from a local of its own until it returns.
  bool gone = false;
  const auto outer = std::exchange(gone_, &gone);
  auto call = std::move(accepted_);
  call(std::move(stream));
  if (gone) {
    if (outer != nullptr) *outer = true;
    return;
  }
  accepted_ = std::move(call);
  gone_ = outer;
}

void Acceptor::answer_http(int fd) {
  constexpr std::string_view answer =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 45\r\nConnection: close\r\n\r\n"
      "This port speaks TLS: use https instead.     ";
  [[maybe_unused]] const auto sent = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  ::shutdown(fd, SHUT_WR);
  // Octets left unread would turn the close into a reset, which may overtake the answer.
  std::array<char, 4096> rest;
  for (int i = 0; i < 16 && ::recv(fd, rest.data(), rest.size(), 0) > 0; ++i) {
  }
}

}  // namespace tidegate::tls
