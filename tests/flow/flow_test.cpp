// SPDX-License-Identifier: Apache-2.0
// Gateway, relay, two devices and a scripted store in one thread on virtual time from a seed, with losses and crashes.
// Whatever happens: in the end each device holds exactly what the store holds, nothing twice, nothing missing.
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/gateway/gateway.hpp"
#include "core/sim/virtual_world.hpp"
#include "device/device.hpp"
#include "device/policy.hpp"
#include "relay/relay.hpp"
#include "tests/flow/scripted_store.hpp"

namespace tidegate::flow {
namespace {

using namespace std::chrono_literals;
constexpr auto user = "alice@example.com";

/// A device's machine, its program, and what it said.
class DeviceHost final : public device::Events {
 public:
  DeviceHost(sim::VirtualWorld& world, const std::string& name) : host_(world.host(name)) {}
  void start() {
    running_ =
        std::make_unique<device::Device>(host_, device::Settings{.state = "/state", .ca_file = "/ca.pem"}, *this);
    running_->run();
  }
  void pair(const std::string& code, const std::string& password, bool& done, wire::Suite suite) {
    running_ =
        std::make_unique<device::Device>(host_, device::Settings{.state = "/state", .ca_file = "/ca.pem"}, *this);
    running_->pair({.relay = "https://relay", .user = user, .password = password, .code = code, .suite = suite},
                   [&done](Result<device::Pairing> paired) {
                     EXPECT_TRUE(paired) << (paired ? "" : paired.error().text);
                     done = true;
                   });
  }
  void kill() {
    host_.kill([this] { running_.reset(); });
    start();
  }
  void power_cut() {
    host_.power_cut([this] { running_.reset(); });
    start();
  }
  void event(const device::Event& event) override {
    if (std::getenv("TIDEGATE_FLOW_LOG")) {
      if (const auto* lost = std::get_if<device::NotCurrent>(&event))
        std::fprintf(stderr, "device not current: %s\n", lost->why.text.c_str());
      if (const auto* trouble = std::get_if<device::DiskTrouble>(&event))
        std::fprintf(stderr, "device disk: %s\n", trouble->why.text.c_str());
      if (std::get_if<device::Current>(&event)) std::fprintf(stderr, "device current\n");
    }
    if (const auto* stopped = std::get_if<device::Stopped>(&event)) stopped_ = stopped->why.text;
    if (const auto* arrival = std::get_if<device::Arrival>(&event)) ++arrivals_[arrival->gid];
  }
  /// A person says what the device is to want; it hears of that in its next life.
  void wish(const device::PolicyChange& change) {
    host_.kill([this] { running_.reset(); });
    {
      device::Index index("/state/device.db", host_.sqlite_vfs());
      const auto done = device::change_policy(index, change);
      EXPECT_TRUE(done) << (done ? "" : done.error().text);
    }
    start();
  }
  std::multiset<Bytes> contents() const {
    std::multiset<Bytes> all;
    collect("/state/mail", all);
    return all;
  }
  const std::string& stopped() const { return stopped_; }
  void leave() { running_.reset(); }

 private:
  void collect(const std::string& folder, std::multiset<Bytes>& all) const {
    auto names = host_.files().list(folder);
    if (!names) return;
    for (const auto& each : *names) {
      auto path = folder + "/" + each.name;
      if (each.directory && each.name != "tmp")
        collect(path, all);
      else if (!each.directory && (folder.ends_with("/cur") || folder.ends_with("/new")))
        all.insert(host_.files().read(path).value_or("unreadable"));
    }
  }
  sim::VirtualHost& host_;
  std::unique_ptr<device::Device> running_;
  std::string stopped_;
  std::map<e2e::Gid, int> arrivals_;
};

class Flow {
 public:
  explicit Flow(std::uint64_t seed, wire::Suite tablet_suite = wire::Suite::noise_1)
      : world_(seed), phone_(world_, "phone"), tablet_(world_, "tablet"), tablet_suite_(tablet_suite) {}
  ~Flow() {
    phone_.leave();
    tablet_.leave();
    gateway_.reset();
    plugins_.reset();
    relay_.reset();
  }

