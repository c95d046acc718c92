// SPDX-License-Identifier: Apache-2.0
// A back-end's connections: the loop around a Broker. Sessions that are connections are opened when it is their turn
// and count until they are destroyed; light handles only wait while the server is in trouble.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/account/broker.hpp"
#include "core/sim/world.hpp"
#include "core/store/log.hpp"

namespace tidegate::account {

/// The right to one connection; gives it back where it dies. Any thread.
class Lease {
 public:
  virtual ~Lease() = default;
  /// What came of opening it, once.
  virtual void tell(const Fault* why_not) = 0;
};

/// Destroys a session, then gives its lease back.
struct Closing {
  std::shared_ptr<Lease> lease{};
  void operator()(Session* session) {
    delete session;
    lease.reset();
  }
};
using Connection = std::unique_ptr<Session, Closing>;

/// Opens a session and tells its lease what came of it. Any thread.
Result<Connection> open_session(Backend&, const Call&, const Mailbox&, std::shared_ptr<Lease>);

/// Reactor thread.
class Connections {
 public:
  using Granted = std::move_only_function<void(std::shared_ptr<Lease>)>;
  /// `wanted`: somebody waits for a connection that another must give back.
  Connections(sim::World&, Broker::Limits, std::function<double()> dice, std::function<void()> wanted);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// `granted` runs in its turn, at once if it is; `has` says that a session is there already. The lease is null where
  /// none counts.
  void ask(const std::string& user, bool live, bool has, Granted);
  /// Whether a session is a connection of its own, that counts.
  void are_connections(bool yes) { counted_ = yes; }
  /// A verb on an open session was throttled.
  void throttled(const std::string& user, const Fault&);
  /// Somebody has mended something: a pause ends, one tries.
  void retry() {
    broker_.retry();
    pump();
  }
  bool wanting() const { return broker_.wanting(); }

 private:
  struct Shared;
  class Held;
  struct Asked {
    std::string user;
    bool counts = false;
    Granted granted;
  };
  void pump();
  void told(const std::string& user, const std::optional<Fault>&);
  void gone(bool told);

  sim::World& world_;
  Broker broker_;
  std::function<double()> dice_;
  std::function<void()> wanted_;
  bool counted_ = true, pumping_ = false;
  std::uint64_t tickets_ = 0;
  std::map<std::uint64_t, Asked> asked_;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<Shared> shared_;  ///< also held by the leases
};

}  // namespace tidegate::account
