// SPDX-License-Identifier: Apache-2.0
#include "core/tls/dial.hpp"

#include <algorithm>
#include <utility>

#include <openssl/ssl.h>

#include "core/tls/resolve.hpp"
#include "core/tls/socket_stream.hpp"

namespace tidegate::tls {

Attempt::Attempt(sim::Reactor& reactor, const sim::Endpoint& endpoint, sim::Instant deadline,
                 const NetworkLimits& limits, sim::Network::Dialed done)
    : reactor_(reactor),
      endpoint_(endpoint),
      deadline_(deadline),
      per_address_(limits.next_address_after),
      done_(std::move(done)) {}

void Attempt::begin(sim::Pool& resolvers) {
  expect_until_deadline();
  resolve_on(reactor_, resolvers, endpoint_, [weak = weak_from_this()](auto found) {
    if (const auto attempt = weak.lock()) attempt->resolved(std::move(found));
  });
}

void Attempt::begin_on(Fd fd) {
  fd_ = std::move(fd);
  expect_until_deadline();
  reactor_.post([weak = weak_from_this()] {
    if (const auto attempt = weak.lock(); attempt && !attempt->over_) attempt->established();
  });
}

void Attempt::expect_until_deadline() {
  deadline_timer_ = reactor_.at(deadline_, [this] { finish(std::unexpected(timed_out(place_of(endpoint_), stage_))); });
}

void Attempt::cancel() {
  over_ = true;
  wait_.reset();
  deadline_timer_.reset();
  address_timer_.reset();
  ssl_.reset();
  fd_.reset();
  auto done = std::move(done_);
}

void Attempt::finish(Result<std::unique_ptr<sim::Stream>> result) {
  if (over_) return;
  const auto self = shared_from_this();
  auto done = std::move(done_);
  cancel();
  done(std::move(result));
}

void Attempt::wait(bool write, void (Attempt::*then)()) {
  wait_ = reactor_.wait(fd_.get(), write, [this, then] {
    wait_.reset();
    (this->*then)();
  });
}

void Attempt::resolved(Result<std::vector<Address>> found) {
  if (over_) return;
  if (!found) return finish(std::unexpected(std::move(found.error())));
  addresses_ = std::move(*found);
  last_ = {FaultKind::unavailable, place_of(endpoint_), "No address is known for " + endpoint_.host + ".", {}, {}};
  next_address();
}

void Attempt::next_address() {
  stage_ = "connection";
  wait_.reset();
  address_timer_.reset();
  while (next_ < addresses_.size()) {
    auto fd = begin_connect(addresses_[next_++], place_of(endpoint_));
    if (!fd) {
      last_ = std::move(fd.error());
      continue;
    }
    fd_ = std::move(*fd);
    if (next_ < addresses_.size())
      address_timer_ = reactor_.after(per_address_, [this] {
        last_ = timed_out(place_of(endpoint_), stage_);
        next_address();
      });
    return wait(true, &Attempt::connected);
  }
  finish(std::unexpected(std::move(last_)));
}

void Attempt::connected() {
  if (auto good = end_connect(fd_.get(), place_of(endpoint_)); !good) {
    last_ = std::move(good.error());
    return next_address();
  }
  address_timer_.reset();
  established();
}

void Attempt::established() {
  if (!endpoint_.tls || !endpoint_.unix_path.empty())
    return finish(std::make_unique<SocketStream>(reactor_, std::move(fd_), nullptr));
  auto ssl = client_ssl(endpoint_, fd_.get());
  if (!ssl) return finish(std::unexpected(std::move(ssl.error())));
  ssl_ = std::move(*ssl);
  stage_ = "TLS handshake";
  shake();
}

void Attempt::shake() {
  switch (handshake(ssl_.get())) {
    case Step::want_read:
      return wait(false, &Attempt::shake);
    case Step::want_write:
      return wait(true, &Attempt::shake);
    case Step::failed:
      return finish(std::unexpected(handshake_fault(endpoint_)));
    case Step::done:
      break;
  }
  if (auto good = check_pin(ssl_.get(), endpoint_); !good) return finish(std::unexpected(std::move(good.error())));
  finish(std::make_unique<SocketStream>(reactor_, std::move(fd_), std::move(ssl_)));
}

}  // namespace tidegate::tls
