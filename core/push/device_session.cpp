// SPDX-License-Identifier: Apache-2.0
#include "core/push/device_session.hpp"

#include <algorithm>

namespace tidegate::push {
namespace {

constexpr std::size_t max_device_message = e2e::max_message;
constexpr unsigned fetches_at_once = 16;

Octets octets(View text) { return std::as_bytes(std::span(text.data(), text.size())); }

e2e::Key32 key32(View octets_in) {
  e2e::Key32 key{};
  if (octets_in.size() == key.size()) std::ranges::copy(octets(octets_in), key.begin());
  return key;
}

Bytes text(const e2e::Key32& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

}  // namespace

DeviceSession::DeviceSession(const Wiring& wiring, SessionOwner& owner, std::uint64_t id, std::uint64_t generation)
    : wiring_(wiring), owner_(owner), id_(id), generation_(generation) {
  began_ = last_heard_ = last_alive_ = wiring_.world.reactor().now();
}

DeviceSession::~DeviceSession() {
  for (auto& each : feeds_) each->stop();
}

// --- frames in ------------------------------------------------------------------------------------------------------

void DeviceSession::frame(wire::Frame in) {
  if (state_ == State::over) return;
  last_heard_ = wiring_.world.reactor().now();
  auto type = static_cast<wire::FrameType>(in.type);
  if (type == wire::FrameType::close) return end(wire::Code::bye, "closed by the other side", false);
  switch (type) {
    case wire::FrameType::wake_up:
      woken(in.body);
      break;
    case wire::FrameType::handshake:
      handshake_message(in.body);
      break;
    case wire::FrameType::sealed:
      sealed(in.body);
      break;
    default:
      break;  // docs/wire.md: unknown types are skipped
  }
  consumed(wire::credit_cost(in));
}

/// A device whose commands come faster than they can be made durable waits, and nobody else.
void DeviceSession::consumed(std::uint64_t octets_off_our_hands) {
  owed_ += octets_off_our_hands;
  if (state_ == State::over || unwritten_ > wiring_.settings.unwritten) return;
  wiring_.outlet.consumed(id_, generation_, std::exchange(owed_, 0));
}

void DeviceSession::credit() { pump(); }

void DeviceSession::send(wire::FrameType type, Bytes body) {
  wiring_.outlet.send({.target = wire::Target::device,
                       .id = id_,
                       .generation = generation_,
                       .type = static_cast<std::uint32_t>(type),
                       .number = 0,
                       .body = std::move(body)});
}

void DeviceSession::end(wire::Code code, std::string text_for_people, bool tell) {
  if (state_ == State::over) return;
  state_ = State::over;
  flush_positions();
  for (auto& each : feeds_) each->stop();
  handshake_.reset();  // wipes the keys
  sealer_.reset();
  opener_.reset();
  if (tell) send(wire::FrameType::close, wire::encode(wire::Closed{.code = code, .text = text_for_people}));
  if (code != wire::Code::bye && code != wire::Code::superseded && tell)
    wiring_.note(
        3, "session of a device of " + (user_.empty() ? "an unknown user" : user_) + " ended: " + text_for_people);
  owner_.ended(id_);
}

// --- waking and handshakes ------------------------------------------------------------------------------------------

void DeviceSession::woken(const Bytes& body) {
  if (state_ != State::waking || !user_.empty()) return end(wire::Code::invalid, "WakeUp came twice");
  auto wake_up = wire::decode_wake_up(body);
  if (!wake_up) return end(wire::Code::invalid, "WakeUp is malformed: " + wake_up.error().text);
  if (wake_up->device_id.size() != 16) return end(wire::Code::invalid, "WakeUp names no device");
  user_ = wake_up->user;
  device_id_ = wake_up->device_id;
  if (auto why = owner_.refuses(user_)) return end(wire::Code::forbidden, *why);
  if (wake_up->suite != wire::Suite::noise_1)
    wake_admitted(*wake_up);
  else if (wake_up->handle.empty())
    wake_session(*wake_up, body);
  else
    wake_pairing(*wake_up, body);
}

void DeviceSession::wake_pairing(const wire::WakeUp& wake_up, const Bytes& body) {
  auto now = wiring_.world.reactor().now();
  handle_ = wake_up.handle;
  if (!owner_.guard().allows(user_, handle_, now))
    return end(wire::Code::too_many,
               "too many failed attempts with this code: wait a minute, then check each character");
  const auto* code = wiring_.directory.code(user_, handle_);
  if (!code) {
    owner_.guard().count(user_, handle_, now);
    return end(wire::Code::not_found,
               "no pairing code with this beginning is open for this user: ask for a new one (tidegatectl pair)");
  }
  if (code->expires != 0 && code->expires < wiring_.unix_now())
    return end(wire::Code::expired, "this pairing code is too old: ask for a new one (tidegatectl pair)");
  e2e::PairingCode given{.handle = code->handle, .secret = {}};
  std::ranges::copy(octets(View(code->secret).substr(0, given.secret.size())), given.secret.begin());
  state_ = State::pairing;
  begin_handshake(e2e::Pattern::xx_psk3, body, std::nullopt,
                  e2e::pairing_psk(given, wiring_.directory.identity().guid));
}

void DeviceSession::wake_session(const wire::WakeUp& wake_up, const Bytes& body) {
  const auto* device = wiring_.directory.device(user_, device_id_);
  if (!device)
    return end(wire::Code::unauthorized,
               "this device is not paired with this gateway: pair it again (tidegatectl pair)");
  if (device->state == store::DeviceState::revoked)
    return end(wire::Code::revoked, "this device was revoked: pair it again if it is still yours");
  if (static_cast<std::uint32_t>(wake_up.suite) != device->suite) return other_suite();
  state_ = State::shaking;
  begin_handshake(e2e::Pattern::kk, body, key32(device->static_public), std::nullopt);
}

void DeviceSession::begin_handshake(e2e::Pattern pattern, const Bytes& wake_up, std::optional<e2e::Key32> remote,
                                    std::optional<e2e::Secret> psk) {
  const auto* user = wiring_.directory.user(user_);
  if (!user) return end(wire::Code::forbidden, "this user is not served here");
  const auto& guid = wiring_.directory.identity().guid;
  auto ack = wire::encode(wire::WakeUpAck{.guid = guid});
  auto own = e2e::x25519_from(e2e::Secret(std::span<const std::byte, 32>(octets(user->static_secret).data(), 32)));
  if (!own) return end(wire::Code::unavailable, "the gateway's key for this user cannot be used");
  handshake_ = std::make_unique<e2e::Handshake>(
      e2e::Handshake::Config{.pattern = pattern,
                             .initiator = false,
                             .prologue = e2e::prologue(pattern, guid, user_, device_id_, wake_up, ack),
                             .own = std::move(*own),
                             .remote_static = remote,
                             .psk = std::move(psk),
                             .random = wiring_.random(),
                             .ephemeral = std::nullopt});
  send(wire::FrameType::wake_up_ack, std::move(ack));
}

void DeviceSession::handshake_message(const Bytes& body) {
  if (state_ == State::shaking && !handshake_) return point_came(body);
  if (!handshake_ || (state_ != State::pairing && state_ != State::shaking))
    return end(wire::Code::invalid, "a handshake message came at the wrong time");
  auto payload = handshake_->read(octets(body));
  if (!payload) {
    if (state_ == State::pairing) {
      owner_.guard().count(user_, handle_, wiring_.world.reactor().now());
      return end(wire::Code::crypto, "the pairing code does not match: check each character, or ask for a new one");
    }
    return end(wire::Code::crypto,
               "the handshake did not open: this device's keys are not the ones it was paired with");
  }
  if (!handshake_->finished()) return reply_handshake();
  // Only XXpsk3's message 3 ends on the responder's reading side.
  pairing_finished(*payload);
}

void DeviceSession::reply_handshake() {
  auto message = handshake_->write({});
  if (!message) return end(wire::Code::crypto, "the handshake failed");
  send(wire::FrameType::handshake, std::move(*message));
  if (handshake_->finished()) session_shaken();
}

void DeviceSession::session_shaken() {
  auto split = handshake_->split();
  handshake_.reset();
  secured({e2e::Sealer(std::move(split.send)), e2e::Opener(std::move(split.receive), max_device_message),
           text(split.hash)});
}

// --- pairing --------------------------------------------------------------------------------------------------------

void DeviceSession::pairing_finished(const Bytes& payload) {
  auto hello = e2e::decode_pairing_hello(octets(payload));
  if (!hello || hello->device_key.size() != 32) return end(wire::Code::invalid, "the pairing message is malformed");
  auto split = handshake_->split();
  auto remote = split.remote_static;
  sealer_ = std::make_unique<e2e::Sealer>(std::move(split.send));
  handshake_.reset();
  const auto* code = wiring_.directory.code(user_, handle_);
  if (!code) return end(wire::Code::not_found, "the pairing code was used up meanwhile: ask for a new one");
  if (!code->bound_static.empty() && code->bound_static != text(remote)) {
    wiring_.alarm(user_, "a second device tried to use a pairing code that belongs to another one already");
    return end(wire::Code::conflict, "this pairing code belongs to another device already: ask for a new one");
  }
  bind(*hello, remote);
}

void DeviceSession::bind(const e2e::PairingHello& hello, const e2e::Key32& remote) {
  state_ = State::binding;
  auto code = *wiring_.directory.code(user_, handle_);
  code.bound_static = text(remote);
  code.bound_device = device_id_;
  store::DeviceRow device{.user = user_,
                          .id = device_id_,
                          .name = hello.device_name,
                          .suite = static_cast<std::uint32_t>(wire::Suite::noise_1),
                          .state = store::DeviceState::pairing,
                          .static_public = text(remote),
                          .device_key = hello.device_key,
                          .paired = wiring_.unix_now()};
  // Both durable before the relay is told, so that a repeat after a crash finds the same binding.
  wiring_.directory.put_code(
      std::move(code), [weak = weak_from_this(), device = std::move(device)](Result<void> put) mutable {
        auto self = weak.lock();
        if (!self || self->state_ != State::binding) return;
        if (!put)
          return self->end(wire::Code::unavailable, "the gateway cannot store the pairing now: try again later");
        self->store_and_bind(std::move(device));
      });
}

void DeviceSession::store_and_bind(store::DeviceRow device) {
  wire::DeviceBind bind{.session = id_,
                        .user = user_,
                        .device_id = device_id_,
                        .device_key = device.device_key,
                        .suite = static_cast<wire::Suite>(device.suite)};
  wiring_.directory.put_device(
      std::move(device), [weak = weak_from_this(), bind = std::move(bind)](Result<void> stored) mutable {
        auto self = weak.lock();
        if (!self || self->state_ != State::binding) return;
        if (!stored)
          return self->end(wire::Code::unavailable, "the gateway cannot store the pairing now: try again later");
        self->wiring_.outlet.request(std::move(bind), [weak](const wire::Answer& answer) {
          if (auto again = weak.lock()) again->bound(answer);
        });
      });
}

void DeviceSession::bound(const wire::Answer& answer) {
  if (state_ != State::binding) return;
  if (answer.code != wire::Code::ok) return end(answer.code, "the relay did not enrol the device: " + answer.text);
  sealer_->push(e2e::encode(e2e::PairingDone{.user = user_, .gateway_name = wiring_.settings.gateway_name}));
  send(wire::FrameType::sealed, sealer_->next());
  wiring_.note(2, "device of " + user_ + " paired");
  end(wire::Code::bye, "paired");
}

// --- the sealed stream ----------------------------------------------------------------------------------------------

void DeviceSession::sealed(const Bytes& body) {
  if (!opener_ || (state_ != State::opening && state_ != State::streaming && state_ != State::enrolling))
    return end(wire::Code::invalid, "a sealed frame came at the wrong time");
  auto messages = opener_->open(octets(body));
  if (!messages) return end(wire::Code::crypto, "a sealed frame did not open");
  for (const auto& each : *messages) {
    if (state_ == State::enrolling) return enrol(each);
    auto message = e2e::decode_to_gateway(octets(each));
    if (!message) return end(wire::Code::invalid, "a sealed message is malformed: " + message.error().text);
    received(std::move(*message));
    if (state_ == State::over) return;
  }
}

void DeviceSession::received(e2e::ToGateway message) {
  if (auto* first = std::get_if<e2e::Hello>(&message)) return hello(std::move(*first));
  if (state_ != State::streaming) {
    if (open_) return;  // between Hello and HelloAck only an alive can come
    return end(wire::Code::invalid, "the device said something before Hello");
  }
  if (auto* ack = std::get_if<e2e::Ack>(&message)) return acknowledged(*ack);
  if (auto* now = std::get_if<e2e::Settings>(&message)) return wants(*now);
  if (auto* want = std::get_if<e2e::CompareWant>(&message)) {
    if (auto* of = feed(want->view)) of->want(*want);
    return;
  }
  if (auto* ask = std::get_if<e2e::CompareAsk>(&message)) {
    auto* of = feed(ask->view);
    if (!of || of->comparing()) return;
    // A device asks once: what cannot be answered now is asked again in its next session.
    if (overfull()) return end(wire::Code::too_many, "the device asks faster than it takes; it connects again", true);
    wiring_.log.head(ask->view, [weak = weak_from_this(), view = ask->view](Result<store::Head> head) {
      auto self = weak.lock();
      auto* again = self ? self->feed(view) : nullptr;
      if (!again || again->comparing()) return;
      if (!head) return self->end(wire::Code::unavailable, "the gateway's log cannot be read: " + head.error().text);
      again->start_compare(*head);
    });
    return;
  }
  if (auto* wanted = std::get_if<e2e::Fetch>(&message)) return fetch(*wanted);
  if (auto* said = std::get_if<e2e::Command>(&message)) return command(std::move(*said));
  if (auto* part = std::get_if<e2e::CommandPart>(&message)) return command_part(*part);
  if (auto* kept = std::get_if<e2e::CommandStored>(&message)) wiring_.commands.stored(user_, device_id_, kept->id);
}

void DeviceSession::command(e2e::Command said) {
  if (!feed(said.view))
    return answer({.view = said.view,
                   .id = said.id,
                   .done = true,
                   .fault = static_cast<std::uint32_t>(FaultKind::denied) + 1,
                   .text = "This mailbox is not yours."});
  auto written = when_written(said.content.octets.size());
  wiring_.commands.take(user_, device_id_, std::move(said), std::move(written));
}

void DeviceSession::command_part(const e2e::CommandPart& part) {
  wiring_.commands.part(user_, device_id_, part, when_written(part.octets.octets.size()));
}

std::move_only_function<void()> DeviceSession::when_written(std::size_t count) {
  unwritten_ += count;
  return [weak = weak_from_this(), count] {
    auto self = weak.lock();
    if (!self) return;
    self->unwritten_ -= count;
    self->consumed(0);
  };
}

void DeviceSession::made(store::ViewId view, Bytes sha256, std::uint64_t size) {
  if (auto* of = feed(view)) of->made(std::move(sha256), size);
}

void DeviceSession::answer(const e2e::CommandResult& result) {
  if (state_ == State::streaming) push(result);
}

void DeviceSession::acknowledged(const e2e::Ack& ack) {
  auto* of = feed(ack.position.view);
  if (!of || ack.position.epoch != of->position().epoch || ack.position.live > of->head()) return;
  acked_[ack.position.view] = ack.position;
  last_ack_ = wiring_.world.reactor().now();
  positions_dirty_ = true;  // written by the sweep: a push costs the log no second transaction
}

void DeviceSession::wants(const e2e::Settings& now) {
  for (auto& each : feeds_) each->wants(now);
}

void DeviceSession::flush_positions() {
  if (!positions_dirty_) return;
  positions_dirty_ = false;
  for (const auto& [view, position] : acked_)
    wiring_.log.remember_position(user_, device_id_, view, position.live, e2e::encode(position), [](Result<void>) {});
}

bool DeviceSession::overfull() const { return sealer_ && sealer_->queued() > 4 * wiring_.settings.prepared; }

void DeviceSession::fetch(const e2e::Fetch& wanted) {
  if (!feed(wanted.view)) return;
  // Asked for beside the feed, so its room does not bound them.
  if (fetching_ >= fetches_at_once || overfull())
    return end(wire::Code::too_many, "the device asks for more at once than it takes; it connects again", true);
  ++fetching_;
  wiring_.log.items(
      wanted.view, {wanted.gid}, [weak = weak_from_this(), wanted](Result<std::vector<store::ItemRow>> rows) {
        auto self = weak.lock();
        if (!self || self->state_ != State::streaming) return;
        e2e::Range range{
            .view = wanted.view, .gid = wanted.gid, .content_rev = wanted.content_rev, .offset = wanted.from};
        if (!rows || rows->empty() || rows->front().seq_gone != 0) {
          range.fault = static_cast<std::uint32_t>(FaultKind::not_found) + 1;
          range.text = "this item is not in the store any more";
          --self->fetching_;
          return self->push(range);
        }
        if (rows->front().content_rev != wanted.content_rev) {
          range.fault = static_cast<std::uint32_t>(FaultKind::conflict) + 1;
          range.text = "this item has another content by now";
          --self->fetching_;
          return self->push(range);
        }
        auto length = std::min<std::uint64_t>(wanted.length, e2e::max_content_part);
        self->wiring_.accounts.read(self->user_, wanted.view, rows->front(), wanted.from, length, true,
                                    [weak, range](Result<account::Accounts::Piece> piece) mutable {
                                      auto again = weak.lock();
                                      if (!again || again->state_ != State::streaming) return;
                                      --again->fetching_;
                                      if (piece) {
                                        range.total = piece->total;
                                        range.octets =
                                            e2e::pack(View(*piece->octets).substr(piece->offset, piece->length),
                                                      again->compression_);
                                      } else {
                                        range.fault = static_cast<std::uint32_t>(piece.error().kind) + 1;
                                        range.text = piece.error().text;
                                      }
                                      again->push(range);
                                    });
      });
}

void DeviceSession::push(const e2e::ToDevice& message) {
  if (!sealer_) return;
  if (!std::holds_alternative<e2e::Alive>(message)) last_data_ = wiring_.world.reactor().now();
  sealer_->push(e2e::encode(message));
  pump();
}

void DeviceSession::alarm(const std::string& text_for_people) {
  if (state_ == State::streaming) push(e2e::Alarm{.code = 0, .text = text_for_people});
}

void DeviceSession::send_alive() {
  e2e::Alive message;
  for (auto& each : feeds_) message.heads.emplace_back(each->view(), each->head());
  if (wiring_.backup_version) message.backup_version = wiring_.backup_version();
  for (const auto& health : wiring_.accounts.health(user_))
    message.proven_unix = std::max(message.proven_unix, health.proven_unix);
  last_alive_ = wiring_.world.reactor().now();
  push(message);
}

void DeviceSession::sweep(sim::Instant now) {
  if (state_ == State::over || admission_over()) return;
  if (state_ != State::streaming) {
    if (now - began_ > wiring_.settings.handshake_deadline) end(wire::Code::idle, "the handshake took too long");
    return;
  }
  flush_positions();
  if (sealer_->empty()) {  // an idle session holds keys and no cipher contexts
    sealer_->park();
    opener_->park();
  }
  if (now - last_heard_ > 2 * wiring_.settings.alive + wiring_.settings.sweep)
    return end(wire::Code::idle, "nothing was heard of the device");
  // A relay that dropped the last frame is found out by the next one: it does not open.
  const bool unheard =
      last_data_ > last_ack_ && last_data_ > last_alive_ && now - last_data_ >= wiring_.settings.alive_after_data;
  if (unheard || now - last_alive_ >= wiring_.settings.alive - wiring_.settings.sweep) send_alive();
  for (auto& each : feeds_) each->day();
}

bool DeviceSession::current() const noexcept {
  return state_ == State::streaming && std::ranges::all_of(feeds_, [&](const auto& each) {
           auto acked = acked_.find(each->view());
           return acked != acked_.end() && acked->second.live >= each->head();
         });
}

std::vector<store::ViewId> DeviceSession::views() const {
  std::vector<store::ViewId> all;
  for (const auto& each : feeds_) all.push_back(each->view());
  return all;
}

Feed* DeviceSession::feed(store::ViewId view) {
  auto found = std::ranges::find(feeds_, view, [](const auto& each) { return each->view(); });
  return found == feeds_.end() ? nullptr : found->get();
}

void DeviceSession::changed(store::ViewId view, std::uint64_t head, bool folders) {
  if (state_ != State::streaming) return;
  if (auto* of = feed(view)) of->changed(head, folders);
}

void DeviceSession::pump() {
  if (pumping_) {  // a message was pushed while we pump: the loop sees it
    pump_again_ = true;
    return;
  }
  pumping_ = true;
  auto self = shared_from_this();  // end() within may drop the last reference
  do {
    pump_again_ = false;
    if (state_ == State::streaming)
      for (auto& each : feeds_) each->step([this] { return sealer_ && sealer_->queued() < wiring_.settings.prepared; });
    while (sealer_ && !sealer_->empty() &&
           wiring_.outlet.credit_available(id_, generation_) >= e2e::max_noise_message) {
      auto body = sealer_->next();
      send(wire::FrameType::sealed, std::move(body));
      pump_again_ = true;  // there is room again
    }
  } while (pump_again_ && sealer_);
  pumping_ = false;
}

}  // namespace tidegate::push
