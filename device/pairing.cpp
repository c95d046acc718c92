// SPDX-License-Identifier: Apache-2.0
// Device's pairing: keys and "pending" are durable before message 3, "paired" only after the first transport message
// opened (design: end to end, pairing).
#include <cstring>

#include <openssl/crypto.h>

#include "device/core.hpp"

namespace tidegate::device {
namespace {

e2e::Key32 key_from(View octets) {
  e2e::Key32 key{};
  std::memcpy(key.data(), octets.data(), std::min(octets.size(), key.size()));
  return key;
}

/// An admitted device has an id instead of a code; the relay knows it by the handle that the id begins with.
Result<e2e::PairingLink> code_of(const PairRequest& request, Bytes& id) {
  if (request.suite == wire::Suite::noise_1) return e2e::parse_pairing_link(request.code);
  auto parsed = parse_device_id(request.code);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  id = std::move(*parsed);
  return e2e::PairingLink{.code = {.handle = e2e::admission_handle(id)}};
}

/// This machine's keys, made if there are none; under that id if one is given.
Result<Identity> own_identity(sim::World& world, const std::string& state, const Bytes& id) {
  auto identity = load_identity(world.files(), state);
  if (!identity) return std::unexpected(identity.error());
  if (!*identity)
    return make_identity(
        world.files(), state, [&world](std::span<std::byte> into) { world.reactor().random(into); }, id);
  if (!id.empty() && (*identity)->device_id != id)
    return fault(FaultKind::exists, state,
                 state + " belongs to another device already: choose another --state directory for this id.");
  return std::move(**identity);
}

}  // namespace

void Device::Core::pair(PairRequest request, std::move_only_function<void(Result<Pairing>)> done) {
  paired_ = std::move(done);
  pairing_ = std::move(request);
  Bytes id;
  auto link = code_of(*pairing_, id);
  std::optional<Fault> wrong;
  if (!link) {
    wrong = link.error();
  } else {
    if (pairing_->relay.empty()) pairing_->relay = link->relay_host;
    if (pairing_->user.empty()) pairing_->user = link->user;
    // As relay and gateway keep it: what is typed with capitals must not be another user.
    for (char& c : pairing_->user)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (pairing_->relay.empty() || pairing_->user.empty())
      wrong = Fault{FaultKind::invalid,
                    "pair",
                    "The code alone does not say where to go: give --relay and --user, or the whole tidegate: link.",
                    {},
                    {}};
    else if (auto endpoint = parse_relay(pairing_->relay); !endpoint)
      wrong = endpoint.error();
  }
  if (wrong) {
    world_.reactor().post([this, alive = std::weak_ptr(self_), why = std::move(*wrong)]() mutable {
      if (!alive.expired()) pairing_over(std::unexpected(std::move(why)));
    });
    return;
  }
  intent_ = PairingIntent{link->code, pairing_->password, settings_.name};
  on_disk(
      [&world = world_, settings = settings_, id](Shelf*) -> Result<Loaded> {
        auto identity = own_identity(world, settings.state, id);
        if (!identity) return std::unexpected(identity.error());
        auto places = chosen_places(world.files(), settings.state, settings.maildir, settings.vdir);
        if (!places) return std::unexpected(places.error());
        if (auto kept = choose_places(world.files(), *places); !kept) return std::unexpected(kept.error());
        auto shelf = std::make_shared<Shelf>(world, std::move(*places), identity->device_id, nullptr);
        if (auto fine = shelf->open(); !fine) return std::unexpected(fine.error());
        auto loaded = load(*shelf);
        if (!loaded) return std::unexpected(loaded.error());
        loaded->identity = std::move(*identity);
        loaded->shelf = std::move(shelf);
        return loaded;
      },
      [this](Result<Loaded> loaded) {
        if (!loaded) return pairing_over(std::unexpected(loaded.error()));
        enrol(std::move(*loaded));
      });
}

void Device::Core::enrol(Loaded loaded) {
  if (loaded.account.standing == Standing::paired)
    return pairing_over(fault(FaultKind::exists, settings_.state,
                              "This device is paired already, as " + loaded.account.user +
                                  ": start it with `tidegate-device run`, or choose another --state directory."));
  shelf_ = std::move(loaded.shelf);
  identity_ = std::move(loaded.identity);
  account_ = std::move(loaded.account);
  account_.relay = pairing_->relay;
  account_.user = pairing_->user;
  account_.suite = pairing_->suite;
  account_.ca_file = settings_.ca_file;
  account_.way_out = merged(account_.way_out, settings_.way_out);
  account_.handle = intent_->code.handle;
  connect();
}

void Device::Core::store_pending(const Bytes& guid) {
  account_.standing = Standing::pending;
  account_.guid = guid;
  on_disk([account = account_](Shelf* shelf) { return store_account(*shelf, account); },
          [this](Result<void> stored) {
            if (!pairing_) return;  // it was cut meanwhile
            if (!stored) return retry(stored.error(), true);
            if (dialogue_) act(dialogue_->stored());
          });
}

void Device::Core::complete(const PairingComplete& done) {
  account_.standing = Standing::paired;
  account_.guid = done.guid;
  account_.gateway_key = done.gateway_key;
  account_.gateway_name = done.gateway_name;
  on_disk([account = account_](Shelf* shelf) { return store_account(*shelf, account); },
          [this](Result<void> stored) {
            if (!stored) return pairing_over(std::unexpected(stored.error()));
            Pairing pairing{account_.relay, account_.user, account_.gateway_name, {}, {}};
            if (account_.suite == wire::Suite::noise_1) {
              pairing.own_fingerprint = e2e::fingerprint_text(identity_->exchange.open);
              pairing.gateway_fingerprint = e2e::fingerprint_text(key_from(account_.gateway_key));
            }
            pairing_over(std::move(pairing));
          });
}

void Device::Core::pairing_over(Result<Pairing> result) {
  if (!pairing_) return;
  ::OPENSSL_cleanse(pairing_->password.data(), pairing_->password.size());
  if (intent_) ::OPENSSL_cleanse(intent_->password.data(), intent_->password.size());
  pairing_.reset();
  intent_.reset();
  disconnect();
  // run() opens its own: two would sweep each other's drafts.
  shelf_.reset();
  if (paired_) std::exchange(paired_, {})(std::move(result));
}

}  // namespace tidegate::device
