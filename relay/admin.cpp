// SPDX-License-Identifier: Apache-2.0
// The subcommands themselves. Their texts and JSON: admin_text.cpp.
#include "relay/admin.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "core/wire/suite.hpp"
#include "relay/crypto.hpp"

namespace tidegate::relay {
namespace {

using Words = std::vector<std::string>;

AdminAnswer said(std::string text) { return {true, std::move(text), {}, {}, {}}; }
AdminAnswer failed(const Fault& why) {
  return {false, why.where.empty() ? why.text : why.where + ": " + why.text, {}, {}, {}};
}
AdminAnswer usage(std::string text) { return {false, "usage: tidegate-relay " + std::move(text), {}, {}, {}}; }
AdminAnswer licence_usage(std::string_view why) {
  return usage(fmt::format("licence add NAME --seats N [--expires YYYY-MM-DD] --password-file FILE ({})", why));
}

/// Takes "--name value" out of the words.
std::optional<std::string> option(Words& words, std::string_view name) {
  const auto found = std::ranges::find(words, name);
  if (found == words.end() || found + 1 == words.end()) return {};
  auto value = *(found + 1);
  words.erase(found, found + 2);
  return value;
}

std::string state_word(Standing state) { return state == Standing::active ? "active" : "suspended"; }

std::optional<Bytes> id_of(const std::string& text) {
  auto octets = from_hex(text);
  if (octets && octets->size() == 16) return octets;
  return {};
}

struct Desktop {
  Accounts& accounts;
  const AdminRequest& request;
  Words words;  ///< without the noun and the verb

  void audit(std::string act, std::string subject, std::string text = {}) const {
    (void)accounts.audit({request.now, request.who, std::move(act), std::move(subject), std::move(text)});
  }
};

// --- licence

AdminAnswer licence_add(Desktop& d) {
  const auto seats_text = option(d.words, "--seats");
  const auto expires_text = option(d.words, "--expires");
  std::uint32_t seats = 0;
  if (seats_text) std::from_chars(seats_text->data(), seats_text->data() + seats_text->size(), seats);
  if (seats == 0) return licence_usage("--seats must be a whole number above 0");
  if (d.request.password.empty()) return licence_usage("--password-file is missing");
  if (d.words.size() != 1) return licence_usage("one NAME, without blanks");
  std::int64_t expires = 0;
  if (expires_text) {
    const auto date = parse_date(*expires_text);
    if (!date) return failed(date.error());
    expires = *date;
  }
  auto hash = hash_password(d.request.password, d.request.salt, d.request.cost);
  if (!hash) return failed(hash.error());
  if (auto done = d.accounts.licence_add(d.words[0], *hash, seats, expires, d.request.now); !done)
    return failed(done.error());
  d.audit("licence added", d.words[0], fmt::format("{} seats", seats));
  return said(fmt::format("licence {} added with {} seats", d.words[0], seats));
}

AdminAnswer licence_list(Desktop& d) {
  auto all = d.accounts.licences();
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"licence", "seats", "used", "state", "expires"}, {}, {}};
  for (const auto& one : *all) {
    const bool expired = one.expires != 0 && one.expires <= d.request.now;
    answer.rows.push_back({one.name, std::to_string(one.seats), std::to_string(one.used),
                           expired ? "expired" : state_word(one.state),
                           one.expires ? show_time(one.expires) : "never"});
  }
  return answer;
}

AdminAnswer licence_state(Desktop& d, Standing state) {
  if (d.words.size() != 1) return usage("licence suspend|resume NAME");
  auto done = d.accounts.licence_state(d.words[0], state);
  if (!done) return failed(done.error());
  auto answer = said(fmt::format("licence {} is {} now", done->name, state_word(state)));
  d.audit(state == Standing::active ? "licence resumed" : "licence suspended", done->name);
  if (state == Standing::suspended)
    answer.effects.push_back({Effect::What::licence_out,
                              done->id,
                              {},
                              {},
                              {},
                              wire::Code::forbidden,
                              "the licence is suspended; ask the relay's operator"});
  return answer;
}

AdminAnswer licence_remove(Desktop& d) {
  if (d.words.size() != 1) return usage("licence remove NAME");
  auto done = d.accounts.licence_remove(d.words[0]);
  if (!done) return failed(done.error());
  d.audit("licence removed", done->name);
  auto answer = said(fmt::format("licence {} removed", done->name));
  answer.effects.push_back(
      {Effect::What::licence_out, done->id, {}, {}, {}, wire::Code::forbidden, "the licence was removed"});
  return answer;
}

