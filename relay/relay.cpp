// SPDX-License-Identifier: Apache-2.0
#include "relay/relay.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "core/config/secret.hpp"
#include "relay/admin.hpp"
#include "relay/control_socket.hpp"
#include "relay/device_front.hpp"
#include "relay/gateway_door.hpp"
#include "relay/http_front.hpp"

namespace tidegate::relay {

using wire::Code;

struct Relay::State {
  State(sim::World& w, Settings s) : world(w), settings(std::move(s)) {}

  sim::World& world;
  Settings settings;
  // Destroyed from the end: connections before the hub they point to.
  std::unique_ptr<Hub> hub;
  std::unique_ptr<DeviceDoor> devices;
  std::unique_ptr<GatewayDoor> gateways;
  std::unique_ptr<HttpFront> front;
  std::unique_ptr<ControlSocket> control;
  std::unique_ptr<sim::Listening> listening;
  std::unique_ptr<Timer> second, draining, checking;
  std::function<void()> drained;

  Result<Bytes> secret() const;
  Result<void> open();
  void tick();
  void apply(const Effect&);
  void check_drained();
};

Relay::Relay(sim::World& world, Settings settings) : state_(std::make_unique<State>(world, std::move(settings))) {}
Relay::~Relay() = default;

/// One of its own each start (a KeyId lives a minute, nothing is lost), or the one that several nodes share.
Result<Bytes> Relay::State::secret() const {
  if (!settings.secret_file.empty())
    return config::read_secret("relay", "secret", settings.secret_file.string(),
                               [](std::string_view text) { spdlog::warn("{}", text); });
  Bytes octets(32, '\0');
  world.reactor().random(std::as_writable_bytes(std::span(octets)));
  return octets;
}

Result<void> Relay::State::open() {
  if (auto made = world.files().make_directories(settings.state.string()); !made) return made;
  auto accounts = Accounts::open(settings.database_path(), world.sqlite_vfs());
  if (!accounts) return std::unexpected(std::move(accounts.error()));
  auto key = secret();
  if (!key) return std::unexpected(std::move(key.error()));
  hub = std::make_unique<Hub>(world, settings, std::move(*accounts), std::move(*key));
  devices = std::make_unique<DeviceDoor>(*hub);
  gateways = std::make_unique<GatewayDoor>(*hub, world.files());
  front = std::make_unique<HttpFront>(*hub, *gateways, *devices);
  return {};
}

Result<void> Relay::start() {
  auto& s = *state_;
  if (auto fine = s.open(); !fine) return fine;
  const auto place = parse_listen(s.settings.listen);
  if (!place) return std::unexpected(place.error());
  s.control = std::make_unique<ControlSocket>(
      s.world.reactor(), [this](std::string line, std::function<void(std::string)> answer) {
        auto request = request_from_json(line);
        if (!request) return answer(to_json({false, request.error().text, {}, {}, {}}));
        administer(std::move(request->words), std::move(request->password), std::move(answer));
      });
  if (auto fine = s.control->listen(s.world.network(), s.settings.socket_path()); !fine) return fine;
  sim::Listen listen;
  listen.host = place->host;
  listen.port = place->port;
  if (!s.settings.plain) {
    listen.certificate_file = s.settings.certificate.string();
    listen.key_file = s.settings.key.string();
  }
  auto listening = s.world.network().listen(
      listen, [&s](std::unique_ptr<sim::Stream> stream) { s.front->accept(std::move(stream)); });
  if (!listening) return std::unexpected(std::move(listening.error()));
  s.listening = std::move(*listening);
  s.tick();
  spdlog::info("relay listens on {} (port {}) as {}", s.settings.listen, s.listening->port(), s.settings.public_url);
  return {};
}

std::uint16_t Relay::port() const { return state_->listening ? state_->listening->port() : 0; }

void Relay::State::tick() {
  hub->wheel.turn([](WheelHook& hook) { static_cast<Sleeper&>(hook).due(); });
  second = world.reactor().after(std::chrono::seconds(1), [this] { tick(); });
}

// --- the end

void Relay::drain(std::function<void()> done) {
  auto& s = *state_;
  if (s.hub->draining) return;
  spdlog::info("relay is being stopped: {} gateways and {} devices are told", s.hub->board.gateways(),
               s.hub->board.devices());
  s.hub->draining = true;
  s.drained = std::move(done);
  s.listening.reset();
  std::uint16_t dice = 0;
  s.world.reactor().random(std::as_writable_bytes(std::span(&dice, 1)));
  const wire::Refused why{Code::unavailable, "the relay is being stopped; connect again", 1000U + dice % 4000U};
  // Devices first: a gateway's end would otherwise tell each of them that it is away.
  s.hub->board.end_devices(why);
  s.devices->refuse_visitors(why);
  s.gateways->end_all(why);
  s.draining = s.world.reactor().after(s.settings.drain_time, [&s] {
    if (s.drained) std::exchange(s.drained, {})();
  });
  s.check_drained();
}

void Relay::State::check_drained() {
  if (!drained) return;
  if (devices->connections() == 0 && devices->visitors() == 0 && gateways->channels() == 0)
    return std::exchange(drained, {})();
  checking = world.reactor().after(std::chrono::milliseconds(20), [this] { check_drained(); });
}

// --- administration

RelayStatus Relay::status() const {
  const auto& s = *state_;
  const auto& counted = s.hub->board.counters();
  return {s.hub->board.gateways(),      s.hub->board.devices(), s.devices->visitors(), s.front->connections(),
          s.hub->board.budget().used(), counted.frames_up,      counted.frames_down,   counted.gaps,
          counted.over_credit,          counted.moved,          counted.out_of_memory};
}

void Relay::administer(std::vector<std::string> words, std::string password, std::function<void(std::string)> done) {
  auto& s = *state_;
  if (words == std::vector<std::string>{"status"}) {
    const auto now = status();
    const auto text = [](std::uint64_t number) { return std::to_string(number); };
    AdminAnswer answer{true, {}, {"what", "now"}, {}, {}};
    answer.rows = {{"gateways", text(now.gateways)},           {"devices", text(now.devices)},
                   {"visitors", text(now.visitors)},           {"requests", text(now.requests)},
                   {"queued octets", text(now.queued_octets)}, {"frames up", text(now.frames_up)},
                   {"frames down", text(now.frames_down)},     {"gaps", text(now.gaps)},
                   {"over credit", text(now.over_credit)},     {"moved", text(now.moved)},
                   {"out of memory", text(now.out_of_memory)}};
    return done(to_json(answer));
  }
  AdminRequest request{std::move(words), std::move(password), s.hub->random(16), {},
                       "administrator",  s.hub->unix_now()};
  request.cost = {static_cast<std::uint32_t>(s.settings.argon2_memory / 1024), s.settings.argon2_passes};
  const bool taken = s.hub->desk.ask(
      [request = std::move(request)](Accounts& accounts) { return relay::administer(accounts, request); },
      [&s, done](AdminAnswer answer) {
        for (const auto& effect : answer.effects) s.apply(effect);
        done(to_json(answer));
      });
  if (!taken) done(to_json({false, "the relay is busy; try again shortly", {}, {}, {}}));
}

void Relay::State::apply(const Effect& effect) {
  const wire::Refused why{effect.code, effect.text, effect.code == Code::unavailable ? 1000U : 0U};
  switch (effect.what) {
    case Effect::What::licence_out:
      hub->board.end_licence(effect.licence, why);
      gateways->end_licence(effect.licence, why);
      break;
    case Effect::What::user_out:
      hub->board.end_user(effect.user, why);
      break;
    case Effect::What::user_changed:
      break;
    case Effect::What::device_out:
      hub->board.end_device(effect.user, effect.device, why);
      break;
  }
  for (const auto& guid : effect.gateways) gateways->refresh(guid);
}

}  // namespace tidegate::relay
