// SPDX-License-Identifier: Apache-2.0
// Devices that pair, open what comes, count it and acknowledge it, with no disk: the sink of mock-throughput.
// Everything up to the opened message is what tidegate-device does (device/dialogue, device/relay_connection).
//   device_load RELAY_URL CA_FILE
// Lines on standard input:  pair USER CODE PASSWORD   → "paired N" when that device has its first session
//                           count                     → "count ITEMS MICROSECONDS OPEN"; OPEN: devices in a session
// Ends with its standard input.
#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "core/sim/real_world.hpp"
#include "core/tls/network.hpp"
#include "device/dialogue.hpp"
#include "device/relay_connection.hpp"

namespace {

using namespace tidegate;
using namespace std::chrono_literals;

constexpr auto alive_every = 2min;
constexpr auto again_after = 500ms;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

struct Tally {
  std::uint64_t items = 0;
  std::size_t paired = 0, open = 0;
  bool failed = false;
  void fail(std::string_view user, const Fault& why) {
    fmt::print(stderr, "device_load: {}: {} {}\n", user, why.text, why.cause);
    failed = true;
  }
};

class Sink final : public device::ConnectionEvents {
 public:
  Sink(sim::World& world, const sim::Endpoint& relay, Tally& tally, std::string user, device::PairingIntent intent);
  void connect();

 private:
  void connected() override;
  void came(wire::Frame) override;
  void heard_after(std::chrono::milliseconds) override {}
  void lost(Fault) override;
  void act(device::Actions);
  void heard(e2e::ToDevice&);
  void later(std::chrono::milliseconds = again_after);
  void alive();
  void opened(bool);

  sim::World& world_;
  const sim::Endpoint& relay_;
  Tally& tally_;
  std::string user_;
  std::optional<device::PairingIntent> intent_;
  device::Identity identity_;
  Bytes guid_, gateway_key_, previous_, hash_;
  std::vector<e2e::Position> positions_;
  std::unique_ptr<device::RelayConnection> connection_;
  std::optional<device::Dialogue> dialogue_;
  std::unique_ptr<Timer> again_, alive_;
  bool open_ = false, counted_ = false;
};

Sink::Sink(sim::World& world, const sim::Endpoint& relay, Tally& tally, std::string user, device::PairingIntent intent)
    : world_(world), relay_(relay), tally_(tally), user_(std::move(user)), intent_(std::move(intent)) {
  const e2e::Random random = [&world](std::span<std::byte> into) { world.reactor().random(into); };
  identity_ = {Bytes(16, '\0'), e2e::make_ed25519(random), e2e::make_x25519(random)};
  random(std::as_writable_bytes(std::span(identity_.device_id)));
}

void Sink::connect() {
  again_.reset();
  dialogue_.reset();
  connection_ = std::make_unique<device::RelayConnection>(world_, relay_, *this);
}

void Sink::connected() {
  device::Dialogue::Config config;
  config.identity = &identity_;
  config.relay_host = relay_.host;
  config.user = user_;
  config.guid = guid_;
  config.gateway_key = gateway_key_;
  config.pairing = intent_;
  config.channel_binding = connection_->channel_binding();
  config.random = [this](std::span<std::byte> into) { world_.reactor().random(into); };
  config.hello = [this] {
    return e2e::Hello{.device = "device_load",
                      .previous = previous_,
                      .positions = positions_,
                      .settings = {},
                      .compressions = {e2e::Compression::deflate, e2e::Compression::none}};
  };
  dialogue_.emplace(std::move(config));
}

void Sink::came(wire::Frame frame) {
  if (dialogue_) act(dialogue_->receive(std::move(frame)));
}

void Sink::act(device::Actions actions) {
  for (auto& action : actions) {
    if (!dialogue_) return;
    if (auto* send = std::get_if<device::SendFrame>(&action)) connection_->send(send->frame);
    if (std::holds_alternative<device::StorePending>(action)) act(dialogue_->stored());
    if (auto* done = std::get_if<device::PairingComplete>(&action)) {
      guid_ = std::move(done->guid);
      gateway_key_ = std::move(done->gateway_key);
      intent_.reset();
      return later(0ms);
    }
    if (auto* open = std::get_if<device::SessionOpen>(&action)) hash_ = std::move(open->hash);
    if (auto* message = std::get_if<device::Heard>(&action)) heard(message->message);
    if (auto* end = std::get_if<device::EndConnection>(&action)) {
      if (end->hopeless) return tally_.fail(user_, end->why);
      return later();
    }
    if (std::holds_alternative<device::GatewayAway>(action)) opened(false);
  }
}

void Sink::heard(e2e::ToDevice& message) {
  if (auto* ack = std::get_if<e2e::HelloAck>(&message)) {
    previous_ = hash_;
    for (const auto& view : ack->views)
      if (std::ranges::find(positions_, view.view, &e2e::Position::view) == positions_.end())
        positions_.push_back(view.start);
    opened(true);
    if (!std::exchange(counted_, true)) say(fmt::format("paired {}", ++tally_.paired));
  }
  if (auto* item = std::get_if<e2e::Item>(&message)) {
    if (auto octets = e2e::unpack(std::move(item->first)); !octets) return tally_.fail(user_, octets.error());
    ++tally_.items;
  }
  if (auto* mark = std::get_if<e2e::Mark>(&message)) {
    for (auto& position : positions_)
      if (position.view == mark->position.view) position = mark->position;
    act(dialogue_->say(e2e::Ack{mark->position}));
  }
}

void Sink::opened(bool open) {
  tally_.open += open && !open_ ? 1U : 0U;
  tally_.open -= !open && open_ ? 1U : 0U;
  open_ = open;
  alive_ = open ? world_.reactor().after(alive_every, [this] { alive(); }) : nullptr;
}

void Sink::alive() {
  alive_ = world_.reactor().after(alive_every, [this] { alive(); });
  if (dialogue_) act(dialogue_->say(e2e::Alive{}));
}

void Sink::lost(Fault) { later(); }

/// Comes again; not from within the connection's own event.
void Sink::later(std::chrono::milliseconds pause) {
  opened(false);
  dialogue_.reset();
  again_ = world_.reactor().after(pause, [this] { connect(); });
}

class Load {
 public:
  Load(sim::RealWorld& world, sim::Endpoint relay) : world_(world), relay_(std::move(relay)) { listen(); }
  bool ended() const { return ended_ || tally_.failed; }
  bool failed() const { return tally_.failed; }

