// SPDX-License-Identifier: Apache-2.0
// Devices: from the opened WebSocket to the proven connection. Two types, so that rights are types: a Visitor can only
// answer the challenge; a DeviceConnection exists only for a ProvenDevice, which only the door makes.
//   Visitor: challenged ──Login, Enrol──▶ checking ──proven──▶ DeviceConnection ──gone──▶
//                      └─anything else, time over─▶ refused   └─refused─▶
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "relay/device_socket.hpp"

namespace tidegate::relay {

class DeviceConnection;

class Visitor final : public DeviceSocketEvents, public Sleeper {
 public:
  Visitor(class DeviceDoor&, std::uint64_t id, std::unique_ptr<DeviceSocket>);
  void begin(View head, Bytes octets);
  void refuse(wire::Code, std::string text, std::chrono::milliseconds retry_after = {});
  void refuse(const Fault&);

  const Bytes& nonce() const noexcept { return nonce_; }
  DeviceSocket& socket() noexcept { return *socket_; }
  std::unique_ptr<DeviceSocket> take_socket() { return std::move(socket_); }

 private:
  void frame(wire::Frame&&) override;
  void handed(const Mark&) override {}
  void gone(std::string_view) override;
  void due() override;

  class DeviceDoor& door_;
  std::uint64_t id_;
  std::unique_ptr<DeviceSocket> socket_;
  Bytes nonce_;
  bool checking_ = false;
};

/// Owns visitors and connections. Reactor thread.
class DeviceDoor {
 public:
  explicit DeviceDoor(Hub&);
  ~DeviceDoor();
  DeviceDoor(const DeviceDoor&) = delete;
  DeviceDoor& operator=(const DeviceDoor&) = delete;

  /// A WebSocket was opened at /device.
  void visit(std::unique_ptr<sim::Stream>, View head, Bytes octets);
  void refuse_visitors(const wire::Refused&);
  std::size_t visitors() const noexcept { return visitors_.size(); }
  std::size_t connections() const noexcept { return connections_.size(); }

 private:
  friend class Visitor;
  friend class DeviceConnection;
  struct Proof;

  void login(std::uint64_t id, wire::Login&&);
  void enrol(std::uint64_t id, wire::Enrol&&);
  void enrol_checked(std::uint64_t id, Enrolment&&, const UserAccount&);
  void wrong_password(Visitor&, const std::string& user);
  Result<void> may_enter(const UserAccount&) const;
  ProvenDevice prove(const UserAccount&, View device_id, std::string handle) const;
  void admit(std::uint64_t id, ProvenDevice&&);
  void busy(std::uint64_t id);
  Visitor* visitor(std::uint64_t id);
  void forget_visitor(std::uint64_t id);
  void forget_connection(std::uint64_t id);

  Hub& hub_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Visitor>> visitors_;
  std::unordered_map<std::uint64_t, std::unique_ptr<DeviceConnection>> connections_;
  std::uint64_t next_id_ = 1;
};

/// The address without its port: what lockout goes by.
std::string address_of(const std::string& peer);

}  // namespace tidegate::relay
