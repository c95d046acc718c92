// SPDX-License-Identifier: Apache-2.0
// Gateway's acts on behalf of the administrator (tidegatectl): registering, users, pairing codes, devices, recovery
// key.
#include <algorithm>

#include "core/e2e/noise.hpp"
#include "core/e2e/suites.hpp"
#include "core/gateway/gateway.hpp"
#include "core/gateway/letters.hpp"
#include "core/gateway/recovery.hpp"
#include "core/wire/suite.hpp"

namespace tidegate::gateway {
namespace {

/// The relay's code as this house's kind of fault.
Fault refused(const wire::Answer& answer, const std::string& where) {
  FaultKind kind = FaultKind::unavailable;
  switch (answer.code) {
    case wire::Code::unauthorized:
      kind = FaultKind::auth;
      break;
    case wire::Code::forbidden:
      kind = FaultKind::denied;
      break;
    case wire::Code::not_found:
      kind = FaultKind::not_found;
      break;
    case wire::Code::conflict:
      kind = FaultKind::conflict;
      break;
    case wire::Code::too_many:
      kind = FaultKind::throttled;
      break;
    case wire::Code::invalid:
      kind = FaultKind::invalid;
      break;
    default:
      break;
  }
  return {kind, where, answer.text, {}, std::chrono::milliseconds(answer.retry_after_ms)};
}

/// 80 bits in letters that nobody confuses; typed once, at enrolment.
std::string make_password(const Bytes& random) {
  constexpr std::string_view letters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::string password;
  for (std::size_t at = 0; at < random.size(); ++at) {
    if (at % 4 == 0 && at != 0) password += '-';
    password += letters[static_cast<unsigned char>(random[at]) % letters.size()];
  }
  return password;
}

/// As the relay keeps addresses, and devices name them.
std::string lower_case(std::string user) {
  for (char& c : user)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return user;
}

bool address_like(std::string_view user) {
  auto at = user.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < user.size() && user.size() <= 320 &&
         std::ranges::none_of(user, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

constexpr auto inbox_known_within = std::chrono::seconds(60);
constexpr std::int64_t long_past = 1;  // unix seconds: closes a handle at the relay
constexpr auto inbox_asked_every = std::chrono::milliseconds(500);

}  // namespace

Bytes Gateway::random_octets(std::size_t count) {
  Bytes octets(count, '\0');
  world_.reactor().random(std::as_writable_bytes(std::span(octets)));
  return octets;
}

void Gateway::register_at_relay(std::string licence, std::string password, Done<wire::Registered> done) {
  registering_ = link::register_gateway(
      world_, config_.link, directory_->identity(), std::move(licence), std::move(password), config_.gateway.name,
      [this, done = std::move(done)](Result<wire::Registered> answer) mutable {
        if (!answer) return done(std::move(answer));
        directory_->registered(answer->license_id, config_.gateway.relay,
                               [this, answer = *answer, done = std::move(done)](Result<void> stored) mutable {
                                 if (!stored) return done(std::unexpected(stored.error()));
                                 // The link holds a copy of the identity: it is made anew with the token in it.
                                 link_->stop();
                                 if (auto linked = make_link(); !linked) return done(std::unexpected(linked.error()));
                                 if (auto started = link_->start(); !started)
                                   return done(std::unexpected(started.error()));
                                 done(std::move(answer));
                               });
      });
}

void Gateway::add_user(std::string user, std::string password, Done<Added> done) {
  user = lower_case(std::move(user));
  if (!address_like(user))
    return done(fault(FaultKind::invalid, user, "a user is named by his mail address, like alice@example.com"));
  if (directory_->user(user))
    return done(fault(FaultKind::exists, user,
                      "this user is there already; tidegatectl pair makes a code for one more device"));
  auto chosen = config_.sites.of(user);
  if (!chosen) return done(std::unexpected(chosen.error()));
  if (password.empty()) password = make_password(random_octets(16));
  auto site = chosen->site->name;
  request(wire::UserAdd{.user = user, .password = password}, [this, user, password, site,
                                                              done = std::move(done)](wire::Answer answer) mutable {
    if (answer.code != wire::Code::ok) return done(std::unexpected(refused(answer, user)));
    auto pair = e2e::make_x25519([this](std::span<std::byte> into) { world_.reactor().random(into); });
    auto text = [](std::span<const std::byte> octets) {
      return Bytes(reinterpret_cast<const char*>(octets.data()), octets.size());
    };
    store::UserRow row{.user = user,
                       .site = site,
                       .static_secret = text(pair.secret.octets()),
                       .static_public = text(pair.open),
                       .added = unix_now()};
    directory_->add_user(std::move(row), [this, user, password, done = std::move(done)](Result<void> added) mutable {
      if (!added) return done(std::unexpected(added.error()));
      back_up_soon();
      start_user(user);
      Added result{.user = user, .password = password};
      if (config_.gateway.pairing == Pairing::admin) return done(std::move(result));
      pair_new_user(std::move(result), std::move(done));
    });
  });
}

/// pairing = mail: the code goes into the user's own mailbox, and to the administrator only if that fails.
void Gateway::pair_new_user(Added result, Done<Added> done) {
  auto user = result.user;
  pair(user, [this, result = std::move(result), done = std::move(done)](Result<Code> code) mutable {
    if (!code) {
      result.note = "no pairing code could be made: " + code.error().text + "; tidegatectl pair makes one";
      return done(std::move(result));
    }
    mail_code(result.user, *code, [result, code = *code, done = std::move(done)](Result<void> mailed) mutable {
      if (mailed) {
        result.note = "a welcome mail with the pairing code is in the user's inbox";
      } else {
        result.code = code.text;
        result.link = code.link;
        result.note =
            "the welcome mail could not be delivered (" + mailed.error().text + "): hand over this code yourself";
      }
      done(std::move(result));
    });
  });
}

void Gateway::mail_code(const std::string& user, const Code& code, Done<void> done) {
  auto letter = welcome_letter({.from = config_.gateway.name,
                                .to = user,
                                .relay = config_.gateway.relay,
                                .code = code.text,
                                .link = code.link,
                                .expires = code.expires},
                               world_.reactor().wall(), random_octets(16));
  deliver(user, std::move(letter), random_octets(16), world_.reactor().now() + inbox_known_within, std::move(done));
}

/// A user who was added a moment ago has no inbox yet: it is known after the first look at his mailbox.
void Gateway::deliver(const std::string& user, Bytes letter, Bytes token, sim::Instant until, Done<void> done) {
  accounts_->deliver(user, letter, token,
                     [this, user, letter, token, until, done = std::move(done)](Result<void> delivered) mutable {
                       const bool again = !delivered && delivered.error().kind == FaultKind::unavailable;
                       if (!again || world_.reactor().now() >= until) return done(std::move(delivered));
                       deliveries_[user] = world_.reactor().after(
                           inbox_asked_every, [this, user, letter, token, until, done = std::move(done)]() mutable {
                             deliveries_.erase(user);
                             deliver(user, std::move(letter), std::move(token), until, std::move(done));
                           });
                     });
}

void Gateway::device_paired(const store::DeviceRow& device) {
  const auto* user = directory_->user(device.user);
  if (!user) return;
  back_up_soon();
  note_(2, "device of " + device.user + " came into use");
  auto told = [this, user = device.user](Result<void> delivered) {
    if (!delivered && delivered.error().kind != FaultKind::unsupported)
      note_(3, "the notice of a new device could not be delivered to " + user + ": " + delivered.error().text);
  };
  if (device.readable_by_relay(unix_now())) {
    tell_admission(device, long_past, [](const wire::Answer&) {});  // it is one of the few that may be open
    return accounts_->deliver(
        device.user,
        readable_letter({.from = config_.gateway.name,
                         .to = device.user,
                         .device = device.name,
                         .suite = std::string(wire::to_string(static_cast<wire::Suite>(device.suite))),
                         .expires = device.expires},
                        world_.reactor().wall(), random_octets(16)),
        random_octets(16), std::move(told));
  }
  auto key = [](const Bytes& octets) {
    e2e::Key32 made{};
    std::ranges::copy_n(std::as_bytes(std::span(octets)).begin(), std::min(octets.size(), made.size()), made.begin());
    return made;
  };
  auto letter = paired_letter({.from = config_.gateway.name,
                               .to = device.user,
                               .device = device.name,
                               .device_print = e2e::fingerprint_text(key(device.static_public)),
                               .gateway_print = e2e::fingerprint_text(key(user->static_public))},
                              world_.reactor().wall(), random_octets(16));
  accounts_->deliver(device.user, std::move(letter), random_octets(16), std::move(told));
}

void Gateway::remove_user(std::string user, Done<void> done) {
  user = lower_case(std::move(user));
  if (!directory_->user(user)) return done(fault(FaultKind::not_found, user, "there is no such user here"));
  request(wire::UserDelete{.user = user}, [this, user, done = std::move(done)](wire::Answer answer) mutable {
    if (answer.code != wire::Code::ok && answer.code != wire::Code::not_found)
      return done(std::unexpected(refused(answer, user)));
    sessions_->removed(user);
    accounts_->stop(user);
    quarantine_->forget_user(user);
    directory_->remove_user(user, [this, user, done = std::move(done)](Result<void> removed) mutable {
      if (!removed) return done(std::move(removed));
      back_up_soon();
      log_->forget_user(user, std::move(done));
    });
  });
}

void Gateway::pair(std::string user, Done<Code> done) {
  user = lower_case(std::move(user));
  if (!directory_->user(user))
    return done(fault(FaultKind::not_found, user, "there is no such user here: tidegatectl user add makes one"));
  auto made = e2e::make_pairing_code([this](std::span<std::byte> into) { world_.reactor().random(into); });
  auto expires = std::chrono::duration_cast<std::chrono::seconds>(
                     (world_.reactor().wall() + config_.gateway.pairing_expires).time_since_epoch())
                     .count();
  Code code{.text = made.text(), .link = made.link(config_.gateway.relay, user), .expires = expires};
  store::CodeRow row{.user = user,
                     .handle = made.handle,
                     .secret = Bytes(reinterpret_cast<const char*>(made.secret.data()), made.secret.size()),
                     .expires = expires};
  directory_->put_code(row, [this, row, code, done = std::move(done)](Result<void> put) mutable {
    if (!put) return done(std::unexpected(put.error()));
    request(
        wire::PairingOpen{
            .user = row.user, .handle = row.handle, .expires_unix = static_cast<std::uint64_t>(row.expires)},
        [row, code, done = std::move(done)](wire::Answer answer) mutable {
          // Without a channel the code is announced at the next opening.
          if (answer.code != wire::Code::ok && answer.code != wire::Code::unavailable)
            return done(std::unexpected(refused(answer, row.user)));
          done(std::move(code));
        });
  });
}

void Gateway::announce_codes() {
  const auto now = unix_now();
  for (const auto& code : directory_->codes()) {
    if (code.expires < now) {
      directory_->drop_code(code.user, code.handle, [](Result<void>) {});
      continue;
    }
    request(
        wire::PairingOpen{
            .user = code.user, .handle = code.handle, .expires_unix = static_cast<std::uint64_t>(code.expires)},
        [this, user = code.user](wire::Answer answer) {
          if (answer.code != wire::Code::ok && answer.code != wire::Code::unavailable)
            note_(3, "the relay does not open a pairing of " + user + ": " + answer.text);
        });
  }
}

void Gateway::admit(std::string user, wire::Suite suite, std::chrono::seconds stay, Done<Admitted> done) {
  user = lower_case(std::move(user));
  if (!directory_->user(user))
    return done(fault(FaultKind::not_found, user, "there is no such user here: tidegatectl user add makes one"));
  const auto name = std::string(wire::to_string(suite));
  if (suite == wire::Suite::noise_1)
    return done(fault(FaultKind::invalid, name, "a device of suite noise-1 is paired by a code: tidegatectl pair"));
  const bool vmes_1 = suite == wire::Suite::vmes_1;
  if (!(vmes_1 ? config_.gateway.suite_vmes_1 : config_.gateway.suite_none))
    return done(fault(FaultKind::denied, name,
                      std::string("the settings do not allow this suite: ") + (vmes_1 ? "suite_vmes_1" : "suite_none") +
                          " = yes in [gateway] would"));
  store::DeviceRow row{.user = user,
                       .id = random_octets(16),
                       .suite = static_cast<std::uint32_t>(suite),
                       .state = store::DeviceState::pairing,
                       .expires = unix_now() + stay.count()};
  directory_->put_device(row, [this, row, name, done = std::move(done)](Result<void> put) mutable {
    if (!put) return done(std::unexpected(put.error()));
    tell_admission(row, row.expires, [this, row, name, done = std::move(done)](const wire::Answer& answer) mutable {
      // Without a channel the relay hears of it at the next opening.
      if (answer.code == wire::Code::ok || answer.code == wire::Code::unavailable) {
        // Also on each of his other devices, and in their next sessions by HelloAck.
        alarm(row.user, "readable by the relay: a device of suite " + name +
                            " was admitted; whoever runs the relay can read what it gets");
        return done(Admitted{row.user, row.id, row.expires});
      }
      directory_->revoke_device(row.user, row.id,
                                [why = refused(answer, row.user), done = std::move(done)](const Result<void>&) mutable {
                                  done(std::unexpected(why));
                                });
    });
  });
}

/// The relay lets a device enrol until then by the handle that its id begins with, as by a pairing code's.
void Gateway::tell_admission(const store::DeviceRow& device, std::int64_t until,
                             std::move_only_function<void(wire::Answer)> done) {
  request(wire::PairingOpen{.user = device.user,
                            .handle = e2e::admission_handle(device.id),
                            .expires_unix = static_cast<std::uint64_t>(until)},
          std::move(done));
}

void Gateway::announce_admissions() {
  for (const auto& user : directory_->users())
    for (const auto& device : directory_->devices(user.user)) {
      if (device.state != store::DeviceState::pairing || !device.readable_by_relay(unix_now())) continue;
      tell_admission(device, device.expires, [this, user = device.user](const wire::Answer& answer) {
        if (answer.code != wire::Code::ok && answer.code != wire::Code::unavailable)
          note_(3, "the relay lets no admitted device of " + user + " enrol: " + answer.text);
      });
    }
}

void Gateway::revoke(std::string user, Bytes device_id, Done<void> done) {
  user = lower_case(std::move(user));
  if (!directory_->device(user, device_id))
    return done(fault(FaultKind::not_found, user, "this user has no such device: tidegatectl device list"));
  directory_->revoke_device(user, device_id,
                            [this, user, device_id, done = std::move(done)](Result<void> revoked) mutable {
                              if (!revoked) return done(std::move(revoked));
                              back_up_soon();
                              sessions_->revoked(user, device_id);
                              commands_->forget(user, device_id);
                              // The gateway's word is what counts; the relay is told so that it does not let the device
                              // in any more.
                              request(wire::DeviceRevoke{.user = user, .device_id = device_id},
                                      [done = std::move(done)](const wire::Answer&) mutable { done({}); });
                            });
}

void Gateway::back_up(Done<Backup::Kept> done) {
  if (!backup_)
    return done(fault(FaultKind::denied, "backup", "backup = none in [gateway]: this gateway makes no backups"));
  backup_->now(std::move(done));
}

// --- recovery key ---------------------------------------------------------------------------------------------------

bool Gateway::recovery_confirmed() const {
  auto there = world_.files().info(recovery_path(config_) + ".confirmed");
  return there && *there;
}

Result<std::string> Gateway::recovery_key(bool confirm) {
  if (recovery_confirmed())
    return fault(FaultKind::denied, recovery_path(config_),
                 "the recovery key was confirmed as written down and is not shown again");
  auto key = load_recovery_key(world_, recovery_path(config_));
  if (!key) return std::unexpected(key.error());
  if (confirm) {
    auto marked = confirm_recovery_key(world_, recovery_path(config_));
    if (!marked) return std::unexpected(marked.error());
  }
  return recovery_text(*key);
}

}  // namespace tidegate::gateway
