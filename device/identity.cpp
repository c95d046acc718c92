// SPDX-License-Identifier: Apache-2.0
#include "device/identity.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <openssl/crypto.h>

#include "device/digest.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t id_size = 16, secret_size = 32;
constexpr std::string_view key_title = "tidegate-device key 1\n";

e2e::Secret secret_from(View octets) {
  return e2e::Secret(
      std::span<const std::byte, secret_size>(reinterpret_cast<const std::byte*>(octets.data()), secret_size));
}

View view_of(const e2e::Secret& secret) { return {reinterpret_cast<const char*>(secret.octets().data()), secret_size}; }

/// A line "name=value" of the key file.
std::string field(View text, std::string_view name) {
  const auto start = text.find("\n" + std::string(name) + "=");
  if (start == View::npos) return {};
  const auto from = start + name.size() + 2;
  return std::string(text.substr(from, text.find('\n', from) - from));
}

struct Cleansed {  // a text that holds keys
  Bytes text;
  ~Cleansed() { ::OPENSSL_cleanse(text.data(), text.size()); }
};

}  // namespace

std::string key_path(const std::string& state) { return state + "/device.key"; }

Result<std::optional<Identity>> load_identity(sim::Files& files, const std::string& state) {
  const auto path = key_path(state);
  auto there = files.info(path);
  if (!there) return std::unexpected(there.error());
  if (!*there) return std::nullopt;
  auto read = files.read(path, 4096);
  if (!read) return std::unexpected(read.error());
  const Cleansed file{std::move(*read)};
  const Cleansed signing{from_hex(field(file.text, "ed25519"))}, exchange{from_hex(field(file.text, "x25519"))};
  Identity identity{from_hex(field(file.text, "device_id")), {}, {}};
  const auto damaged = [&] {
    return fault(FaultKind::invalid, path,
                 path + " is damaged: move the state directory away and pair this device again.");
  };
  if (!file.text.starts_with(key_title) || identity.device_id.size() != id_size || signing.text.size() != secret_size ||
      exchange.text.size() != secret_size)
    return damaged();
  auto sign = e2e::ed25519_from(secret_from(signing.text));
  auto agree = e2e::x25519_from(secret_from(exchange.text));
  if (!sign || !agree) return damaged();
  identity.signing = std::move(*sign);
  identity.exchange = std::move(*agree);
  return identity;
}

Result<Bytes> parse_device_id(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != ' ' && c != '-') digits += c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  const bool hexadecimal = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digits.size() != 2 * id_size || !hexadecimal)
    return fault(
        FaultKind::invalid, "pair",
        "The id must be the 32 hexadecimal digits that your administrator was given (tidegatectl device add).");
  return from_hex(digits);
}

