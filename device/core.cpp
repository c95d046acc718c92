// SPDX-License-Identifier: Apache-2.0
// Device's life: opening the disk, connecting, trying again, stopping.
#include "device/core.hpp"

#include "device/policy.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

constexpr auto tick_every = 15s;
constexpr auto opening_limit = 60s;    // from the connection to the sealed session
constexpr auto alive_every = 4min;     // design: end to end, alive
constexpr auto silence_limit = 8min;   // twice that
constexpr auto session_limit = 24h;    // then a new handshake
constexpr auto relay_tolerance = 30s;  // beyond what the relay promised
constexpr std::size_t disk_queue = 64;
constexpr std::chrono::milliseconds login_pause = 5min, login_pause_most = 60min;  // as the gateway's

}  // namespace

Device::Device(sim::World& world, Settings settings, Events& events)
    : core_(std::make_unique<Core>(world, std::move(settings), events)) {}
Device::~Device() { core_->orphan(); }
void Device::pair(PairRequest request, std::move_only_function<void(Result<Pairing>)> done) {
  core_->pair(std::move(request), std::move(done));
}
void Device::run() { core_->run(); }
void Device::stop(std::move_only_function<void()> done) { core_->stop(std::move(done)); }

Device::Core::Core(sim::World& world, Settings settings, Events& events)
    : world_(world), settings_(std::move(settings)), events_(&events), self_(std::make_shared<Core*>(this)) {
  pool_ = world_.pool("disk", 1, disk_queue);
  while (settings_.state.size() > 1 && settings_.state.ends_with('/')) settings_.state.pop_back();
}

Device::Core::~Core() {
  self_.reset();
  pool_.reset();  // the shelf is the pool's until here
}

Result<Device::Core::Loaded> Device::Core::load(Shelf& shelf) {
  Loaded loaded;
  auto account = load_account(shelf);
  if (!account) return std::unexpected(account.error());
  loaded.account = std::move(*account);
  const auto read = shelf.with_index([&](Index& index) {
    for (const auto& view : index.views())
      if (view.position) loaded.positions.push_back(*view.position);
    loaded.policy = read_policy(index);
  });
  if (!read) return std::unexpected(read.error());
  return loaded;
}

/// Called on the disk thread; tells on the reactor thread.
std::function<void(Arrival)> Device::Core::arrival_teller() {
  return [this, alive = std::weak_ptr(self_), &reactor = world_.reactor()](Arrival arrival) {
    reactor.post([this, alive, arrival = std::move(arrival)]() mutable {
      if (!alive.expired()) tell(std::move(arrival));
    });
  };
}

void Device::Core::run() {
  if (std::exchange(running_, true)) return;
  on_disk(
      [&world = world_, settings = settings_, teller = arrival_teller()](Shelf*) -> Result<Loaded> {
        auto identity = load_identity(world.files(), settings.state);
        if (!identity) return std::unexpected(identity.error());
        if (!*identity)
          return fault(FaultKind::not_found, settings.state,
                       "No device is paired in " + settings.state + ": run `tidegate-device pair` first.");
        auto places = chosen_places(world.files(), settings.state, settings.maildir, settings.vdir);
        if (!places) return std::unexpected(places.error());
        auto shelf = std::make_shared<Shelf>(world, std::move(*places), (*identity)->device_id, teller);
        if (auto fine = shelf->open(); !fine) return std::unexpected(fine.error());
        auto loaded = load(*shelf);
        if (!loaded) return std::unexpected(loaded.error());
        loaded->identity = std::move(*identity);
        loaded->shelf = std::move(shelf);
        return loaded;
      },
      [this](Result<Loaded> loaded) { opened(std::move(loaded)); });
}

