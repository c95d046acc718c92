// SPDX-License-Identifier: Apache-2.0
// Who comes and goes. The way of a frame: forwarding.cpp.
#include "relay/routing/switchboard.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidegate::relay {

using wire::Code;

namespace {

wire::Frame frame_of(wire::FrameType type, std::uint64_t id, std::uint64_t generation, Bytes body) {
  return {wire::Target::device, id, generation, static_cast<std::uint32_t>(type), 0, std::move(body)};
}

}  // namespace

GatewayPort* Switchboard::gateway(const Bytes& guid) const {
  const auto found = gateways_.find(guid);
  return found == gateways_.end() ? nullptr : found->second.port;
}

Switchboard::Gateway* Switchboard::gateway_of(const Device& device) {
  const auto found = gateways_.find(device.user->guid);
  return found == gateways_.end() ? nullptr : &found->second;
}

Switchboard::Device* Switchboard::device(std::uint64_t id) {
  const auto found = devices_.find(id);
  return found == devices_.end() ? nullptr : &found->second;
}

void Switchboard::gateway_came(const Bytes& guid, GatewayPort& port) {
  Gateway made;
  made.port = &port;
  gateways_.insert_or_assign(guid, std::move(made));
  const auto state = wire::to_frame(wire::GatewayState{true, {}});
  for (const auto& [address, user] : users_)
    if (user->guid == guid)
      for (const auto id : user->connections) {
        devices_.at(id).wakes = 0;
        devices_.at(id).port->urgent(state);
      }
}

void Switchboard::gateway_went(const Bytes& guid, GatewayPort& port, std::string_view text) {
  const auto found = gateways_.find(guid);
  if (found == gateways_.end() || found->second.port != &port) return;
  const auto sessions = std::move(found->second.sessions);
  gateways_.erase(found);
  for (const auto id : sessions) {
    auto& line = devices_.at(id);
    line.session.close();
    line.port->purge();
    line.port->urgent(
        frame_of(wire::FrameType::close, 0, line.session.generation(),
                 wire::encode(wire::Closed{Code::gateway_away,
                                           "the gateway's connection ended; wake up again when it is back", 0})));
  }
  if (text.empty()) return;
  const auto state = wire::to_frame(wire::GatewayState{false, std::string(text)});
  for (const auto& [address, user] : users_)
    if (user->guid == guid)
      for (const auto id : user->connections) devices_.at(id).port->urgent(state);
}

std::uint64_t Switchboard::device_came(ProvenDevice&& proven, DevicePort& port) {
  auto& user = users_[proven.user];
  if (!user) {
    user = std::make_unique<User>();
    user->address = proven.user;
  }
  user->guid = std::move(proven.guid);
  user->licence = proven.licence;
  drop_oldest(*user, proven.device);
  const auto id = next_id_++;
  auto& line = devices_[id];
  line.port = &port;
  line.user = user.get();
  line.device = proven.device;
  if (!proven.handle.empty()) line.handle = std::make_unique<std::string>(std::move(proven.handle));
  user->connections.push_back(id);
  return id;
}

void Switchboard::drop_oldest(const User& user, const wire::Id128& id) {
  unsigned held = 0;
  Device* oldest = nullptr;
  for (const auto connection : user.connections) {
    auto& line = devices_.at(connection);
    if (line.device != id) continue;
    if (!oldest) oldest = &line;
    ++held;
  }
  if (held >= limits_.connections_a_device)
    oldest->port->end({Code::superseded, "this device holds too many connections; the oldest was ended", 0});
}

void Switchboard::device_went(std::uint64_t id, Code code, std::string_view text) {
  const auto found = devices_.find(id);
  if (found == devices_.end()) return;
  auto& line = found->second;
  if (line.session.open()) close(id, line, code, text, false);
  auto& connections = line.user->connections;
  std::erase(connections, id);
  if (connections.empty()) users_.erase(std::string(line.user->address));
  devices_.erase(found);
}

void Switchboard::close(std::uint64_t id, Device& line, Code code, std::string_view text, bool tell_device) {
  line.session.close();
  const auto body = wire::encode(wire::Closed{code, std::string(text), code == Code::unavailable ? 5000U : 0U});
  const auto generation = line.session.generation();
  if (auto* gateway = gateway_of(line)) {
    gateway->sessions.erase(id);
    gateway->due.erase(id);
    gateway->lately.erase(id);
    gateway->port->queue(frame_of(wire::FrameType::close, id, generation, body), {});
  }
  line.port->purge();
  if (tell_device) line.port->urgent(frame_of(wire::FrameType::close, 0, generation, body));
}

void Switchboard::bound(std::uint64_t id, std::string_view user, View device_id) {
  auto* line = device(id);
  if (line && line->user->address == user && std::memcmp(line->device.data(), device_id.data(), 16) == 0)
    line->handle.reset();
}

// --- by decree

void Switchboard::end_user(std::string_view user, const wire::Refused& why) {
  const auto found = users_.find(std::string(user));
  if (found == users_.end()) return;
  for (const auto id : found->second->connections) devices_.at(id).port->end(why);
}

void Switchboard::end_device(std::string_view user, View device_id, const wire::Refused& why) {
  const auto found = users_.find(std::string(user));
  if (found == users_.end() || device_id.size() != 16) return;
  for (const auto id : found->second->connections)
    if (auto& line = devices_.at(id); std::memcmp(line.device.data(), device_id.data(), 16) == 0) line.port->end(why);
}

void Switchboard::end_licence(std::int64_t licence, const wire::Refused& why) {
  for (const auto& [address, user] : users_)
    if (user->licence == licence)
      for (const auto id : user->connections) devices_.at(id).port->end(why);
}

void Switchboard::end_devices(const wire::Refused& why) {
  for (auto& [id, line] : devices_) line.port->end(why);
}

}  // namespace tidegate::relay
