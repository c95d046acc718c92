// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 client connection: dials, writes a request, hands its response on as it comes, may do so again.
// Reactor thread.
#pragma once
#include <memory>

#include "core/http/head.hpp"
#include "core/sim/world.hpp"

namespace tidegate::link {

class ConnectionEvents {
 public:
  virtual void connected() {}
  virtual void sent() {}  ///< the request is written
  virtual void head(const http::ResponseHead&) = 0;
  virtual void body(Octets) = 0;  ///< chunks undone, at once
  virtual void complete() = 0;    ///< of the response; see Connection::reusable()
  /// The connection is dead, also while idle; nothing comes after that.
  virtual void broken(const Fault&) = 0;

 protected:
  ~ConnectionEvents() = default;
};

class Connection {
 public:
  /// Dials at once. The events must outlive the connection; none comes within a call of the owner's.
  Connection(sim::World&, const sim::Endpoint&, sim::Instant deadline, ConnectionEvents&);
  ~Connection();  ///< closes at once; also within an event
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// One request, whole. The octets stay where they are until complete() or broken(). Before connected() they wait.
  void send(Octets request, std::uint64_t body_limit);
  bool connected() const;
  bool reusable() const;  ///< connected, idle, and the last response did not end it
  Bytes channel_binding() const;

 private:
  class Body;
  std::shared_ptr<Body> body_;
};

}  // namespace tidegate::link
