// SPDX-License-Identifier: Apache-2.0
// Gateways: registration, the signed opening, superseding by instance, and their requests. Owns the channels. Reactor
// thread. An HTTP request that waits for the database is answered through a Reply, which may have lost its connection
// meanwhile.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "relay/backups.hpp"
#include "relay/gateway_channel.hpp"

namespace tidegate::relay {

/// The waiting end of a request. Whoever holds it answers once.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual bool alive() const = 0;
  virtual Bytes binding() const = 0;
  virtual std::string peer() const = 0;
  virtual void body(Bytes) = 0;          ///< 200
  virtual void fault(const Fault&) = 0;  ///< with its code, sentence, Retry-After
  virtual std::unique_ptr<sim::Stream>
  take() = 0;  ///< the connection itself, for the command channel; null: it is gone
};

class GatewayDoor {
 public:
  GatewayDoor(Hub&, sim::Files&);
  ~GatewayDoor();
  GatewayDoor(const GatewayDoor&) = delete;
  GatewayDoor& operator=(const GatewayDoor&) = delete;

  Bytes offer();  ///< body of the answer to GET /rts/connect
  void enter(View key_id, View key, View body, std::unique_ptr<Reply>);
  void registers(View body, std::unique_ptr<Reply>);
  /// A gateway that lost its state fetches a piece of its backup.
  void restores(View key_id, View key, View body, std::unique_ptr<Reply>);

  GatewayChannel* find(std::uint64_t generation);
  GatewayChannel* find(const Bytes& guid);
  void request(GatewayChannel&, wire::Control&&);
  void forget(std::uint64_t generation) { channels_.erase(generation); }

  // By decree.
  void end_licence(std::int64_t licence, const wire::Refused&);
  void end_all(const wire::Refused&);
  /// Tells the gateway its users as they are now.
  void refresh(const Bytes& guid);
  /// Tells it of one user only (docs/wire.md §4.2: whole = false).
  void tell_change(const Bytes& guid, std::string user, wire::UserState);
  std::size_t channels() const noexcept { return channels_.size(); }

 private:
  struct Opening;
  void entered(std::shared_ptr<Opening>);
  Result<void> may_open(const Opening&, const GatewayAccount&) const;
  void install(std::shared_ptr<Opening>, const GatewayAccount&, wire::ActivateUsers&&);
  void check_licence(wire::Register&&, const Bytes& guid, std::unique_ptr<Reply>);
  void answer(std::uint64_t generation, std::uint64_t request, const Result<void>&);
  void user_add(GatewayChannel&, wire::UserAdd&&);
  void user_put(std::uint64_t generation, std::uint64_t request, Bytes guid, std::string user, std::string password,
                bool known);
  void user_reset(GatewayChannel&, wire::UserReset&&);
  void user_delete(GatewayChannel&, const wire::UserDelete&);
  void pairing_open(GatewayChannel&, const wire::PairingOpen&);
  void device_bind(GatewayChannel&, wire::DeviceBind&&);
  void device_revoke(GatewayChannel&, const wire::DeviceRevoke&);
  void backup_begin(GatewayChannel&, wire::BackupBegin&&);
  void backup_part(GatewayChannel&, wire::BackupPart&&);
  template <class Work, class Then>
  void ask(GatewayChannel&, std::uint64_t request, Work, Then);

  Hub& hub_;
  std::shared_ptr<Backups> backups_;  ///< on the `db` pool only; its work may outlive us
  std::unordered_map<std::uint64_t, std::unique_ptr<GatewayChannel>> channels_;  ///< by generation
  std::uint64_t last_generation_ = 0;
};

}  // namespace tidegate::relay