 private:
  void listen() {
    input_ = world_.reactor().wait(STDIN_FILENO, false, [this] { read(); });
  }

  void read() {
    char piece[4096];
    const auto size = ::read(STDIN_FILENO, piece, sizeof piece);
    if (size <= 0) {
      ended_ = true;
      return;
    }
    text_.append(piece, static_cast<std::size_t>(size));
    for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
      line(text_.substr(0, end));
      text_.erase(0, end + 1);
    }
    listen();
  }

  void line(const std::string& words) {
    std::istringstream in(words);
    std::string what, user, code, password;
    in >> what >> user >> code >> std::ws;
    std::getline(in, password);
    if (what == "count") {
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      return say(fmt::format("count {} {} {}", tally_.items,
                             std::chrono::duration_cast<std::chrono::microseconds>(now).count(), tally_.open));
    }
    auto parsed = e2e::parse_pairing_code(code);
    if (!parsed) return tally_.fail(user, parsed.error());
    devices_.push_back(std::make_unique<Sink>(world_, relay_, tally_, user,
                                              device::PairingIntent{std::move(*parsed), password, "device_load"}));
    devices_.back()->connect();
  }

  sim::RealWorld& world_;
  sim::Endpoint relay_;
  Tally tally_;
  std::vector<std::unique_ptr<Sink>> devices_;
  std::unique_ptr<FdWait> input_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    fmt::print(stderr, "usage: device_load RELAY_URL CA_FILE\n");
    return 2;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("load"));  // standard output is for whoever drives this
  auto relay = device::parse_relay(words[1]);
  if (!relay) return fmt::print(stderr, "device_load: {}\n", relay.error().text), 2;
  relay->ca_file = words[2];
  const auto world = tls::real_world();
  Load load(*world, *relay);
  world->run_until([&] { return load.ended(); }, std::chrono::hours(2));
  return load.failed() ? 1 : 0;
}
