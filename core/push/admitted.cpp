// SPDX-License-Identifier: Apache-2.0
// DeviceSession's beginning with a suite that does not authenticate the ends (docs/wire.md §10). What takes a pairing's
// place is an administrator's word: an id, a suite, an end. Whoever is not listed so gets nothing.
#include "core/push/device_session.hpp"

namespace tidegate::push {
namespace {

Octets octets(View text) { return std::as_bytes(std::span(text.data(), text.size())); }

constexpr const char* admission_ended =
    "this device's admission has ended: ask your administrator for a new one (tidegatectl device add)";

}  // namespace

void DeviceSession::refuse_suite(wire::Code code, std::string why) {
  owner_.suite_refused();
  end(code, std::move(why));
}

void DeviceSession::other_suite() {
  wiring_.alarm(user_, "a device asked for another suite than it was enrolled with and was refused");
  refuse_suite(wire::Code::suite_refused, "this device was enrolled with another suite: pair it again to change it");
}

void DeviceSession::wake_admitted(const wire::WakeUp& wake_up) {
  const auto* device = wiring_.directory.device(user_, device_id_);
  if (!device)
    return refuse_suite(wire::Code::unauthorized,
                        "no administrator admitted this device: ask for an id (tidegatectl device add)");
  if (static_cast<std::uint32_t>(wake_up.suite) != device->suite) return other_suite();
  if (!wiring_.settings.allows(wake_up.suite))
    return refuse_suite(wire::Code::suite_refused, "this gateway's settings do not allow this device's suite");
  if (device->state == store::DeviceState::revoked)
    return refuse_suite(wire::Code::revoked, "this device was revoked: ask your administrator for a new id");
  if (device->expires <= wiring_.unix_now()) return refuse_suite(wire::Code::expired, admission_ended);
  enrolling_ = !wake_up.handle.empty();
  if (enrolling_ && device->state != store::DeviceState::pairing)
    return refuse_suite(wire::Code::conflict, "this id belongs to a device that is in use: ask for a new one");
  if (!enrolling_ && device->device_key.empty())
    return refuse_suite(wire::Code::unauthorized, "this device has not enrolled yet: tidegate-device pair --suite");
  admitted_until_ = device->expires;
  send(wire::FrameType::wake_up_ack,
       wire::encode(wire::WakeUpAck{.suite = wake_up.suite, .guid = wiring_.directory.identity().guid}));
  if (wake_up.suite == wire::Suite::none) return secured(e2e::secure_none(e2e::max_message));
  state_ = State::shaking;
}

/// vmes-1's only message of the device: its point. Off this thread, since it takes some 3 ms.
void DeviceSession::point_came(const Bytes& point) {
  state_ = State::agreeing;
  owner_.agreements().agree(user_, device_id_, point, [weak = weak_from_this()](Result<Agreements::Agreed> agreed) {
    auto self = weak.lock();
    if (!self || self->state_ != State::agreeing) return;
    if (!agreed) {
      const bool often = agreed.error().kind == FaultKind::throttled;
      return self->end(often ? wire::Code::too_many : wire::Code::crypto, agreed.error().text);
    }
    self->send(wire::FrameType::handshake, std::move(agreed->point));
    self->secured(std::move(agreed->secured));
  });
}

void DeviceSession::secured(e2e::Secured with) {
  hash_ = std::move(with.hash);
  sealer_ = std::make_unique<e2e::Sealer>(std::move(with.sealer));
  opener_ = std::make_unique<e2e::Opener>(std::move(with.opener));
  state_ = enrolling_ ? State::enrolling : State::opening;
}

/// The first message of an admitted device's first session: which key it will prove itself by to the relay.
void DeviceSession::enrol(View message) {
  const auto hello = e2e::decode_pairing_hello(octets(message));
  if (!hello || hello->device_key.size() != 32) return end(wire::Code::invalid, "the pairing message is malformed");
  const auto* known = wiring_.directory.device(user_, device_id_);
  if (!known || known->state != store::DeviceState::pairing)
    return refuse_suite(wire::Code::conflict, "this id cannot be enrolled any more: ask for a new one");
  if (!known->device_key.empty() && known->device_key != hello->device_key) {
    wiring_.alarm(user_, "a second device tried to enrol with an id that belongs to another one already");
    return refuse_suite(wire::Code::conflict, "this id belongs to another device already: ask for a new one");
  }
  auto device = *known;
  device.name = hello->device_name;
  device.device_key = hello->device_key;
  device.paired = wiring_.unix_now();
  state_ = State::binding;
  store_and_bind(std::move(device));
}

bool DeviceSession::admission_over() {
  if (admitted_until_ == 0 || wiring_.unix_now() < admitted_until_) return false;
  refuse_suite(wire::Code::expired, admission_ended);
  return true;
}

}  // namespace tidegate::push
