// SPDX-License-Identifier: Apache-2.0
// All device sessions of a gateway: frames of the link go to theirs, changes of the accounts to those they concern.
// Reactor thread.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/push/device_session.hpp"

namespace tidegate::push {

class Sessions final : public SessionOwner {
 public:
  explicit Sessions(Wiring);
  ~Sessions();

  // --- from the link
  void frame(wire::Frame);
  void credit(std::uint64_t session);
  void lost();  ///< the RTS session is over: so are all device sessions
  void users(const wire::ActivateUsers&);

  // --- from the accounts
  void changed(store::ViewId, std::uint64_t head, bool folders);

  // --- from administration
  void revoked(const std::string& user, View device_id);
  void removed(const std::string& user);
  void alarm(const std::string& user, const std::string& text);

  /// From the command journal, for that device if it is here.
  void answer(const std::string& user, View device_id, const e2e::CommandResult&);
  /// A device has made an item of these octets: its session need not be sent them.
  void made(const std::string& user, View device_id, store::ViewId, const Bytes& sha256, std::uint64_t size);

  /// The gateway cannot go on with that device's session; it comes again by itself.
  void broken(const std::string& user, View device_id, const std::string& text);

  struct Shown {
    std::string user;
    Bytes device_id;
    bool streaming = false, current = false;
  };
  std::vector<Shown> shown() const;
  /// WakeUps since the start that named a suite which that device may not have.
  std::uint64_t suites_refused() const noexcept { return suites_refused_; }

  void proven(DeviceSession&) override;
  void serves(DeviceSession&, store::ViewId) override;
  void ended(std::uint64_t id) override;
  AttemptGuard& guard() override { return guard_; }
  Agreements& agreements() override { return *agreements_; }
  void suite_refused() override { ++suites_refused_; }
  std::optional<std::string> refuses(const std::string& user) const override;

 private:
  void arm_sweep();
  void sweep();
  std::vector<std::shared_ptr<DeviceSession>> of_user(const std::string& user) const;

  Wiring wiring_;
  AttemptGuard guard_;
  std::unique_ptr<Agreements> agreements_;  ///< null: the settings allow no vmes-1
  std::uint64_t suites_refused_ = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<DeviceSession>> sessions_;
  std::unordered_map<std::string, std::vector<std::uint64_t>> by_user_;
  std::unordered_map<store::ViewId, std::vector<std::uint64_t>> by_view_;
  std::unordered_map<std::string, wire::UserState> activated_;
  std::unique_ptr<Timer> sweep_;
};

}  // namespace tidegate::push
