// SPDX-License-Identifier: Apache-2.0
// The device's end of a session, by hand: the same e2e code, no device. One for a connection.
#pragma once
#include "core/e2e/suites.hpp"
#include "core/e2e/sync.hpp"
#include "core/wire/control.hpp"

namespace tidegate::push::fakes {

inline Octets octets(tidegate::View text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline Bytes text(const e2e::Key32& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

/// What a device keeps between connections.
struct DeviceKeys {
  std::string user = "alice@example.com";
  Bytes id = Bytes(16, 'd');
  e2e::KeyPair key;
  e2e::Key32 gateway{};
  Bytes previous;  ///< handshake hash of the last session it knows of
};

class DevicePeer {
 public:
  DevicePeer(const DeviceKeys& keys, Bytes guid, e2e::Random random, std::uint64_t session,
             std::uint64_t generation = 1)
      : keys_(keys), guid_(std::move(guid)), random_(std::move(random)), session_(session), generation_(generation) {}

  wire::Frame frame(wire::FrameType type, Bytes body) const {
    return {.target = wire::Target::device,
            .id = session_,
            .generation = generation_,
            .type = static_cast<std::uint32_t>(type),
            .number = 1,
            .body = std::move(body)};
  }
  wire::Frame wake(const std::string& handle = {}, wire::Suite suite = wire::Suite::noise_1) {
    wake_ = wire::encode(wire::WakeUp{.suite = suite, .user = keys_.user, .device_id = keys_.id, .handle = handle});
    return frame(wire::FrameType::wake_up, wake_);
  }
  wire::Frame kk(const Bytes& ack) {
    handshake_ = std::make_unique<e2e::Handshake>(config(e2e::Pattern::kk, ack));
    return frame(wire::FrameType::handshake, *handshake_->write({}));
  }
  wire::Frame xx(const Bytes& ack, const e2e::PairingCode& code) {
    auto config_xx = config(e2e::Pattern::xx_psk3, ack);
    config_xx.psk = e2e::pairing_psk(code, guid_);
    handshake_ = std::make_unique<e2e::Handshake>(std::move(config_xx));
    return frame(wire::FrameType::handshake, *handshake_->write({}));
  }
  wire::Frame xx_last(const Bytes& second, const Bytes& payload) {
    EXPECT_TRUE(handshake_->read(octets(second)));
    auto third = handshake_->write(octets(payload));
    remote = handshake_->remote_static();
    shaken();
    return frame(wire::FrameType::handshake, *third);
  }
  void kk_last(const Bytes& second) {
    ASSERT_TRUE(handshake_->read(octets(second)));
    shaken();
  }
  // vmes-1: our point, then what the gateway's makes of it.
  wire::Frame point() {
    pair_.emplace(vmes1::Ephemeral::make(random_));
    return frame(wire::FrameType::handshake, pair_->point());
  }
  void agreed(const Bytes& point) {
    auto with = e2e::secure_vmes1(e2e::End::device, *pair_, point, random_, e2e::max_message);
    ASSERT_TRUE(with);
    secured(std::move(*with));
  }
  void secured(e2e::Secured with) {
    hash = std::move(with.hash);
    sealer_ = std::make_unique<e2e::Sealer>(std::move(with.sealer));
    opener_ = std::make_unique<e2e::Opener>(std::move(with.opener));
  }
  wire::Frame say_raw(Bytes message) {
    sealer_->push(std::move(message));
    return frame(wire::FrameType::sealed, sealer_->next());
  }
  wire::Frame say(const e2e::ToGateway& message) { return say_raw(e2e::encode(message)); }
  std::vector<e2e::ToDevice> hear(const wire::Frame& sealed) {
    std::vector<e2e::ToDevice> heard;
    auto messages = opener_->open(octets(sealed.body));
    EXPECT_TRUE(messages);
    if (messages)
      for (const auto& each : *messages) heard.push_back(*e2e::decode_to_device(octets(each)));
    return heard;
  }
  Bytes open_raw(const wire::Frame& sealed) { return opener_->open(octets(sealed.body))->at(0); }
  Bytes hash;
  std::optional<e2e::Key32> remote;

 private:
  e2e::Handshake::Config config(e2e::Pattern pattern, const Bytes& ack) const {
    e2e::Handshake::Config made{.pattern = pattern,
                                .initiator = true,
                                .prologue = e2e::prologue(pattern, guid_, keys_.user, keys_.id, wake_, ack),
                                .own = *e2e::x25519_from(keys_.key.secret.clone()),
                                .random = random_};
    if (pattern == e2e::Pattern::kk) made.remote_static = keys_.gateway;
    return made;
  }
  void shaken() {
    auto split = handshake_->split();
    secured({e2e::Sealer(std::move(split.send)), e2e::Opener(std::move(split.receive), e2e::max_message),
             text(split.hash)});
  }
  const DeviceKeys& keys_;
  Bytes guid_;
  e2e::Random random_;
  std::uint64_t session_, generation_;
  Bytes wake_;
  std::unique_ptr<e2e::Handshake> handshake_;
  std::optional<vmes1::Ephemeral> pair_;
  std::unique_ptr<e2e::Sealer> sealer_;
  std::unique_ptr<e2e::Opener> opener_;
};

}  // namespace tidegate::push::fakes
