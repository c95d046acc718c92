// SPDX-License-Identifier: Apache-2.0
#include "core/push/agreements.hpp"

namespace tidegate::push {
namespace {

constexpr std::size_t waiting = 16;  // some 100 ms of one thread

Result<Agreements::Agreed> compute(const Bytes& point, const e2e::Random& random) {
  const auto own = vmes1::Ephemeral::make(random);
  auto secured = e2e::secure_vmes1(e2e::End::gateway, own, point, random, e2e::max_message);
  if (!secured) return std::unexpected(std::move(secured.error()));
  return Agreements::Agreed{own.point(), std::move(*secured)};
}

}  // namespace

Agreements::Agreements(const Wiring& wiring)
    : wiring_(wiring), guard_(wiring.settings.agreements), pool_(wiring.world.pool("vmes1", 1, waiting)) {}

void Agreements::agree(const std::string& user, View device_id, Bytes point, store::Done<Agreed> done) {
  auto& reactor = wiring_.world.reactor();
  const auto now = reactor.now();
  const auto device = e2e::admission_handle(device_id);
  auto shared = std::make_shared<store::Done<Agreed>>(std::move(done));
  auto answer = [alive = std::weak_ptr(alive_), shared](Result<Agreed> agreed) {
    if (!alive.expired()) (*shared)(std::move(agreed));
  };
  bool taken = guard_.allows(user, device, now);
  if (taken) {
    guard_.count(user, device, now);
    taken = pool_->submit([&reactor, answer, point = std::move(point), random = wiring_.random()]() mutable {
      reactor.post([answer, agreed = compute(point, random)]() mutable { answer(std::move(agreed)); });
    });
  }
  if (!taken)
    reactor.post([answer] {
      answer(fault(FaultKind::throttled, "vmes-1", "this device agrees on keys too often: try again in a minute"));
    });
}

}  // namespace tidegate::push