void Device::Core::opened(Result<Loaded> loaded) {
  if (stopping_) return;
  if (!loaded) {
    const auto kind = loaded.error().kind;
    if (kind != FaultKind::quota && kind != FaultKind::unavailable) return stopped(loaded.error());
    last_error_ = loaded.error().text;
    tell(DiskTrouble{loaded.error()});
    running_ = false;
    disk_timer_ =
        world_.reactor().after(std::max<std::chrono::milliseconds>(disk_backoff_.next(0), 5s), [this] { run(); });
    return;
  }
  shelf_ = std::move(loaded->shelf);
  identity_ = std::move(loaded->identity);
  account_ = std::move(loaded->account);
  policy_ = std::move(loaded->policy);
  for (auto& position : loaded->positions) positions_[position.view] = std::move(position);
  if (account_.standing != Standing::paired)
    return stopped(Fault{FaultKind::not_found,
                         settings_.state,
                         account_.standing == Standing::pending
                             ? "The pairing was cut short: run `tidegate-device pair` again with the same code."
                             : "This device is not paired: run `tidegate-device pair` first.",
                         {},
                         {}});
  keep_way_out();
  start_watching();
  connect();
}

void Device::Core::keep_way_out() {
  const auto way_out = merged(account_.way_out, settings_.way_out);
  if (way_out == account_.way_out) return;
  account_.way_out = way_out;
  // Failing that, it holds for this run.
  on_disk([account = account_](Shelf* shelf) { return store_account(*shelf, account); }, [](const Result<void>&) {});
}

void Device::Core::connect() {
  retry_timer_.reset();
  auto endpoint = parse_relay(account_.relay);
  if (!endpoint) return pairing_ ? pairing_over(std::unexpected(endpoint.error())) : stopped(endpoint.error());
  endpoint->ca_file = settings_.ca_file.empty() ? account_.ca_file : settings_.ca_file;
  endpoint->route = route_of(account_.way_out, settings_.environment);
  disconnect();
  connection_ = std::make_unique<RelayConnection>(world_, *endpoint, *this);
}

/// Forgets the connection; not within its own event, so it dies by a post.
void Device::Core::disconnect() {
  dialogue_.reset();
  tick_timer_.reset();
  if (!connection_) return;
  connection_->finish();
  std::shared_ptr<RelayConnection> dying = std::move(connection_);
  world_.reactor().post([dying] {});
}

void Device::Core::connected() {
  logins_refused_ = 0;
  Dialogue::Config config;
  const auto endpoint = parse_relay(account_.relay);
  config.identity = &*identity_;
  config.relay_host = endpoint->host;
  config.user = account_.user;
  config.suite = account_.suite;
  if (pairing_) {
    config.pairing = *intent_;
  } else {
    config.guid = account_.guid;
    config.gateway_key = account_.gateway_key;
  }
  config.channel_binding = connection_->channel_binding();
  config.random = [&reactor = world_.reactor()](std::span<std::byte> into) { reactor.random(into); };
  config.hello = [this] { return hello(); };
  dialogue_.emplace(std::move(config));
  state_since_ = world_.reactor().now();
  tick_timer_ = world_.reactor().after(tick_every, [this] { tick(); });
}

void Device::Core::came(wire::Frame frame) {
  if (!dialogue_) return;
  const auto before = dialogue_->state();
  auto actions = dialogue_->receive(std::move(frame));
  if (dialogue_->state() != before) state_since_ = world_.reactor().now();
  act(std::move(actions));
  feed();  // credit may have come
}

void Device::Core::act(Actions actions) {
  for (auto& action : actions) act(action);
}

void Device::Core::act(Action& action) {
  if (!connection_) return;  // an action before it ended this connection
  if (auto* send = std::get_if<SendFrame>(&action)) return connection_->send(send->frame);
  if (auto* pending = std::get_if<StorePending>(&action)) return store_pending(pending->guid);
  if (auto* done = std::get_if<PairingComplete>(&action)) return complete(*done);
  if (auto* open = std::get_if<SessionOpen>(&action)) return session_open(open->hash);
  if (auto* message = std::get_if<Heard>(&action)) return heard(std::move(message->message));
  if (auto* away = std::get_if<GatewayAway>(&action)) {
    drop_session();
    backoff_.succeeded();
    current_ = false;
    last_error_ = reason(wire::Code::gateway_away, Doing::session, away->text).text;
    tell(GatewayMissing{last_error_});
    return write_status();
  }
  auto& end = std::get<EndConnection>(action);
  retry(std::move(end.why), end.hopeless);
}

