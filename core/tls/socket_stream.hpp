// SPDX-License-Identifier: Apache-2.0
// The Stream over a real socket, with or without TLS. It keeps no octets: what OpenSSL keeps while idle is all.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "core/sim/network.hpp"
#include "core/tls/session.hpp"
#include "core/tls/socket.hpp"

namespace tidegate::tls {

class SocketStream final : public sim::Stream {
 public:
  /// `ssl` (null: plain) has finished its handshake on that socket.
  SocketStream(sim::Reactor&, Fd, Ssl);
  ~SocketStream() override;
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  void events(sim::StreamEvents* events) override { events_ = events; }
  sim::Io read(std::span<std::byte> into) override;
  sim::Io write(Octets) override;
  void finish() override;
  const Fault& fault() const override;
  Bytes channel_binding() const override { return ssl_ ? tls::channel_binding(ssl_.get()) : Bytes(); }
  std::string peer() const override { return peer_; }
  int peer_uid() const override { return peer_uid_of(fd_.get()); }

 private:
  enum class Need : std::uint8_t { none, in, out };  ///< what of the socket the caller's next step waits for
  sim::Io result(int moved, Need& need);
  sim::Io plain_result(ssize_t moved, Need& need, bool reading);
  sim::Io fail(Fault);
  void arm();
  void ready(bool out);

  sim::Reactor& reactor_;
  Ssl ssl_;
  sim::StreamEvents* events_ = nullptr;
  std::unique_ptr<FdWait> in_, out_;
  std::unique_ptr<Fault> fault_;
  std::string peer_;
  bool* gone_ = nullptr;  ///< set while an event runs, which may destroy this
  Fd fd_;
  Need reading_ = Need::none;
  Need writing_ = Need::none;
  bool finishing_ = false;  ///< the orderly end could not be sent yet
  bool finished_ = false;
};

}  // namespace tidegate::tls
