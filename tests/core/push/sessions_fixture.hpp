// SPDX-License-Identifier: Apache-2.0
// Sessions between fakes, with a device's end in the test's hand.
#pragma once
#include <gmock/gmock.h>

#include "core/push/quarantine.hpp"
#include "core/push/sessions.hpp"
#include "core/sim/virtual_world.hpp"
#include "tests/core/push/device_peer.hpp"
#include "tests/core/push/fakes.hpp"

namespace tidegate::push {

using namespace std::chrono_literals;
using fakes::DevicePeer;
using fakes::gid;
using fakes::octets;
using fakes::text;

inline const Gid inbox = gid(1000), archive = gid(1001);

class SessionsTest : public testing::Test {
 protected:
  SessionsTest() {
    directory.self.guid = Bytes(16, 'g');
    auto user_key = e2e::make_x25519(random());
    device.gateway = user_key.open;
    device.key = e2e::make_x25519(random());
    directory.known["alice@example.com"] = {
        .user = "alice@example.com",
        .site = "hq",
        .static_secret = Bytes(reinterpret_cast<const char*>(user_key.secret.octets().data()), 32),
        .static_public = text(user_key.open)};
    pair_by_hand(device);
    log.tree = {{.gid = archive, .backend = "b", .id = "A", .name = "Archive"},
                {.gid = inbox, .backend = "b", .id = "INBOX", .name = "INBOX", .role = Role::inbox}};
    make();
  }
  void make() {
    sessions.reset();
    commands = std::make_unique<journal::Commands>(journal::Wiring{
        .world = host,
        .log = log,
        .journal = journal,
        .accounts = accounts,
        .tell = [this](const std::string& user, tidegate::View id,
                       const e2e::CommandResult& result) { sessions->answer(user, id, result); },
        .broken = [this](const std::string& user, tidegate::View id,
                         const Fault& why) { sessions->broken(user, id, why.text); },
        .changed = [](store::ViewId, std::uint64_t, bool) {},
        .note = [this](int, const std::string& line) { notes.push_back(line); },
        .made = [this](const std::string& user, tidegate::View id, store::ViewId view, const Bytes& sha256,
                       std::uint64_t size) { sessions->made(user, id, view, sha256, size); }});
    quarantine = std::make_unique<Quarantine>(host, log, accounts, 1h, [this](store::ViewId view, std::uint64_t head) {
      sessions->changed(view, head, false);
    });
    sessions = std::make_unique<Sessions>(
        Wiring{.world = host,
               .log = log,
               .directory = directory,
               .accounts = accounts,
               .commands = *commands,
               .quarantine = *quarantine,
               .outlet = outlet,
               .settings = rules,
               .note = [this](int, const std::string& line) { notes.push_back(line); },
               .alarm = [this](const std::string&, const std::string& said) { alarms.push_back(said); },
               .paired = [this](const store::DeviceRow&) { ++paired; },
               .backup_version = [] { return 5; },
               .backup_heard = [this](std::uint64_t version) { backups_heard.push_back(version); },
               .set_back = [this] { return set_back; }});
    sessions->users({.whole = true, .users = {{.user = "alice@example.com"}}});
  }
  e2e::Random random() {
    return [this](std::span<std::byte> into) { host.reactor().random(into); };
  }
  void pair_by_hand(const fakes::DeviceKeys& keys) {
    directory.owned[{keys.user, keys.id}] = {.user = keys.user,
                                             .id = keys.id,
                                             .name = "phone",
                                             .state = store::DeviceState::active,
                                             .static_public = text(keys.key.open)};
  }
  void settle() { world.run_for(100ms); }
  /// The next frame out; the test fails if it isn't of that type.
  wire::Frame take(wire::FrameType type) {
    settle();
    if (outlet.out.empty()) {
      ADD_FAILURE() << "nothing came";
      return {};
    }
    auto frame = outlet.out.front();
    outlet.out.pop_front();
    EXPECT_EQ(frame.type, static_cast<std::uint32_t>(type));
    return frame;
  }
  wire::Closed take_closed() {
    auto closed = wire::decode_closed(take(wire::FrameType::close).body);
    return closed.value_or(wire::Closed{});
  }
  std::unique_ptr<DevicePeer> shake(std::uint64_t session, std::uint64_t generation = 1) {
    auto peer = std::make_unique<DevicePeer>(device, directory.self.guid, random(), session, generation);
    sessions->frame(peer->wake());
    sessions->frame(peer->kk(take(wire::FrameType::wake_up_ack).body));
    peer->kk_last(take(wire::FrameType::handshake).body);
    return peer;
  }
  std::unique_ptr<DevicePeer> connect(std::uint64_t session, std::vector<e2e::Position> positions = {},
                                      e2e::Settings settings = {}) {
    auto peer = shake(session);
    sessions->frame(peer->say(e2e::Hello{.device = "phone",
                                         .previous = device.previous,
                                         .positions = std::move(positions),
                                         .settings = std::move(settings)}));
    device.previous = peer->hash;
    return peer;
  }
  /// All messages that came by now.
  std::vector<e2e::ToDevice> hear(DevicePeer& peer) {
    settle();
    std::vector<e2e::ToDevice> all;
    while (!outlet.out.empty()) {
      auto frame = outlet.out.front();
      outlet.out.pop_front();
      if (frame.type == static_cast<std::uint32_t>(wire::FrameType::sealed))
        std::ranges::move(peer.hear(frame), std::back_inserter(all));
    }
    return all;
  }
  template <class T>
  static std::vector<T> only(const std::vector<e2e::ToDevice>& all) {
    std::vector<T> found;
    for (const auto& each : all)
      if (const auto* one = std::get_if<T>(&each)) found.push_back(*one);
    return found;
  }
  void content(unsigned number, Gid folder, std::int64_t received, Bytes what) {
    log.add(number, folder, received, what.size());
    accounts.contents[gid(number)] = std::move(what);
  }
  void changed() { sessions->changed(1, log.now.head, false); }

  sim::VirtualWorld world{42};
  sim::VirtualHost& host = world.host("gateway");
  fakes::Log log{host};
  fakes::Directory directory{host};
  fakes::Journal journal{host};
  fakes::Accounts accounts{host};
  fakes::Outlet outlet{host};
  fakes::DeviceKeys device;
  Settings rules;  ///< for the next make()
  std::vector<std::string> notes, alarms;
  std::vector<std::uint64_t> backups_heard;
  int paired = 0;
  bool set_back = false;
  std::unique_ptr<journal::Commands> commands;
  std::unique_ptr<Quarantine> quarantine;
  std::unique_ptr<Sessions> sessions;
};

}  // namespace tidegate::push