  void set_up() {
    start_relay();
    bool done = false;
    relay_->administer({"licence", "add", "demo", "--seats", "5"}, "licence password", [&](const std::string& answer) {
      EXPECT_EQ(answer.find("fault"), std::string::npos) << answer;
      done = true;
    });
    wait(done, "licence");
    start_gateway();
    done = false;
    gateway_->register_at_relay("demo", "licence password", [&](Result<wire::Registered> registered) {
      EXPECT_TRUE(registered) << (registered ? "" : registered.error().text);
      done = true;
    });
    wait(done, "registration");
    ASSERT_TRUE(world_.run_until([&] { return gateway_->link_status().state == link::LinkState::open; }, 60s));
    done = false;
    gateway_->add_user(user, "account password", [&](Result<gateway::Gateway::Added> added) {
      EXPECT_TRUE(added) << (added ? "" : added.error().text);
      done = true;
    });
    wait(done, "user");
    pair(phone_, wire::Suite::noise_1);
    pair(tablet_, tablet_suite_);
  }
  void pair(DeviceHost& device, wire::Suite suite) {
    bool done = false;
    std::string code;
    if (suite == wire::Suite::noise_1)
      gateway_->pair(user, [&](Result<gateway::Gateway::Code> made) {
        ASSERT_TRUE(made);
        code = made->text;
        done = true;
      });
    else
      gateway_->admit(user, suite, 24h, [&](Result<gateway::Gateway::Admitted> made) {
        ASSERT_TRUE(made) << made.error().text;
        for (const unsigned char octet : made->device_id) code += fmt::format("{:02x}", octet);
        done = true;
      });
    wait(done, "code");
    done = false;
    device.pair(code, "account password", done, suite);
    wait(done, "pairing");
    device.start();
  }
  void wait(bool& done, const char* what) {
    ASSERT_TRUE(world_.run_until([&] { return done; }, 120s)) << what;
  }
  void start_relay() {
    relay::Settings settings;
    settings.listen = "0.0.0.0:443";
    settings.public_url = "https://relay";
    settings.certificate = "/relay.pem";
    settings.key = "/relay.key";
    settings.state = "/relay";
    settings.argon2_memory = std::uint64_t{64} << 10;
    settings.argon2_passes = 1;
    relay_ = std::make_unique<relay::Relay>(world_.host("relay"), settings);
    auto started = relay_->start();
    ASSERT_TRUE(started) << started.error().text;
  }
  void start_gateway() {
    auto ini = config::parse_ini("flow.ini",
                                 "[gateway]\nrelay = https://relay\nstate = /gateway\npairing = admin\nname = flow\n"
                                 "suite_vmes_1 = yes\nsuite_none = yes\n"
                                 "[link]\nca_file = /ca.pem\n"
                                 "[backend:store]\nplugin = scripted\nsweep = 1m\n"
                                 "[site:all]\nusers = *\nmail = store\n");
    ASSERT_TRUE(ini) << ini.error().text;
    auto config = gateway::read_config(*ini);
    ASSERT_TRUE(config) << config.error().text;
    plugins_ = std::make_unique<plugin::Plugins>("/nowhere");
    plugins_->add("scripted", "1", store.plugin());
    auto made = gateway::Gateway::make(world_.host("gateway"), std::move(*config), *plugins_,
                                       [](int level, const std::string& line) {
                                         if (std::getenv("TIDEGATE_FLOW_LOG"))
                                           std::fprintf(stderr, "gateway %d %s\n", level, line.c_str());
                                       });
    ASSERT_TRUE(made) << made.error().text;
    gateway_ = std::move(*made);
    gateway_->start();
  }
  void end_gateway(bool power) {
    auto drop = [this] {
      gateway_.reset();
      plugins_.reset();
    };
    if (power)
      world_.host("gateway").power_cut(drop);
    else
      world_.host("gateway").kill(drop);
    start_gateway();
  }
  void end_relay() {
    world_.host("relay").kill([this] { relay_.reset(); });
    start_relay();
  }