// --- user

AdminAnswer user_list(Desktop& d) {
  auto all = d.accounts.users();
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"user", "licence", "state", "gateway"}, {}, {}};
  for (const auto& one : *all)
    answer.rows.push_back({one.address, one.licence.name, state_word(one.state), hex(one.guid)});
  return answer;
}

AdminAnswer user_state(Desktop& d, Standing state) {
  if (d.words.size() != 1) return usage("user suspend|resume ADDRESS");
  const auto address = normal_address(d.words[0]);
  if (!address) return failed(address.error());
  auto done = d.accounts.user_state(*address, state);
  if (!done) return failed(done.error());
  d.audit(state == Standing::active ? "user resumed" : "user suspended", *address);
  auto answer = said(fmt::format("user {} is {} now", *address, state_word(state)));
  answer.effects.push_back({state == Standing::suspended ? Effect::What::user_out : Effect::What::user_changed,
                            0,
                            *address,
                            {},
                            {done->guid},
                            wire::Code::forbidden,
                            "this account is suspended; ask your administrator"});
  return answer;
}

AdminAnswer user_transfer(Desktop& d) {
  const auto to = option(d.words, "--to");
  const auto guid = to ? id_of(*to) : std::nullopt;
  if (d.words.size() != 1 || !guid) return usage("user transfer ADDRESS --to GUID");
  const auto address = normal_address(d.words[0]);
  if (!address) return failed(address.error());
  auto before = d.accounts.user_transfer(*address, *guid);
  if (!before) return failed(before.error());
  d.audit("user transferred", *address, hex(before->guid) + " to " + hex(*guid));
  auto answer = said(fmt::format("user {} belongs to gateway {} now", *address, hex(*guid)));
  answer.effects.push_back({Effect::What::user_out,
                            0,
                            *address,
                            {},
                            {before->guid, *guid},
                            wire::Code::unavailable,
                            "this account moved to another gateway; connect again"});
  return answer;
}

AdminAnswer user_remove(Desktop& d) {
  if (d.words.size() != 1) return usage("user remove ADDRESS");
  const auto address = normal_address(d.words[0]);
  if (!address) return failed(address.error());
  auto done = d.accounts.user_remove(*address);
  if (!done) return failed(done.error());
  d.audit("user removed", *address);
  auto answer = said(fmt::format("user {} removed; his seat is free", *address));
  answer.effects.push_back(
      {Effect::What::user_out, 0, *address, {}, {done->guid}, wire::Code::forbidden, "this account was removed"});
  return answer;
}

// --- device, gateway, audit

AdminAnswer device_list(Desktop& d) {
  auto all = d.accounts.devices();
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"user", "device", "state", "suite"}, {}, {}};
  for (const auto& one : *all) {
    const auto* state = one.state == DeviceState::revoked  ? "revoked"
                        : one.key.empty()                  ? "pairing"
                        : one.state == DeviceState::locked ? "locked"
                                                           : "in use";
    answer.rows.push_back({one.user, hex(one.id), state, std::string(wire::to_string(one.suite))});
  }
  return answer;
}

AdminAnswer device_revoke(Desktop& d) {
  const auto id = d.words.size() == 2 ? id_of(d.words[1]) : std::nullopt;
  if (!id) return usage("device revoke ADDRESS DEVICE");
  const auto address = normal_address(d.words[0]);
  if (!address) return failed(address.error());
  if (auto done = d.accounts.revoke(*address, *id); !done) return failed(done.error());
  d.audit("device revoked", *address, hex(*id));
  auto answer = said(fmt::format(
      "device {} can no longer connect here; to take its keys away too, `tidegatectl device revoke`", hex(*id)));
  answer.effects.push_back({Effect::What::device_out,
                            0,
                            *address,
                            *id,
                            {},
                            wire::Code::revoked,
                            "this device was revoked; pair it again with a new pairing code"});
  return answer;
}

AdminAnswer gateway_list(Desktop& d) {
  auto all = d.accounts.gateways();
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"gateway", "guid", "licence", "users", "interception"}, {}, {}};
  for (const auto& one : *all)
    answer.rows.push_back({one.label, hex(one.guid), one.licence.name, std::to_string(one.users),
                           one.interception ? "allowed" : "refused"});
  return answer;
}

