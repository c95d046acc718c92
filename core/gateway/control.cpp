// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/control.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <map>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/e2e/noise.hpp"
#include "core/e2e/session.hpp"
#include "core/wire/suite.hpp"

namespace tidegate::gateway {
namespace {

using ctl::Reply;
using ctl::Request;

std::string hex(View octets) {
  std::string text;
  for (unsigned char c : octets) text += fmt::format("{:02x}", c);
  return text;
}

/// A device id as people type it: all of it, or enough of its beginning.
const store::DeviceRow* find_device(const std::vector<store::DeviceRow>& devices, const std::string& id) {
  const store::DeviceRow* found = nullptr;
  for (const auto& device : devices) {
    if (!hex(device.id).starts_with(id)) continue;
    if (found) return nullptr;
    found = &device;
  }
  return found;
}

std::string moment(std::int64_t unix_seconds) {
  if (unix_seconds == 0) return "never";
  std::time_t at = unix_seconds;
  std::tm parts{};
  ::localtime_r(&at, &parts);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", parts);
}

std::string moment(const std::optional<sim::WallTime>& at) {
  return at ? moment(std::chrono::duration_cast<std::chrono::seconds>(at->time_since_epoch()).count()) : "never";
}

std::string_view word(store::DeviceState state) {
  switch (state) {
    case store::DeviceState::pairing:
      return "pairing";
    case store::DeviceState::active:
      return "active";
    case store::DeviceState::wiping:
      return "wiping";
    case store::DeviceState::revoked:
      return "revoked";
  }
  return "unknown";
}

std::string fingerprint(const Bytes& key) {
  e2e::Key32 made{};
  if (key.size() != made.size()) return "none";
  std::ranges::copy(std::as_bytes(std::span(key)), made.begin());
  return e2e::fingerprint_text(made);
}

std::string state_of(const store::DeviceRow& device, std::int64_t now) {
  const bool expired = device.expires != 0 && device.expires <= now && device.state != store::DeviceState::revoked;
  return expired ? "expired" : std::string(word(device.state));
}

std::string suite_of(const store::DeviceRow& device) {
  const auto suite = static_cast<wire::Suite>(device.suite);
  return std::string(wire::to_string(suite)) + (suite == wire::Suite::noise_1 ? "" : ", readable by the relay");
}

void say_code(Reply& reply, const std::string& user, const Gateway::Code& code) {
  reply.columns({{"user", "User"}, {"code", "Code"}, {"link", "Link"}, {"expires", "Good until"}}, true);
  reply.row({{"user", user}, {"code", code.text}, {"link", code.link}, {"expires", moment(code.expires)}});
}

void on_register(Gateway& gateway, const Request& request, Reply reply) {
  auto licence = request.demand("licence");
  if (!licence) return reply.fail(licence.error());
  const auto& password = request["password"];
  if (password.empty())
    return reply.fail(
        {FaultKind::invalid, "register", "the licence's password is needed: --password-file FILE", {}, {}});
  gateway.register_at_relay(
      *licence, password,
      [&gateway, reply = std::make_shared<Reply>(std::move(reply))](Result<wire::Registered> answer) {
        if (!answer) return reply->fail(answer.error());
        reply->columns({{"guid", "Gateway"}, {"relay", "Relay"}, {"seats", "Seats"}}, true);
        reply->row({{"guid", hex(answer->guid)},
                    {"relay", gateway.config().gateway.relay},
                    {"seats", static_cast<std::int64_t>(answer->seats)}});
        reply->ok();
      });
}

void on_user_add(Gateway& gateway, const Request& request, Reply reply) {
  auto user = request.demand("user");
  if (!user) return reply.fail(user.error());
  const auto& password = request["password"];
  bool given = !password.empty();
  gateway.add_user(*user, password,
                   [given, reply = std::make_shared<Reply>(std::move(reply))](Result<Gateway::Added> added) {
                     if (!added) return reply->fail(added.error());
                     std::vector<ctl::Column> columns{{"user", "User"}};
                     ctl::Row row{{"user", added->user}};
                     auto add = [&](const char* key, const char* title, const std::string& value) {
                       if (value.empty()) return;
                       columns.push_back({key, title});
                       row.emplace_back(key, value);
                     };
                     if (!given) add("password", "Account password", added->password);
                     add("code", "Pairing code", added->code);
                     add("link", "Link", added->link);
                     add("note", "Note", added->note);
                     reply->columns(std::move(columns), true);
                     reply->row(std::move(row));
                     reply->ok();
                   });
}

void on_user_list(Gateway& gateway, const Request&, Reply reply) {
  reply.columns(
      {{"user", "User"}, {"site", "Site"}, {"devices", "Devices"}, {"state", "State"}, {"proven", "Proven alive"}});
  for (const auto& user : gateway.directory().users()) {
    auto devices = gateway.directory().devices(user.user);
    auto live = std::ranges::count(devices, store::DeviceState::active, &store::DeviceRow::state);
    std::string state = "served";
    std::int64_t proven = 0;
    auto healths = gateway.accounts().health(user.user);
    if (healths.empty()) state = "not served";
    for (const auto& health : healths) {
      proven = std::max(proven, health.proven_unix);
      if (!health.fault.empty()) state = health.backend + ": " + health.fault;
    }
    reply.row({{"user", user.user},
               {"site", user.site},
               {"devices", static_cast<std::int64_t>(live)},
               {"state", state},
               {"proven", moment(proven)}});
  }
  reply.ok();
}

void on_pair(Gateway& gateway, const Request& request, Reply reply) {
  auto user = request.demand("user");
  if (!user) return reply.fail(user.error());
  gateway.pair(*user, [user = *user, reply = std::make_shared<Reply>(std::move(reply))](Result<Gateway::Code> code) {
    if (!code) return reply->fail(code.error());
    say_code(*reply, user, *code);
    reply->ok();
  });
}

/// For the handlers whose answer is only done or not.
store::Done<void> plain(Reply reply) {
  return [reply = std::make_shared<Reply>(std::move(reply))](Result<void> done) {
    if (done)
      reply->ok();
    else
      reply->fail(done.error());
  };
}

void on_device_list(Gateway& gateway, const Request& request, Reply reply) {
  reply.columns({{"user", "User"},
                 {"device", "Device"},
                 {"name", "Name"},
                 {"state", "State"},
                 {"suite", "Suite"},
                 {"until", "Admitted until"},
                 {"fingerprint", "Fingerprint"},
                 {"connected", "Connected"},
                 {"current", "Current"},
                 {"seen", "Last session"}});
  if (!request["user"].empty() && !gateway.directory().user(request["user"]))
    return reply.fail(
        {FaultKind::not_found, request["user"], "there is no such user here: tidegatectl user list shows all", {}, {}});
  auto sessions = gateway.sessions();
  for (const auto& user : gateway.directory().users()) {
    if (!request["user"].empty() && request["user"] != user.user) continue;
    for (const auto& device : gateway.directory().devices(user.user)) {
      auto session = std::ranges::find_if(sessions, [&](const auto& each) {
        return each.user == device.user && each.device_id == device.id && each.streaming;
      });
      bool connected = session != sessions.end();
      reply.row({{"user", device.user},
                 {"device", hex(device.id)},
                 {"name", device.name},
                 {"state", state_of(device, gateway.unix_now())},
                 {"suite", suite_of(device)},
                 {"until", device.expires == 0 ? std::string() : moment(device.expires)},
                 {"fingerprint", fingerprint(device.static_public)},
                 {"connected", connected},
                 {"current", connected && session->current},
                 {"seen", moment(device.seen)}});
    }
  }
  reply.ok();
}

constexpr std::string_view readable_sentence =
    "Neither end of this suite proves who it is: whoever runs the relay can stand in the middle or enrol a device. All "
    "of this user's data is readable there from now on, and shown so in status and on his devices.";

void on_device_add(Gateway& gateway, const Request& request, Reply reply) {
  constexpr unsigned most_days = 366, usual_days = 30;
  const auto user = request.demand("user");
  if (!user) return reply.fail(user.error());
  const auto suite = wire::suite_named(request["suite"]);
  if (!suite) return reply.fail({FaultKind::invalid, request["suite"], "the suite must be vmes-1 or none", {}, {}});
  unsigned days = usual_days;
  if (const auto& text = request["days"]; !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (error != std::errc() || end != text.data() + text.size() || days == 0 || days > most_days)
      return reply.fail(
          {FaultKind::invalid, text, fmt::format("--days must be a number from 1 to {}", most_days), {}, {}});
  }
  gateway.admit(*user, *suite, std::chrono::days(days),
                [suite = *suite, relay = gateway.config().gateway.relay,
                 reply = std::make_shared<Reply>(std::move(reply))](Result<Gateway::Admitted> admitted) {
                  if (!admitted) return reply->fail(admitted.error());
                  const auto id = hex(admitted->device_id);
                  reply->columns(
                      {{"user", "User"}, {"device", "Device"}, {"suite", "Suite"}, {"until", "Admitted until"}}, true);
                  reply->row({{"user", admitted->user},
                              {"device", id},
                              {"suite", std::string(wire::to_string(suite))},
                              {"until", moment(admitted->expires)}});
                  reply->say(std::string(readable_sentence));
                  reply->say(fmt::format("On the device: tidegate-device pair --suite {} --relay {} --user {} {}",
                                         wire::to_string(suite), relay, admitted->user, id));
                  reply->ok();
                });
}

void on_device_revoke(Gateway& gateway, const Request& request, Reply reply) {
  auto user = request.demand("user");
  auto id = request.demand("device");
  if (!user) return reply.fail(user.error());
  if (!id) return reply.fail(id.error());
  auto devices = gateway.directory().devices(*user);
  const auto* device = find_device(devices, *id);
  if (!device)
    return reply.fail(
        {FaultKind::not_found, *user, "no device of this user, or more than one, begins with " + *id, {}, {}});
  gateway.revoke(*user, device->id, plain(std::move(reply)));
}

/// Whose data the relay can read, and by which device of his.
void show_readable(Gateway& gateway, Reply& reply) {
  bool headed = false;
  for (const auto& user : gateway.directory().users())
    for (const auto& device : gateway.directory().devices(user.user)) {
      if (!device.readable_by_relay(gateway.unix_now())) continue;
      if (!std::exchange(headed, true))
        reply.columns(
            {{"readable", "Readable by the relay"}, {"device", "Device"}, {"suite", "Suite"}, {"until", "Until"}});
      reply.row({{"readable", user.user},
                 {"device", hex(device.id)},
                 {"suite", std::string(wire::to_string(static_cast<wire::Suite>(device.suite)))},
                 {"until", moment(device.expires)}});
    }
}

std::string backup_text(const Backup* backup) {
  if (!backup) return "none: backup = none";
  const auto& kept = backup->kept();
  auto text = kept.version == 0
                  ? std::string("none yet")
                  : fmt::format("{} at the relay, {} octets, {}", kept.version, kept.size, moment(kept.at));
  if (!backup->trouble().empty()) text += "; the last try failed: " + backup->trouble();
  return text;
}

void on_backup(Gateway& gateway, const Request&, Reply reply) {
  gateway.back_up([reply = std::make_shared<Reply>(std::move(reply))](Result<Backup::Kept> kept) {
    if (!kept) return reply->fail(kept.error());
    reply->columns({{"version", "Backup"}, {"octets", "Octets"}, {"at", "At the relay since"}}, true);
    reply->row({{"version", static_cast<std::int64_t>(kept->version)},
                {"octets", static_cast<std::int64_t>(kept->size)},
                {"at", moment(kept->at)}});
    reply->ok();
  });
}

void on_status(Gateway& gateway, const Request&, Reply reply) {
  auto link = gateway.link_status();
  reply.columns({{"gateway", "Gateway"},
                 {"guid", "Identity"},
                 {"relay", "Relay"},
                 {"proxy", "Proxy"},
                 {"link", "Channel"},
                 {"since", "Open since"},
                 {"heard", "Last heard"},
                 {"retry_at", "Next try"},
                 {"fault", "Last fault"},
                 {"seats", "Seats"},
                 {"users", "Users"},
                 {"sessions", "Devices connected"},
                 {"suites_refused", "Suites refused"},
                 {"unreadable", "In quarantine"},
                 {"recovery", "Recovery key"},
                 {"backup", "Backup"}},
                true);
  auto sessions = gateway.sessions();
  reply.row(
      {{"gateway", gateway.config().gateway.name},
       {"guid", hex(gateway.directory().identity().guid)},
       {"relay", gateway.config().gateway.relay},
       {"proxy", link.way_out},
       {"link", gateway.directory().identity().license_id.empty() ? std::string("not registered: tidegatectl register")
                                                                  : std::string(link::to_string(link.state))},
       {"since", moment(link.since)},
       {"heard", moment(link.heard)},
       {"retry_at", link.retry_at ? moment(link.retry_at) : std::string()},
       {"fault", link.last_fault ? link.last_fault->text : std::string()},
       {"seats", fmt::format("{} of {} used", link.seats_used, link.seats)},
       {"users", static_cast<std::int64_t>(gateway.directory().users().size())},
       {"sessions", static_cast<std::int64_t>(std::ranges::count(sessions, true, &push::Sessions::Shown::streaming))},
       {"suites_refused", static_cast<std::int64_t>(gateway.suites_refused())},
       {"unreadable", static_cast<std::int64_t>(gateway.quarantine().rows().size())},
       {"recovery", gateway.recovery_confirmed() ? std::string("confirmed")
                                                 : std::string("not written down yet: tidegatectl recovery-key")},
       {"backup", backup_text(gateway.backup())}});
  reply.columns({{"backend", "Back-end"}, {"plugin", "Plugin"}, {"state", "State"}});
  for (const auto& backend : gateway.backends())
    reply.row({{"backend", backend.name},
               {"plugin", backend.plugin},
               {"state", backend.fault.empty() ? std::string("in service") : backend.fault}});
  show_readable(gateway, reply);
  if (!gateway.alarms().empty()) {
    reply.columns({{"at", "Alarm at"}, {"user", "User"}, {"text", "What"}});
    for (const auto& alarm : gateway.alarms())
      reply.row({{"at", moment(alarm.at)}, {"user", alarm.user}, {"text", alarm.text}});
  }
  reply.ok();
}

void on_hold_list(Gateway& gateway, const Request&, Reply reply) {
  gateway.holds([reply = std::make_shared<Reply>(std::move(reply))](Result<std::vector<store::HoldRow>> holds) {
    if (!holds) return reply->fail(holds.error());
    reply->columns({{"hold", "Hold"}, {"user", "User"}, {"count", "How many"}, {"what", "What"}, {"since", "Since"}});
    for (const auto& hold : *holds)
      reply->row({{"hold", static_cast<std::int64_t>(hold.number)},
                  {"user", hold.user},
                  {"count", static_cast<std::int64_t>(hold.count)},
                  {"what", hold.what},
                  {"since", moment(hold.since)}});
    reply->ok();
  });
}

void decide_hold(Gateway& gateway, const Request& request, Reply reply, bool release) {
  const auto number = request.demand("number");
  if (!number) return reply.fail(number.error());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number->data(), number->data() + number->size(), value);
  if (error != std::errc() || end != number->data() + number->size())
    return reply.fail({FaultKind::invalid, *number, "a hold has a number: tidegatectl hold list shows it", {}, {}});
  gateway.decide_hold(value, release, plain(std::move(reply)));
}
void on_hold_release(Gateway& gateway, const Request& request, Reply reply) {
  decide_hold(gateway, request, std::move(reply), true);
}
void on_hold_discard(Gateway& gateway, const Request& request, Reply reply) {
  decide_hold(gateway, request, std::move(reply), false);
}

void on_quarantine_list(Gateway& gateway, const Request&, Reply reply) {
  reply.columns({{"id", "Id"},
                 {"user", "User"},
                 {"backend", "Back-end"},
                 {"attempts", "Tries"},
                 {"since", "Since"},
                 {"reason", "Why it cannot be read"}});
  for (const auto& row : gateway.quarantine().rows())
    reply.row({{"id", push::digits(row.gid)},
               {"user", row.user},
               {"backend", row.backend},
               {"attempts", static_cast<std::int64_t>(row.attempts)},
               {"since", moment(row.since)},
               {"reason", row.reason}});
  reply.ok();
}

void on_quarantine_retry(Gateway& gateway, const Request& request, Reply reply) {
  if (auto again = gateway.quarantine().retry(request["id"]); !again) return reply.fail(again.error());
  reply.ok();
}

void on_queue(Gateway& gateway, const Request&, Reply reply) {
  auto link = gateway.link_status();
  reply.columns({{"queued", "Octets waiting"},
                 {"frames_up", "Frames up"},
                 {"frames_down", "Frames down"},
                 {"octets_up", "Octets up"},
                 {"octets_down", "Octets down"},
                 {"repeated", "Posts repeated"},
                 {"opened", "Opened"}},
                true);
  auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  reply.row({{"queued", number(link.queued)},
             {"frames_up", number(link.frames_up)},
             {"frames_down", number(link.frames_down)},
             {"octets_up", number(link.octets_up)},
             {"octets_down", number(link.octets_down)},
             {"repeated", number(link.repeated_posts)},
             {"opened", number(link.opened_times)}});
  reply.ok();
}

void on_recovery_key(Gateway& gateway, const Request& request, Reply reply) {
  auto key = gateway.recovery_key(request["confirm"] == "true");
  if (!key) return reply.fail(key.error());
  if (request["confirm"] == "true") {
    reply.say("Confirmed. The recovery key is not shown again.");
  } else {
    reply.columns({{"key", "Recovery key"}}, true);
    reply.row({{"key", *key}});
    reply.say("Write it down and keep it apart from this machine, then: tidegatectl recovery-key --confirm");
  }
  reply.ok();
}

}  // namespace