void Device::Core::lost(Fault why) {
  if (connection_ && connection_->cut()) silence_.dropped(connection_->silence(), world_.reactor().now());
  // Only a proxy refuses a login here. One that is tried often locks the account.
  if (why.kind == FaultKind::auth)
    why.retry_after = std::min(login_pause * (1 << std::min(logins_refused_++, 4U)), login_pause_most);
  // A certificate that does not fit may be mended by an administrator; but somebody must hear of it now.
  retry(std::move(why), false);
}

void Device::Core::retry(Fault why, bool hopeless) {
  disconnect();
  drop_session();
  if (pairing_) return pairing_over(std::unexpected(std::move(why)));
  if (stopping_ || !running_) return;
  if (said_wiped_) return wiped();
  if (hopeless) return stopped(std::move(why));
  if (disk_bad_) return;  // try_disk() connects
  std::uint64_t dice = 0;
  world_.reactor().random(std::as_writable_bytes(std::span(&dice, 1)));
  const auto delay = backoff_.next(dice, why.retry_after);
  current_ = false;
  last_error_ = why.text;
  tell(NotCurrent{proven_unix_, std::move(why), delay});
  write_status();
  retry_timer_ = world_.reactor().after(delay, [this] { connect(); });
}

void Device::Core::stopped(Fault why) {
  running_ = false;
  current_ = false;
  disconnect();
  last_error_ = why.text;
  if (pairing_) return pairing_over(std::unexpected(std::move(why)));
  write_status();
  tell(Stopped{std::move(why)});
}

void Device::Core::tick() {
  tick_timer_ = world_.reactor().after(tick_every, [this] { tick(); });
  const auto now = world_.reactor().now();
  if (const auto within = dialogue_->alive_within(); within.count() > 0 && !connection_->paused()) {
    const auto silent = now - connection_->last_heard();
    if (silent > within + relay_tolerance) {
      silence_.dropped(connection_->silence(), now);
      return lost(Fault{FaultKind::unavailable,
                        account_.relay,
                        "Nothing was heard from the relay for too long: the connection is dead; connecting again.",
                        {},
                        {}});
    }
    // Before it has been silent for so long: the next look may come too late.
    if (silent + tick_every > std::min<std::chrono::milliseconds>(within / 2, silence_.now())) connection_->ping();
  }
  const auto state = dialogue_->state();
  const bool greeted = state == Dialogue::State::open && !heads_.empty();
  if (!greeted && state != Dialogue::State::away && now - state_since_ > opening_limit)
    return lost(Fault{FaultKind::unavailable,
                      account_.relay,
                      "The relay or the gateway did not finish its answer within a minute; connecting again.",
                      {},
                      {}});
  if (state != Dialogue::State::open) return;
  if (now - heard_at_ > silence_limit && !connection_->paused())
    return lost(Fault{FaultKind::unavailable,
                      "gateway",
                      "The gateway was silent for eight minutes: not current any more; connecting again.",
                      {},
                      {}});
  if (now - session_since_ > session_limit) {
    backoff_.succeeded();
    return lost(
        Fault{FaultKind::unavailable, "gateway", "A day has passed: connecting again with fresh keys.", {}, {}});
  }
  if (now - alive_said_ >= alive_every) say_alive();
}

void Device::Core::say_alive() {
  alive_said_ = world_.reactor().now();
  e2e::Alive alive;
  for (const auto& [view, position] : positions_) alive.heads.emplace_back(view, position.live);
  alive.proven_unix = unix_now();
  act(dialogue_->say(alive));
}

void Device::Core::stop(std::move_only_function<void()> done) {
  stopping_ = true;
  running_ = false;
  retry_timer_.reset();
  disk_timer_.reset();
  scan_timer_.reset();
  watch_.reset();
  if (dialogue_) act(dialogue_->leave());
  disconnect();
  drop_session();
  current_ = false;
  write_status();
  when_stopped_ = std::move(done);
  // Behind whatever the disk is doing.
  on_disk([](const Shelf*) { return 0; },
          [this](int) {
            if (when_stopped_) std::exchange(when_stopped_, {})();
          });
}

void Device::Core::tell(Event event) {
  if (events_ != nullptr) events_->event(event);
}

std::int64_t Device::Core::unix_now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
}

}  // namespace tidegate::device