AdminAnswer gateway_interception(Desktop& d, bool allowed) {
  const auto guid = d.words.size() == 1 ? id_of(d.words[0]) : std::nullopt;
  if (!guid) return usage("gateway allow-interception|refuse-interception GUID");
  if (auto done = d.accounts.gateway_interception(*guid, allowed); !done) return failed(done.error());
  d.audit(allowed ? "interception allowed" : "interception refused", hex(*guid));
  return said(fmt::format("gateway {} {} connect through a TLS-opening proxy from its next connection on", hex(*guid),
                          allowed ? "may" : "may not"));
}

AdminAnswer backup_list(Desktop& d) {
  if (!d.words.empty()) return usage("backup list");
  auto all = d.accounts.backups();
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"gateway", "guid", "version", "octets", "at (UTC)"}, {}, {}};
  for (const auto& one : *all)
    answer.rows.push_back(
        {one.label, hex(one.guid), std::to_string(one.version), std::to_string(one.size), show_time(one.at)});
  return answer;
}

AdminAnswer audit_log(Desktop& d) {
  std::size_t newest = 100;
  if (const auto text = option(d.words, "--last")) std::from_chars(text->data(), text->data() + text->size(), newest);
  if (!d.words.empty()) return usage("audit [--last N]");
  auto all = d.accounts.audit_log(newest);
  if (!all) return failed(all.error());
  AdminAnswer answer{true, {}, {"at (UTC)", "who", "act", "subject", "text"}, {}, {}};
  for (const auto& one : *all) answer.rows.push_back({show_time(one.at), one.who, one.act, one.subject, one.text});
  return answer;
}

struct Verb {
  std::string_view noun, verb;
  AdminAnswer (*run)(Desktop&);
};
constexpr Verb verbs[] = {
    {"licence", "add", licence_add},
    {"licence", "list", licence_list},
    {"licence", "suspend", [](Desktop& d) { return licence_state(d, Standing::suspended); }},
    {"licence", "resume", [](Desktop& d) { return licence_state(d, Standing::active); }},
    {"licence", "remove", licence_remove},
    {"user", "list", user_list},
    {"user", "suspend", [](Desktop& d) { return user_state(d, Standing::suspended); }},
    {"user", "resume", [](Desktop& d) { return user_state(d, Standing::active); }},
    {"user", "transfer", user_transfer},
    {"user", "remove", user_remove},
    {"device", "list", device_list},
    {"device", "revoke", device_revoke},
    {"gateway", "list", gateway_list},
    {"gateway", "allow-interception", [](Desktop& d) { return gateway_interception(d, true); }},
    {"gateway", "refuse-interception", [](Desktop& d) { return gateway_interception(d, false); }},
    {"backup", "list", backup_list},
    {"audit", "", audit_log},
};

}  // namespace

AdminAnswer administer(Accounts& accounts, const AdminRequest& request) {
  const auto& words = request.words;
  for (const auto& [noun, verb, run] : verbs) {
    if (words.empty() || words[0] != noun) continue;
    const std::size_t taken = verb.empty() ? 1 : 2;
    if (!verb.empty() && (words.size() < 2 || words[1] != verb)) continue;
    Desktop desktop{accounts, request, {words.begin() + static_cast<std::ptrdiff_t>(taken), words.end()}};
    return run(desktop);
  }
  return {false, unknown_subcommand(words), {}, {}, {}};
}

std::string unknown_subcommand(const std::vector<std::string>& words) {
  std::string there;
  for (const auto& [noun, verb, run] : verbs) {
    if (words.empty() || words[0] != noun) continue;
    if (verb.empty() || (words.size() > 1 && words[1] == verb)) return {};
    there += fmt::format("{}{} {}", there.empty() ? "" : ", ", noun, verb);
  }
  if (there.empty())
    return fmt::format("there is no subcommand \"{}\"; tidegate-relay --help shows all", words.empty() ? "" : words[0]);
  if (words.size() == 1) return fmt::format("\"{}\" needs one more word: {}", words[0], there);
  return fmt::format("there is no subcommand \"{} {}\"; there are {}", words[0], words[1], there);
}

}  // namespace tidegate::relay
