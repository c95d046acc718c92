// SPDX-License-Identifier: Apache-2.0
// A gateway with many users and one device each, for relay-density. Everything the relay sees is real: registration,
// the signed opening, UserAdd, PairingOpen, Enrol, DeviceBind; then each device connects again, logs in, opens a
// session, sends 300 octets and gets 1 KiB, and stays silent. Only what is sealed is made up: the relay cannot tell.
//   relay_load RELAY_URL CA_FILE LICENCE PASSWORD
// Prints "open" when the gateway is. For each number on standard input it adds devices up to that many, and prints
// "idle N" when all are; ends with its standard input, after "alive N".
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "core/link/link.hpp"
#include "core/link/signing.hpp"
#include "core/sim/real_world.hpp"
#include "core/tls/network.hpp"
#include "device/identity.hpp"
#include "device/relay_connection.hpp"

namespace {

using namespace tidegate;

constexpr std::size_t at_once = 48;  // devices on their way; the relay lets 64 handshakes run
constexpr const char* password = "the password of every account";

Bytes random_octets(sim::World& world, std::size_t count) {
  Bytes out(count, '\0');
  world.reactor().random(std::as_writable_bytes(std::span(out)));
  return out;
}

class Load;

/// One user's only device: enrols, is bound, connects again, idles.
class Device final : public device::ConnectionEvents {
 public:
  Device(Load& load, std::size_t number);
  void enrol();
  void bound();  ///< the relay has bound the key: comes again with Login
  bool alive() const { return connection_ && idle_ && !over_; }

  const std::string user, handle;
  const Bytes id, seed, key;

 private:
  void connected() override {}
  void came(wire::Frame) override;
  void heard_after(std::chrono::milliseconds) override {}
  void lost(Fault) override;
  void prove(const wire::Challenge&);
  void send(wire::FrameType, Bytes body);

  Load& load_;
  std::unique_ptr<device::RelayConnection> connection_;
  std::unique_ptr<Timer> again_;
  int refused_ = 0;
  std::uint64_t number_ = 0;
  bool enrolled_ = false, idle_ = false, over_ = false;
};

/// The gateway and the order of things.
class Load final : link::LinkEvents {
 public:
  Load(sim::RealWorld& world, link::Settings settings, sim::Endpoint relay);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  virtual ~Load() = default;
  bool open(const std::string& licence, const std::string& secret);
  bool run(std::size_t devices);
  std::size_t alive() const {
    return static_cast<std::size_t>(std::ranges::count_if(devices_, [](const auto& each) { return each->alive(); }));
  }
  sim::RealWorld& world() { return world_; }
  const sim::Endpoint& relay() const { return relay_; }
  void idle();
  void fail(std::string_view why);

 private:
  wire::StartupReport opened(const wire::ActivateUsers&) override { return {}; }
  void users(const wire::ActivateUsers&) override {}
  void frame(wire::Frame&&) override;
  void answer(const wire::Answer&) override;
  void notice(const wire::Notice&) override {}
  void session_lost(wire::Code, std::string_view text) override { fail(text); }
  void credit(link::SessionKey, std::uint64_t, std::uint64_t) override {}
  void stopped(const Fault& why) override { fail(why.text); }

  using Then = std::move_only_function<void()>;
  void ask(wire::Control, Then);
  void next();
  void woke(const wire::Frame&);
  void send(const wire::Frame& to, wire::FrameType, Bytes body);

