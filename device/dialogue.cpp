// SPDX-License-Identifier: Apache-2.0
#include "device/dialogue.hpp"

#include <algorithm>
#include <cstring>

namespace tidegate::device {
namespace {

View view_of(const e2e::Key32& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }
Octets octets(View text) { return std::as_bytes(std::span(text)); }

e2e::KeyPair copy(const e2e::KeyPair& pair) { return {pair.secret.clone(), pair.open}; }

e2e::Key32 key_from(View octets) {
  e2e::Key32 key{};
  std::memcpy(key.data(), octets.data(), std::min(octets.size(), key.size()));
  return key;
}

}  // namespace

Dialogue::Dialogue(Config config) : config_(std::move(config)) {}

Actions Dialogue::receive(wire::Frame frame) {
  if (state_ != State::ended) hear(frame);
  return std::exchange(out_, {});
}

void Dialogue::hear(const wire::Frame& frame) {
  if (frame.target == wire::Target::relay) return hear_relay(frame);
  if (frame.target != wire::Target::device) return;                      // streams: not for this device
  if (frame.generation != 0 && frame.generation != generation_) return;  // of a session that is over
  const auto type = static_cast<wire::FrameType>(frame.type);
  if (type == wire::FrameType::close) {
    if (auto said = wire::decode_closed(frame.body)) return closed(*said);
    return broken(wire::Code::invalid, "a Closed that does not decode");
  }
  if (type == wire::FrameType::credit) {
    if (auto grant = wire::decode_credit(frame.body)) credit_ = std::max(credit_, grant->up_to);
    return flush();
  }
  if (frame.number == 0) return;       // a type of a later version
  if (frame.number <= heard_) return;  // a repeat
  if (frame.number != heard_ + 1) return broken(wire::Code::gap, "a frame is missing");
  ++heard_;
  if (type == wire::FrameType::wake_up_ack && state_ == State::waking) return begin_handshake(frame);
  if (type == wire::FrameType::handshake && state_ == State::shaking) return go_on(frame);
  const bool listening = state_ == State::open || state_ == State::confirming;
  if (type == wire::FrameType::sealed && listening) return hear_sealed(frame);
  if (state_ == State::away || type > wire::FrameType::sealed) return;
  broken(wire::Code::invalid, "a frame out of turn");
}

void Dialogue::hear_relay(const wire::Frame& frame) {
  auto message = wire::to_control(frame);
  if (!message) return broken(wire::Code::invalid, "a control message that does not decode");
  if (const auto* challenge = std::get_if<wire::Challenge>(&*message)) {
    if (state_ == State::greeting) return prove(*challenge);
    return broken(wire::Code::invalid, "a second challenge");
  }
  if (const auto* refused = std::get_if<wire::Refused>(&*message)) {
    const auto doing = config_.pairing ? Doing::enrolling : Doing::logging_in;
    return end(reason(refused->code, doing, refused->text, refused->retry_after_ms), hopeless(refused->code, doing));
  }
  if (const auto* welcome = std::get_if<wire::Welcome>(&*message)) {
    if (state_ != State::proving) return broken(wire::Code::invalid, "a welcome out of turn");
    alive_within_ = std::chrono::milliseconds(std::min<std::uint64_t>(welcome->alive_within_ms, 3'600'000));
    return welcome->gateway_present ? wake() : gateway_gone(welcome->text);
  }
  if (const auto* gateway = std::get_if<wire::GatewayState>(&*message)) {
    if (state_ == State::greeting || state_ == State::proving) return;
    if (!gateway->present) return gateway_gone(gateway->text);
    if (state_ == State::away) wake();
  }
}

void Dialogue::prove(const wire::Challenge& challenge) {
  const auto& identity = *config_.identity;
  const auto signature = e2e::ed25519_sign(
      identity.signing, wire::device_signature_input(config_.relay_host, challenge.nonce, config_.user,
                                                     identity.device_id, config_.channel_binding));
  state_ = State::proving;
  if (!config_.pairing) {
    out_.emplace_back(SendFrame{wire::to_frame(wire::Login{.user = config_.user,
                                                           .device_id = identity.device_id,
                                                           .relay_host = config_.relay_host,
                                                           .signature = signature})});
    return;
  }
  out_.emplace_back(SendFrame{wire::to_frame(wire::Enrol{.user = config_.user,
                                                         .password = config_.pairing->password,
                                                         .device_id = identity.device_id,
                                                         .device_key = Bytes(view_of(identity.signing.open)),
                                                         .suite = config_.suite,
                                                         .handle = config_.pairing->code.handle,
                                                         .relay_host = config_.relay_host,
                                                         .signature = signature})});
}

void Dialogue::wake() {
  forget_session();
  ++generation_;
  wake_up_ = wire::encode(wire::WakeUp{.version = 1,
                                       .suite = config_.suite,
                                       .user = config_.user,
                                       .device_id = config_.identity->device_id,
                                       .handle = config_.pairing ? config_.pairing->code.handle : std::string()});
  state_ = State::waking;
  send(wire::FrameType::wake_up, wake_up_);
}

void Dialogue::begin_handshake(const wire::Frame& frame) {
  const auto ack = wire::decode_wake_up_ack(frame.body);
  if (!ack || ack->guid.size() != 16) return broken(wire::Code::invalid, "a WakeUpAck that does not decode");
  // The suite belongs to the enrolment: nobody on the way may name another (design: end to end).
  if (ack->suite != config_.suite) return end(reason(wire::Code::suite_refused, Doing::session, {}), true);
  if (!config_.guid.empty() && ack->guid != config_.guid)
    return end(Fault{FaultKind::denied,
                     "gateway",
                     "Another gateway answers for this account than the one this device was paired with: ask your "
                     "administrator; if that is meant, pair this device again.",
                     {},
                     {}},
               true);
  guid_ = ack->guid;
  wake_up_ack_ = frame.body;
  if (config_.suite != wire::Suite::noise_1) return begin_readable();
  const auto pattern = config_.pairing ? e2e::Pattern::xx_psk3 : e2e::Pattern::kk;
  e2e::Handshake::Config shake;
  shake.pattern = pattern;
  shake.initiator = true;
  shake.prologue = e2e::prologue(pattern, guid_, config_.user, config_.identity->device_id, wake_up_, wake_up_ack_);
  shake.own = copy(config_.identity->exchange);
  shake.random = config_.random;
  if (config_.pairing)
    shake.psk = e2e::pairing_psk(config_.pairing->code, guid_);
  else
    shake.remote_static = key_from(config_.gateway_key);
  handshake_.emplace(std::move(shake));
  auto message = handshake_->write({});
  if (!message) return broken(wire::Code::crypto, "handshake message 1");
  state_ = State::shaking;
  send(wire::FrameType::handshake, std::move(*message));
}

/// Suites that authenticate nobody (docs/wire.md §10): vmes-1 sends its point, none has nothing to agree on.
void Dialogue::begin_readable() {
  if (config_.suite == wire::Suite::none) return secured(e2e::secure_none(e2e::max_message));
  ephemeral_.emplace(vmes1::Ephemeral::make(config_.random));
  state_ = State::shaking;
  send(wire::FrameType::handshake, ephemeral_->point());
}

void Dialogue::agree(const wire::Frame& frame) {
  auto with = e2e::secure_vmes1(e2e::End::device, *ephemeral_, frame.body, config_.random, e2e::max_message);
  ephemeral_.reset();
  if (!with) return broken(wire::Code::crypto, "the gateway's point");
  secured(std::move(*with));
}

void Dialogue::go_on(const wire::Frame& frame) {
  if (ephemeral_) return agree(frame);
  if (auto payload = handshake_->read(octets(frame.body)); !payload)
    return broken(wire::Code::crypto, "handshake message 2");
  if (!config_.pairing) return session_open();
  if (const auto key = handshake_->remote_static()) gateway_key_ = view_of(*key);
  state_ = State::storing;
  out_.emplace_back(StorePending{guid_});
}

Actions Dialogue::stored() {
  if (state_ != State::storing) return std::exchange(out_, {});
  const auto hello = e2e::encode(e2e::PairingHello{.device_key = Bytes(view_of(config_.identity->signing.open)),
                                                   .device_name = config_.pairing->device_name});
  if (config_.suite != wire::Suite::noise_1) {
    state_ = State::confirming;
    sealer_->push(hello);
    flush();
    return std::exchange(out_, {});
  }
  auto message = handshake_->write(octets(hello));
  if (!message) {
    broken(wire::Code::crypto, "handshake message 3");
    return std::exchange(out_, {});
  }
  auto split = handshake_->split();
  handshake_.reset();
  opener_.emplace(std::move(split.receive), e2e::max_message);
  state_ = State::confirming;
  send(wire::FrameType::handshake, std::move(*message));
  return std::exchange(out_, {});
}

void Dialogue::session_open() {
  auto split = handshake_->split();
  handshake_.reset();
  // An Item carries its metadata beside at most max_content_part of content.
  secured({e2e::Sealer(std::move(split.send)), e2e::Opener(std::move(split.receive), e2e::max_message),
           Bytes(view_of(split.hash))});
}

void Dialogue::secured(e2e::Secured with) {
  sealer_.emplace(std::move(with.sealer));
  opener_.emplace(std::move(with.opener));
  if (config_.pairing) {
    state_ = State::storing;
    out_.emplace_back(StorePending{guid_});
    return;
  }
  state_ = State::open;
  out_.emplace_back(SessionOpen{std::move(with.hash)});
  sealer_->push(e2e::encode(e2e::ToGateway(config_.hello())));
  flush();
}

void Dialogue::hear_sealed(const wire::Frame& frame) {
  auto messages = opener_->open(octets(frame.body));
  if (!messages) return broken(wire::Code::crypto, "a sealed frame did not open");
  for (const auto& octets_of : *messages) {
    if (state_ == State::confirming) return paired(octets_of);
    auto message = e2e::decode_to_device(octets(octets_of));
    if (!message) return broken(wire::Code::invalid, "a sealed message does not decode");
    if (!std::holds_alternative<std::monostate>(*message)) out_.emplace_back(Heard{std::move(*message)});
  }
}

void Dialogue::paired(const Bytes& message) {
  auto done = e2e::decode_pairing_done(octets(message));
  if (!done) return broken(wire::Code::invalid, "a PairingDone that does not decode");
  out_.emplace_back(PairingComplete{guid_, gateway_key_, done->user, done->gateway_name});
  state_ = State::ended;
  forget_session();
}

void Dialogue::closed(const wire::Closed& said) {
  if (state_ == State::away) return;
  if (said.code == wire::Code::gateway_away) return gateway_gone(said.text);
  const auto doing = config_.pairing ? Doing::pairing : Doing::session;
  end(reason(said.code, doing, said.text, said.retry_after_ms), hopeless(said.code, doing));
}

void Dialogue::gateway_gone(std::string text) {
  forget_session();
  if (config_.pairing)  // somebody waits at the terminal: tell him
    return end(reason(wire::Code::gateway_away, Doing::pairing, text), true);
  const bool news = state_ != State::away;
  state_ = State::away;
  if (news) out_.emplace_back(GatewayAway{std::move(text)});
}

Actions Dialogue::say(const e2e::ToGateway& message) {
  if (state_ == State::open && sealer_) {
    sealer_->push(e2e::encode(message));
    flush();
  }
  return std::exchange(out_, {});
}

void Dialogue::flush() {
  if ((state_ != State::open && state_ != State::confirming) || !sealer_) return;
  while (!sealer_->empty()) {
    // How large the sealed frame gets is known only when it is sealed, and then it must go.
    const auto largest = std::min(e2e::max_noise_message, e2e::padded_size(sealer_->queued() + 64));
    if (credit_ - spent_ < largest) return;
    send(wire::FrameType::sealed, sealer_->next());
  }
}

void Dialogue::send(wire::FrameType type, Bytes body) {
  wire::Frame frame{wire::Target::device, 0, generation_, static_cast<std::uint32_t>(type), ++sent_, std::move(body)};
  spent_ += wire::credit_cost(frame);
  out_.emplace_back(SendFrame{std::move(frame)});
}

Actions Dialogue::leave() {
  if (state_ != State::ended && generation_ != 0)
    out_.emplace_back(
        SendFrame{{wire::Target::device, 0, generation_, static_cast<std::uint32_t>(wire::FrameType::close), 0,
                   wire::encode(wire::Closed{.code = wire::Code::bye, .text = {}})}});
  forget_session();
  state_ = State::ended;
  return std::exchange(out_, {});
}

void Dialogue::end(Fault why, bool is_hopeless) {
  forget_session();
  state_ = State::ended;
  out_.emplace_back(EndConnection{std::move(why), is_hopeless});
}

void Dialogue::broken(wire::Code code, const char* what) {
  const auto doing = config_.pairing ? Doing::pairing : Doing::session;
  if (generation_ != 0)
    out_.emplace_back(
        SendFrame{{wire::Target::device, 0, generation_, static_cast<std::uint32_t>(wire::FrameType::close), 0,
                   wire::encode(wire::Closed{.code = code, .text = what})}});
  auto why = reason(code, doing, {});
  why.cause = what;
  end(std::move(why), config_.pairing && code == wire::Code::crypto);
}

void Dialogue::forget_session() {
  handshake_.reset();
  ephemeral_.reset();
  sealer_.reset();
  opener_.reset();
  sent_ = heard_ = spent_ = 0;
  credit_ = wire::initial_credit;
}

}  // namespace tidegate::device