  Bytes message() {
    auto number = std::to_string(++number_);
    Bytes text = "From: a@example.com\r\nSubject: " + number + "\r\nMessage-ID: <" + number + "@flow>\r\n\r\n";
    auto size = world_.random() % 20 == 0 ? 400'000 : world_.random() % 5000;
    while (text.size() < size) text += "line " + std::to_string(world_.random()) + "\r\n";
    return text;
  }
  void change() {
    auto& folders = store.folders();
    auto folder = world_.random() % 4 == 0 ? std::string("Archive") : std::string("INBOX");
    auto found = folders.find(folder);
    auto dice = world_.random() % 100;
    if (dice < 60 || found == folders.end() || found->second.empty()) {
      auto content = message();
      return store.add(folder, std::move(content), 1'700'000'000 + static_cast<std::int64_t>(number_));
    }
    auto item = std::next(found->second.begin(), static_cast<std::ptrdiff_t>(world_.random() % found->second.size()));
    if (dice < 80) return store.set_flags(folder, item->first, static_cast<std::uint32_t>(world_.random() % 8));
    if (dice < 98) return store.remove(folder, item->first);
    store.renumber(folder);
  }
  void trouble() {
    // TIDEGATE_FLOW_TROUBLE=N: only trouble number N, to find out which one it was.
    const char* only = std::getenv("TIDEGATE_FLOW_TROUBLE");
    switch (only ? std::strtoull(only, nullptr, 10) : world_.random() % 10) {
      case 0:
        return end_gateway(false);
      case 1:
        return end_gateway(true);
      case 2:
        return end_relay();
      case 3:
        return phone_.kill();
      case 4:
        return tablet_.power_cut();
      case 5:
        return world_.cut("gateway", "relay");
      case 6:
        return world_.blackhole("phone", "relay");
      case 7:
        return world_.heal("gateway", "relay");
      case 8:
        return world_.heal("phone", "relay");
      default:
        return store.fail_next(world_.random() % 2 == 0 ? FaultKind::unavailable : FaultKind::throttled, 3);
    }
  }
  void calm() {
    world_.heal("gateway", "relay");
    world_.heal("phone", "relay");
    world_.lose_connections(0);
  }
  bool settles(std::chrono::seconds limit) {
    return world_.run_until(
        [this, count = 0U]() mutable {
          if (++count % 512 != 0) return false;  // reading both disks is the dearest thing here
          auto wanted = store.contents();
          return phone_.contents() == wanted && tablet_.contents() == wanted;
        },
        limit);
  }
  std::string difference() const {
    std::string text;
    auto wanted = store.contents();
    for (const auto* device : {&phone_, &tablet_}) {
      auto has = device->contents();
      std::multiset<Bytes> missing, extra;
      std::ranges::set_difference(wanted, has, std::inserter(missing, missing.end()));
      std::ranges::set_difference(has, wanted, std::inserter(extra, extra.end()));
      text += "missing " + std::to_string(missing.size()) + ", too many " + std::to_string(extra.size()) +
              ", stopped: " + device->stopped() + "\n";
    }
    text += std::to_string(gateway_->directory().users().size()) + " users known, " +
            std::to_string(gateway_->accounts().users().size()) + " served\n";
    for (const auto& [name, items] : store.folders()) {
      std::size_t lacking = 0;
      auto has = phone_.contents();
      for (const auto& [id, item] : items) lacking += has.contains(item.content) ? 0 : 1;
      text +=
          "the phone lacks " + std::to_string(lacking) + " of " + std::to_string(items.size()) + " in " + name + "\n";
    }
    for (const auto& session : gateway_->sessions())
      text += std::string("session ") + (session.streaming ? "streaming" : "not streaming") +
              (session.current ? ", current\n" : ", not current\n");
    for (const auto& health : gateway_->accounts().health(user))
      text += health.backend + " proven " + std::to_string(health.proven_unix) + ", unreachable since " +
              std::to_string(health.unreachable_since) + ": " + health.fault + "\n";
    for (const auto& alarm : gateway_->alarms()) text += "alarm: " + alarm.text + "\n";
    return text;
  }

  ScriptedStore store;
  sim::VirtualWorld world_;
  DeviceHost phone_, tablet_;

 private:
  std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<plugin::Plugins> plugins_;
  std::unique_ptr<gateway::Gateway> gateway_;
  wire::Suite tablet_suite_;
  unsigned number_ = 0;
};

std::uint64_t first_seed() {
  const char* given = std::getenv("TIDEGATE_SEED");
  return given ? std::strtoull(given, nullptr, 10) : 1;
}

TEST(FlowTest, WhatIsThereAndWhatComesIsOnBothDevices) {
  Flow flow(first_seed());
  for (unsigned n = 0; n < 50; ++n) flow.change();
  flow.set_up();
  ASSERT_FALSE(testing::Test::HasFatalFailure());
  ASSERT_TRUE(flow.settles(10min)) << flow.difference();
  for (unsigned n = 0; n < 50; ++n) {
    flow.change();
    flow.world_.run_for(200ms);
  }
  ASSERT_TRUE(flow.settles(10min)) << flow.difference();
}

// Bad input, "clock a day off": gateway and devices disagree by two days with each other and by one with the relay.
TEST(FlowTest, ClocksADayOffHarmNothing) {
  Flow flow(first_seed());
  flow.world_.skew_wall("gateway", 24h);
  flow.world_.skew_wall("phone", -24h);
  flow.set_up();
  ASSERT_FALSE(testing::Test::HasFatalFailure());
  for (unsigned n = 0; n < 10; ++n) flow.change();
  ASSERT_TRUE(flow.settles(10min)) << flow.difference();
}

class FlowSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FlowSeeds, LossesAndCrashesLeaveBothDevicesEqualToTheStore) {
  Flow flow(first_seed() * 1000 + GetParam());
  for (unsigned n = 0; n < 20; ++n) flow.change();
  flow.set_up();
  ASSERT_FALSE(testing::Test::HasFatalFailure());
  flow.world_.lose_connections(0.0005);
  for (unsigned n = 0; n < 120; ++n) {
    flow.change();
    flow.world_.run_for(std::chrono::milliseconds(flow.world_.random() % 3000));
    if (n % 6 == 5) flow.trouble();
  }
  flow.calm();
  ASSERT_TRUE(flow.settles(2h)) << flow.difference();
}

/// The tablet wants one folder, or mails of some days, and every now and then something else.
class Wishes {
 public:
  explicit Wishes(Flow& flow) : flow_(flow) {}
  void change() {
    const std::string folder = roll(2) == 0 ? "INBOX" : "Archive", other = folder == "INBOX" ? "Archive" : "INBOX";
    const auto found = flow_.store.folders().find(folder);
    if (roll(100) < 50 || found == flow_.store.folders().end() || found->second.empty()) {
      const auto at = today() + 3600 - static_cast<std::int64_t>(roll(12)) * day;
      return flow_.store.add(folder, flow_.message(), at);
    }
    const auto id = std::next(found->second.begin(), static_cast<std::ptrdiff_t>(roll(found->second.size())))->first;
    switch (roll(3)) {
      case 0:
        return flow_.store.set_flags(folder, id, static_cast<std::uint32_t>(roll(8)));
      case 1:
        return flow_.store.remove(folder, id);
      default:
        return flow_.store.move(folder, id, other);
    }
  }
  void wish() {
    only_ = roll(3) == 0 ? "" : roll(2) == 0 ? "INBOX" : "Archive";
    days_ = roll(3) == 0 ? 0 : 1 + static_cast<std::int64_t>(roll(10));
    device::PolicyChange policy;
    policy.all_folders = only_.empty();
    policy.days = days_ == 0 ? "all" : std::to_string(days_);
    if (!only_.empty()) policy.only = {only_};
    flow_.tablet_.wish(policy);
  }
  std::multiset<Bytes> wanted() const {
    std::multiset<Bytes> all;
    for (const auto& [folder, items] : flow_.store.folders())
      for (const auto& [id, item] : items)
        if ((only_.empty() || only_ == folder) && (days_ == 0 || item.received >= today() - days_ * day))
          all.insert(item.content);
    return all;
  }
  bool settle(std::chrono::seconds limit) {
    return flow_.world_.run_until(
        [this, count = 0U]() mutable {
          return ++count % 512 == 0 && flow_.phone_.contents() == flow_.store.contents() &&
                 flow_.tablet_.contents() == wanted();
        },
        limit);
  }
  std::string difference() const {
    return fmt::format("the tablet has {} of {} (wants \"{}\", {} days)\n", flow_.tablet_.contents().size(),
                       wanted().size(), only_, days_) +
           flow_.difference();
  }
  std::uint64_t roll(std::uint64_t below) { return flow_.world_.random() % below; }

