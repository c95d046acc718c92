// SPDX-License-Identifier: Apache-2.0
#include "relay/device_connection.hpp"

#include <algorithm>
#include <utility>

#include "relay/device_front.hpp"

namespace tidegate::relay {
namespace {

constexpr std::chrono::seconds good_bye{5};  ///< for a Refused to go out

std::uint32_t seconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(span).count()));
}

}  // namespace

DeviceConnection::DeviceConnection(DeviceDoor& door, Hub& hub, ProvenDevice&& proven,
                                   std::unique_ptr<DeviceSocket> socket)
    : door_(door), hub_(hub), socket_(std::move(socket)), present_at_first_(hub.board.gateway_present(proven.guid)) {
  socket_->listener(this);
  id_ = hub_.board.device_came(std::move(proven), *this);
}

DeviceConnection::~DeviceConnection() { hub_.board.device_went(id_, wire::Code::bye, "the device's connection ended"); }

void DeviceConnection::welcome() {
  const auto ping = hub_.settings.device_ping;
  urgent(wire::to_frame(wire::Welcome{
      present_at_first_,
      present_at_first_ ? "" : "the company's gateway is not connected now; the relay says when it is back",
      static_cast<std::uint64_t>(ping.count())}));
  // Spread, so that devices which came together after a storm are not pinged together.
  std::uint16_t dice = 0;
  hub_.reactor.random(std::as_writable_bytes(std::span(&dice, 1)));
  hub_.wheel.due(*this, seconds(ping / 2 + ping / 2 * dice / 65535));
}

void DeviceConnection::end(const wire::Refused& why) {
  if (socket_->ending()) return;
  socket_->end(why);
  hub_.wheel.due(*this, seconds(good_bye));
}

void DeviceConnection::gone(std::string_view) {
  unlink();
  hub_.board.device_went(id_, wire::Code::bye, "the device's connection ended");
  hub_.post([&door = door_, id = id_] { door.forget_connection(id); });
}

void DeviceConnection::due() {
  if (socket_->ending()) return socket_->cut("the device does not read");
  const auto silent = hub_.reactor.now() - socket_->heard();
  const auto ping = hub_.settings.device_ping;
  if (silent < ping) {
    pinged_ = false;
    // Half the span keeps the promise of alive_within_ms whatever the moment of the last octet was.
    return hub_.wheel.due(*this, seconds(ping - silent));
  }
  if (pinged_) return socket_->cut("the device did not answer a ping");
  pinged_ = true;
  socket_->ping();
  hub_.wheel.due(*this, seconds(hub_.settings.device_answer));
}

}  // namespace tidegate::relay