Result<Identity> make_identity(sim::Files& files, const std::string& state, const e2e::Random& random, Bytes id) {
  try {
    Identity identity{std::move(id), e2e::make_ed25519(random), e2e::make_x25519(random)};
    if (identity.device_id.empty()) {
      identity.device_id.resize(id_size);
      random(std::as_writable_bytes(std::span(identity.device_id)));
    }
    const Cleansed signing{hex(view_of(identity.signing.secret))}, exchange{hex(view_of(identity.exchange.secret))};
    const Cleansed file{std::string(key_title) + "device_id=" + hex(identity.device_id) + "\ned25519=" + signing.text +
                        "\nx25519=" + exchange.text + "\n"};
    const auto path = key_path(state), draft = path + ".new";
    need(files.make_directories(state));
    if (need(files.info(draft))) need(files.remove(draft));
    need(files.create(draft, file.text, 0600));
    need(files.sync(draft));
    need(files.rename(draft, path));
    need(files.sync_directory(state));
    return identity;
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
}

Result<void> forget_identity(sim::Files& files, const std::string& state) {
  if (auto gone = files.remove(key_path(state)); !gone && gone.error().kind != FaultKind::not_found) return gone;
  return files.sync_directory(state);
}

Result<Places> chosen_places(sim::Files& files, const std::string& state, const std::string& maildir,
                             const std::string& vdir) {
  Places places{state, maildir, vdir};
  const auto path = state + "/places";
  auto there = files.info(path);
  if (!there) return std::unexpected(there.error());
  Bytes text = "\n";
  if (*there) {
    auto read = files.read(path, 65536);
    if (!read) return std::unexpected(read.error());
    text += *read;
  }
  if (places.maildir.empty()) places.maildir = field(text, "maildir");
  if (places.vdir.empty()) places.vdir = field(text, "vdir");
  if (places.maildir.empty()) places.maildir = state + "/mail";
  if (places.vdir.empty()) places.vdir = state + "/pim";
  for (auto* path_of : {&places.maildir, &places.vdir})
    while (path_of->size() > 1 && path_of->ends_with('/')) path_of->pop_back();
  return places;
}

Result<void> choose_places(sim::Files& files, const Places& places) {
  try {
    const auto path = places.state + "/places", draft = path + ".new";
    need(files.make_directories(places.state));
    if (need(files.info(draft))) need(files.remove(draft));
    need(files.create(draft, "maildir=" + places.maildir + "\nvdir=" + places.vdir + "\n", 0600));
    need(files.sync(draft));
    need(files.rename(draft, path));
    need(files.sync_directory(places.state));
    return {};
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
}

Account account_of(Index& index) {
  Account account;
  const auto standing = index.note("standing");
  account.standing = standing == "paired"    ? Standing::paired
                     : standing == "pending" ? Standing::pending
                                             : Standing::none;
  account.relay = index.note("relay");
  account.ca_file = index.note("ca_file");
  account.way_out = {index.note("proxy"), index.note("proxy_user"), index.note("proxy_password_file"),
                     index.note("no_proxy")};
  account.user = index.note("user");
  account.suite = wire::suite_named(index.note("suite")).value_or(wire::Suite::noise_1);
  account.handle = index.note("handle");
  account.guid = index.note("guid");
  account.gateway_key = index.note("gateway_key");
  account.gateway_name = index.note("gateway_name");
  account.previous = index.note("previous");
  const auto highest = index.note("highest_backup");
  std::from_chars(highest.data(), highest.data() + highest.size(), account.highest_backup);
  return account;
}

Result<Account> load_account(Shelf& shelf) {
  Account account;
  const auto all = shelf.with_index([&](Index& index) { account = account_of(index); });
  if (!all) return std::unexpected(all.error());
  return account;
}

Result<void> store_account(Shelf& shelf, const Account& account) {
  return shelf.with_index([&](Index& index) {
    Transaction change(index.database());
    index.note("standing", account.standing == Standing::paired    ? "paired"
                           : account.standing == Standing::pending ? "pending"
                                                                   : "");
    index.note("relay", account.relay);
    index.note("ca_file", account.ca_file);
    index.note("proxy", account.way_out.address);
    index.note("proxy_user", account.way_out.user);
    index.note("proxy_password_file", account.way_out.password_file);
    index.note("no_proxy", account.way_out.no_proxy);
    index.note("user", account.user);
    index.note("suite", wire::to_string(account.suite));
    index.note("handle", account.handle);
    index.note("guid", account.guid);
    index.note("gateway_key", account.gateway_key);
    index.note("gateway_name", account.gateway_name);
    index.note("previous", account.previous);
    index.note("highest_backup", std::to_string(account.highest_backup));
    change.commit();
  });
}

Result<sim::Endpoint> parse_relay(std::string_view text) {
  const auto wrong = [&] {
    return fault(FaultKind::invalid, std::string(text.substr(0, 200)),
                 "The relay's address must be https://host or https://host:port.");
  };
  sim::Endpoint endpoint;
  for (const std::string_view scheme : {"https://", "wss://"})
    if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.empty() || text.find_first_of("/@?# \t\r\n") != std::string_view::npos) return wrong();
  auto port = std::string_view();
  if (text.starts_with('[')) {  // RFC 3986 §3.2.2: an IPv6 address
    const auto end = text.find(']');
    if (end == std::string_view::npos) return wrong();
    endpoint.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    endpoint.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? "" : text.substr(colon);
  }
  if (!port.empty()) {
    const auto digits = port.substr(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (port[0] != ':' || error != std::errc() || end != digits.data() + digits.size() || endpoint.port == 0)
      return wrong();
  }
  if (endpoint.host.empty()) return wrong();
  // As the relay writes its own name; what is signed must be equal at both ends.
  std::transform(endpoint.host.begin(), endpoint.host.end(), endpoint.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return endpoint;
}

}  // namespace tidegate::device
