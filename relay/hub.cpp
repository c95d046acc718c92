// SPDX-License-Identifier: Apache-2.0
#include "relay/hub.hpp"

#include <algorithm>

namespace tidegate::relay {
namespace {

Switchboard::Limits board_limits(const Settings& s) {
  return {s.window_down, s.window_up, s.queue_memory, s.connections_a_device};
}

Desk::Limits desk_limits(const Settings& s) {
  Desk::Limits limits;
  limits.argon2_threads = s.argon2_threads;
  limits.argon2_queue = s.argon2_queue;
  limits.cost = {static_cast<std::uint32_t>(s.argon2_memory / 1024), s.argon2_passes};
  return limits;
}

Lockout::Limits lockout_limits(const Settings& s) {
  return {s.lockout_free, s.lockout_first, s.lockout_longest, s.lockout_forget, s.lockout_entries};
}

constexpr std::size_t most_used_keys = 100'000;

}  // namespace

Hub::Hub(sim::World& world, const Settings& given, std::unique_ptr<Accounts> accounts, Bytes secret)
    : settings(given),
      reactor(world.reactor()),
      board(board_limits(given)),
      desk(world, std::move(accounts), desk_limits(given)),
      keys(std::move(secret), given.node, std::chrono::duration_cast<std::chrono::seconds>(given.key_lifetime).count(),
           most_used_keys),
      lockout(lockout_limits(given)),
      newcomers(given.handshakes_per_second, std::chrono::seconds(1)),
      audit_gate(given.audit_per_minute, std::chrono::minutes(1)) {}

std::int64_t Hub::unix_now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(reactor.wall().time_since_epoch()).count();
}

Bytes Hub::random(std::size_t size) const {
  Bytes octets(size, '\0');
  reactor.random(std::as_writable_bytes(std::span(octets)));
  return octets;
}

bool Hub::is_our_name(View host) const {
  std::string name;
  for (const char c : host) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return name == host_of(settings.public_url) || std::ranges::find(settings.names, name) != settings.names.end();
}

void Hub::post(sim::Task task) {
  reactor.post([alive = std::weak_ptr<const bool>(alive_), task = std::move(task)]() mutable {
    if (!alive.expired()) task();
  });
}

void Hub::want_flush(Flushable& one) {
  if (one.wanted_) return;
  one.wanted_ = true;
  flushing_.push_back(&one);
  if (flush_posted_) return;
  flush_posted_ = true;
  post([this] {
    flush_posted_ = false;
    flush();
  });
}

void Hub::forget(Flushable& one) {
  if (!one.wanted_) return;
  one.wanted_ = false;
  std::ranges::replace(flushing_, &one, nullptr);
}

void Hub::flush() {
  // A flush may make others want one (credit goes back the other way): they are done in the same go.
  for (std::size_t i = 0; i < flushing_.size(); ++i) {
    auto* one = flushing_[i];
    if (!one) continue;
    one->wanted_ = false;
    flushing_[i] = nullptr;
    one->flush();
  }
  flushing_.clear();
}

void Hub::audit(std::string who, std::string act, std::string subject, std::string text) {
  desk.audit({unix_now(), std::move(who), std::move(act), std::move(subject), std::move(text)});
}

void Hub::audit_stranger(std::string who, std::string act, std::string subject, std::string text) {
  if (audit_gate.pass(reactor.now())) audit(std::move(who), std::move(act), std::move(subject), std::move(text));
}

}  // namespace tidegate::relay