void serve_commands(ctl::CtlServer& server, Gateway& gateway, std::function<void()> stop) {
  auto on = [&](const char* command, void (*handler)(Gateway&, const Request&, Reply)) {
    server.on(command, [&gateway, handler](const Request& request, Reply reply) {
      handler(gateway, request, std::move(reply));
    });
  };
  on("register", on_register);
  on("user add", on_user_add);
  on("user list", on_user_list);
  on("pair", on_pair);
  on("device list", on_device_list);
  on("device add", on_device_add);
  on("device revoke", on_device_revoke);
  on("status", on_status);
  on("hold list", on_hold_list);
  on("hold release", on_hold_release);
  on("hold discard", on_hold_discard);
  on("quarantine list", on_quarantine_list);
  on("quarantine retry", on_quarantine_retry);
  on("queue", on_queue);
  on("recovery-key", on_recovery_key);
  on("backup", on_backup);
  serve_backend_commands(server, gateway);
  server.on("user remove", [&gateway](const Request& request, Reply reply) {
    auto user = request.demand("user");
    if (!user) return reply.fail(user.error());
    gateway.remove_user(*user, plain(std::move(reply)));
  });
  server.on("resume", [&gateway](const Request&, Reply reply) { gateway.resume(plain(std::move(reply))); });
  server.on("stop", [stop = std::move(stop)](const Request&, Reply reply) {
    reply.ok();
    stop();
  });
}

}  // namespace tidegate::gateway