 private:
  static constexpr std::int64_t day = 86'400;
  std::int64_t today() const {
    const auto wall = flow_.world_.host("gateway").reactor().wall().time_since_epoch();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(wall).count();
    return now - now % day;
  }
  Flow& flow_;
  std::string only_;
  std::int64_t days_ = 0;
};

TEST_P(FlowSeeds, ADeviceHasExactlyWhatItWantsThroughMovesLossesAndCrashes) {
  Flow flow(first_seed() * 1000 + 500 + GetParam());
  Wishes wishes(flow);
  for (unsigned n = 0; n < 30; ++n) wishes.change();
  flow.set_up();
  ASSERT_FALSE(testing::Test::HasFatalFailure());
  ASSERT_TRUE(flow.settles(10min)) << flow.difference();
  flow.world_.lose_connections(0.0005);
  for (unsigned n = 0; n < 120; ++n) {
    wishes.change();
    flow.world_.run_for(std::chrono::milliseconds(wishes.roll(3000)));
    if (n % 9 == 8) wishes.wish();
    if (n % 6 == 5) flow.trouble();
  }
  flow.calm();
  ASSERT_TRUE(wishes.settle(2h)) << wishes.difference();
}

INSTANTIATE_TEST_SUITE_P(Seeds, FlowSeeds, testing::Range<std::uint64_t>(1, 9));

class FlowSuites : public testing::TestWithParam<std::tuple<wire::Suite, std::uint64_t>> {};

TEST_P(FlowSuites, ATerminalOfAnotherSuiteFaresAsAnyDevice) {
  const auto [suite, seed] = GetParam();
  Flow flow(first_seed() * 1000 + seed, suite);
  for (unsigned n = 0; n < 20; ++n) flow.change();
  flow.set_up();
  ASSERT_FALSE(testing::Test::HasFatalFailure());
  flow.world_.lose_connections(0.0005);
  for (unsigned n = 0; n < 60; ++n) {
    flow.change();
    flow.world_.run_for(std::chrono::milliseconds(flow.world_.random() % 3000));
    if (n % 6 == 5) flow.trouble();
  }
  flow.calm();
  ASSERT_TRUE(flow.settles(2h)) << flow.difference();
}

INSTANTIATE_TEST_SUITE_P(Suites, FlowSuites,
                         testing::Combine(testing::Values(wire::Suite::vmes_1, wire::Suite::none),
                                          testing::Range<std::uint64_t>(1, 4)));

TEST(FlowTest, SameSeedSameRun) {
  auto run = [] {
    Flow flow(77);
    for (unsigned n = 0; n < 10; ++n) flow.change();
    flow.set_up();
    flow.world_.run_for(30s);
    return flow.world_.trace();
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace tidegate::flow