  sim::RealWorld& world_;
  link::Settings settings_;
  sim::Endpoint relay_;
  std::unique_ptr<link::Link> link_;
  std::map<std::uint64_t, Then> asked_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::map<std::string, Device*> by_user_;
  std::size_t begun_ = 0, idle_ = 0;
  bool failed_ = false;
};

// --- a device

std::string handle_of(std::size_t number) {
  constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string text(5, '0');
  for (std::size_t at = 5; at-- > 0; number /= 32) text[at] = digits[number % 32];
  return text;
}

Device::Device(Load& load, std::size_t number)
    : user(fmt::format("user{}@load.example", number)),
      handle(handle_of(number)),
      id(random_octets(load.world(), 16)),
      seed(random_octets(load.world(), 32)),
      key(link::ed25519_public(seed)),
      load_(load) {}

void Device::enrol() { connection_ = std::make_unique<device::RelayConnection>(load_.world(), load_.relay(), *this); }

void Device::bound() {
  enrolled_ = true;
  connection_ = std::make_unique<device::RelayConnection>(load_.world(), load_.relay(), *this);
}

void Device::prove(const wire::Challenge& challenge) {
  const auto host = load_.relay().host;
  const auto signature = link::ed25519_sign(
      seed, wire::device_signature_input(host, challenge.nonce, user, id, connection_->channel_binding()));
  if (!signature) return load_.fail(signature.error().text);
  if (enrolled_)
    return connection_->send(
        wire::to_frame(wire::Login{.user = user, .device_id = id, .relay_host = host, .signature = *signature}));
  connection_->send(wire::to_frame(wire::Enrol{.user = user,
                                               .password = password,
                                               .device_id = id,
                                               .device_key = key,
                                               .handle = handle,
                                               .relay_host = host,
                                               .signature = *signature}));
}

void Device::came(wire::Frame frame) {
  if (frame.target == wire::Target::device) {
    const auto type = static_cast<wire::FrameType>(frame.type);
    if (type == wire::FrameType::wake_up_ack) send(wire::FrameType::sealed, Bytes(300, 's'));
    if (type == wire::FrameType::sealed && !std::exchange(idle_, true)) load_.idle();
    if (type == wire::FrameType::close && idle_) load_.fail("the relay closed an idle session");
    return;
  }
  const auto control = wire::to_control(frame);
  if (!control) return load_.fail(control.error().text);
  if (const auto* challenge = std::get_if<wire::Challenge>(&*control)) return prove(*challenge);
  if (const auto* refused = std::get_if<wire::Refused>(&*control)) return load_.fail(refused->text);
  if (!std::holds_alternative<wire::Welcome>(*control)) return;
  number_ = 0;
  send(wire::FrameType::wake_up,
       wire::encode(wire::WakeUp{.user = user, .device_id = id, .handle = enrolled_ ? std::string() : handle}));
}

void Device::send(wire::FrameType type, Bytes body) {
  connection_->send({.target = wire::Target::device,
                     .generation = 1,
                     .type = static_cast<std::uint32_t>(type),
                     .number = ++number_,
                     .body = std::move(body)});
}

void Device::lost(Fault why) {
  // The relay paces newcomers; a device comes again.
  if (!idle_ && ++refused_ < 20) {
    again_ = load_.world().reactor().after(std::chrono::seconds(1), [this] { enrolled_ ? bound() : enrol(); });
    return;
  }
  over_ = true;
  load_.fail(user + ": " + why.text);
}

// --- the gateway

Load::Load(sim::RealWorld& world, link::Settings settings, sim::Endpoint relay)
    : world_(world), settings_(std::move(settings)), relay_(std::move(relay)) {}

bool Load::open(const std::string& licence, const std::string& secret) {
  store::Identity identity{.secret = random_octets(world_, 32)};
  identity.public_key = link::ed25519_public(identity.secret);
  identity.guid = link::sha256(identity.public_key).substr(0, 16);
  const auto registering =
      link::register_gateway(world_, settings_, identity, licence, secret, "load", [&](Result<wire::Registered> done) {
        if (!done) return fail(done.error().text);
        identity.license_id = done->license_id;
      });
  if (!world_.run_until([&] { return failed_ || !identity.license_id.empty(); }, std::chrono::seconds(60)))
    fail("no answer to the registration");
  if (failed_) return false;
  auto made = link::Link::make(world_, settings_, identity, {.counter = 1, .random = 1}, *this);
  if (!made) return fail(made.error().text), false;
  link_ = std::move(*made);
  if (auto started = link_->start(); !started) return fail(started.error().text), false;
  return world_.run_until([&] { return failed_ || link_->ready(); }, std::chrono::seconds(60)) && !failed_;
}

bool Load::run(std::size_t devices) {
  for (auto n = devices_.size(); n < devices; ++n) {
    devices_.push_back(std::make_unique<Device>(*this, n));
    by_user_[devices_.back()->user] = devices_.back().get();
  }
  for (std::size_t n = 0; n < at_once; ++n) next();
  return world_.run_until([&] { return failed_ || idle_ == devices; }, std::chrono::minutes(20)) && !failed_;
}

void Load::next() {
  if (begun_ == devices_.size()) return;
  auto& device = *devices_[begun_++];
  ask(wire::UserAdd{.user = device.user, .password = password}, [this, &device] {
    const auto now = world_.reactor().wall().time_since_epoch();
    const auto expires = std::chrono::duration_cast<std::chrono::seconds>(now).count() + 3600;
    ask(
        wire::PairingOpen{
            .user = device.user, .handle = device.handle, .expires_unix = static_cast<std::uint64_t>(expires)},
        [&device] { device.enrol(); });
  });
}

void Load::ask(wire::Control control, Then then) {
  const auto number = link_->request(std::move(control));
  if (!number) return fail(number.error().text);
  asked_.emplace(*number, std::move(then));
}

void Load::answer(const wire::Answer& answer) {
  const auto found = asked_.find(answer.request);
  if (found == asked_.end()) return;
  if (answer.code != wire::Code::ok) return fail(answer.text);
  auto then = std::move(found->second);
  asked_.erase(found);
  then();
}

void Load::frame(wire::Frame&& in) {
  const auto type = static_cast<wire::FrameType>(in.type);
  if (type == wire::FrameType::close) return;
  link_->consumed(link::key_of(in), wire::credit_cost(in));
  if (type == wire::FrameType::wake_up) woke(in);
  if (type == wire::FrameType::sealed) send(in, wire::FrameType::sealed, Bytes(1024, 'm'));
}

void Load::woke(const wire::Frame& in) {
  const auto wake_up = wire::decode_wake_up(in.body);
  const auto found = wake_up ? by_user_.find(wake_up->user) : by_user_.end();
  if (found == by_user_.end()) return fail("a wake-up of nobody");
  auto& device = *found->second;
  if (wake_up->handle.empty())
    return send(in, wire::FrameType::wake_up_ack, wire::encode(wire::WakeUpAck{.guid = Bytes(16, 'g')}));
  ask(wire::DeviceBind{.session = in.id, .user = device.user, .device_id = device.id, .device_key = device.key},
      [&device] { device.bound(); });
}

void Load::send(const wire::Frame& to, wire::FrameType type, Bytes body) {
  const auto sent = link_->send({.target = wire::Target::device,
                                 .id = to.id,
                                 .generation = to.generation,
                                 .type = static_cast<std::uint32_t>(type),
                                 .body = std::move(body)});
  if (!sent) fail(sent.error().text);
}

void Load::idle() {
  ++idle_;
  next();
}

void Load::fail(std::string_view why) {
  if (!std::exchange(failed_, true)) fmt::print(stderr, "relay_load: {}\n", why);
}

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// The next number on standard input; nullopt: it ended.
std::optional<std::size_t> asked_for(sim::RealWorld& world) {
  bool told = false;
  const auto waiting = world.reactor().wait(STDIN_FILENO, false, [&] { told = true; });
  if (!world.run_until([&] { return told; }, std::chrono::hours(1))) return std::nullopt;
  char line[64] = {};
  if (::read(STDIN_FILENO, line, sizeof line - 1) <= 0) return std::nullopt;
  return std::strtoull(line, nullptr, 10);
}

}  // namespace

int main(int count, char** words) {
  if (count != 5) {
    fmt::print(stderr, "usage: relay_load RELAY_URL CA_FILE LICENCE PASSWORD\n");
    return 2;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("load"));  // standard output is for whoever drives this
  auto relay = device::parse_relay(words[1]);
  if (!relay) return fmt::print(stderr, "relay_load: {}\n", relay.error().text), 2;
  relay->ca_file = words[2];
  const auto world = tls::real_world();
  link::Settings settings{.relay = words[1], .ca_file = words[2]};
  Load load(*world, settings, *relay);
  if (!load.open(words[3], words[4])) return 1;
  say("open");
  while (const auto devices = asked_for(*world)) {
    if (!load.run(*devices)) return 1;
    say(fmt::format("idle {}", load.alive()));
  }
  say(fmt::format("alive {}", load.alive()));
  return 0;
}
