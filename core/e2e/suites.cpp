// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/suites.hpp"

#include <algorithm>

#include "core/e2e/openssl.hpp"

namespace tidegate::e2e {
namespace {

constexpr std::size_t most_plain = 16 * 1024;  // octets of a frame of none
constexpr std::size_t handle_octets = 8;       // of the device id

View view_of(Octets octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }
Octets octets_of(View view) { return std::as_bytes(std::span(view)); }

class Vmes1Seal final : public FrameSeal {
 public:
  explicit Vmes1Seal(vmes1::Writer writer) : writer_(std::move(writer)) {}
  /// Of one message at most: T is compressed as a whole, and what an attacker sent must not share that with a secret.
  Bytes next(Outgoing& queue) override {
    Bytes octets(std::min(queue.first(), vmes1::most_octets), '\0');
    queue.take(octets.data(), octets.size());
    return writer_.seal(octets);
  }

 private:
  vmes1::Writer writer_;
};

class Vmes1Open final : public FrameOpen {
 public:
  explicit Vmes1Open(vmes1::Reader reader) : reader_(std::move(reader)) {}
  Result<View> open(Bytes& room, Octets body) override {
    auto octets = reader_.open(view_of(body));
    if (!octets) return std::unexpected(std::move(octets.error()));
    room = std::move(*octets);
    return room;
  }

 private:
  vmes1::Reader reader_;
};

class PlainSeal final : public FrameSeal {
 public:
  Bytes next(Outgoing& queue) override {
    Bytes octets(std::min(queue.queued(), most_plain), '\0');
    queue.take(octets.data(), octets.size());
    return octets;
  }
};

class PlainOpen final : public FrameOpen {
 public:
  Result<View> open(Bytes&, Octets body) override { return view_of(body); }
};

Bytes session_name(View device_point, View gateway_point) {
  const auto hash = sha256({octets_of("tidegate vmes-1 session"), octets_of(device_point), octets_of(gateway_point)});
  return Bytes(view_of(hash));
}

}  // namespace

Result<Secured> secure_vmes1(End own, const vmes1::Ephemeral& pair, View other_point, const Random& random,
                             std::size_t limit) {
  auto key = pair.agree(other_point);
  if (!key) return std::unexpected(std::move(key.error()));
  using vmes1::Direction;
  const bool gateway = own == End::gateway;
  const auto up = Direction::to_gateway, down = Direction::to_device;
  vmes1::Writer writer(key->clone(), gateway ? down : up, random);
  vmes1::Reader reader(std::move(*key), gateway ? up : down);
  const auto own_point = pair.point();
  return Secured{Sealer(std::make_unique<Vmes1Seal>(std::move(writer))),
                 Opener(std::make_unique<Vmes1Open>(std::move(reader)), limit),
                 gateway ? session_name(other_point, own_point) : session_name(own_point, other_point)};
}

Secured secure_none(std::size_t limit) {
  return {Sealer(std::make_unique<PlainSeal>()), Opener(std::make_unique<PlainOpen>(), limit), {}};
}

std::string admission_handle(View device_id) {
  std::string handle;
  for (const char octet : device_id.substr(0, handle_octets)) {
    handle += "0123456789abcdef"[static_cast<std::uint8_t>(octet) >> 4];
    handle += "0123456789abcdef"[static_cast<std::uint8_t>(octet) & 15];
  }
  return handle;
}

}  // namespace tidegate::e2e
