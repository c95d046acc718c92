// SPDX-License-Identifier: Apache-2.0
// A device that proved who it is: the switchboard's port to its socket, and its pings.
#pragma once
#include <memory>

#include "relay/device_socket.hpp"

namespace tidegate::relay {

class DeviceConnection final : public DevicePort, public DeviceSocketEvents, public Sleeper {
 public:
  DeviceConnection(class DeviceDoor&, Hub&, ProvenDevice&&, std::unique_ptr<DeviceSocket>);
  ~DeviceConnection();

  std::uint64_t id() const noexcept { return id_; }
  void welcome();

 private:
  void queue(const wire::Frame& frame, Mark mark) override { socket_->queue(frame, mark); }
  void urgent(const wire::Frame& frame) override { socket_->urgent(frame); }
  void purge() override { socket_->purge(); }
  void end(const wire::Refused&) override;
  void frame(wire::Frame&& frame) override { hub_.board.device_frame(id_, std::move(frame)); }
  void handed(const Mark& mark) override { hub_.board.handed_to_device(mark); }
  void gone(std::string_view) override;
  void due() override;

  class DeviceDoor& door_;
  Hub& hub_;
  std::unique_ptr<DeviceSocket> socket_;
  std::uint64_t id_ = 0;
  bool present_at_first_;
  bool pinged_ = false;
};

}  // namespace tidegate::relay
