// SPDX-License-Identifier: Apache-2.0
// From a host name to a logged-in connection: TLS, greeting, capabilities, STARTTLS, the three ways to log in.
#include <algorithm>

#include "plugins/imap/connection_inside.hpp"

namespace tidegate::imap {
namespace {

// libetpan keeps a read and a write buffer of this size for ever; larger reads pass them by.
constexpr std::size_t stream_buffer = 1024;

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// "* OK [CAPABILITY IMAP4rev1 IDLE] ready" (RFC 3501 §7.1); empty if the greeting tells none.
std::set<std::string, std::less<>> capabilities_in(std::string_view greeting) {
  constexpr std::string_view mark = "[CAPABILITY ";
  const auto start = greeting.find(mark);
  const auto end = greeting.find(']');
  if (start == std::string_view::npos || end == std::string_view::npos || end < start) return {};
  std::set<std::string, std::less<>> out;
  std::string word;
  for (const char c : std::string(greeting.substr(start + mark.size(), end - start - mark.size())) + ' ') {
    if (c != ' ') {
      word += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    } else if (!word.empty()) {
      out.insert(std::exchange(word, {}));
    }
  }
  return out;
}

}  // namespace

// By hand: mailimap_connect() leaks the greeting of a server that says BYE.
Result<void> Connection::Inside::greet(const Call& call) {
  driver.call(&call);
  imap->imap_stream = mailstream_new(driver.make_low(), stream_buffer);
  imap->imap_connection_info = mailimap_connection_info_new();
  auto greeting = line();
  if (!greeting) return std::unexpected(greeting.error());
  if (greeting->starts_with("* BYE")) {
    is_dead = true;
    Reply said;
    said.text = *greeting;
    return std::unexpected(refused(said, Doing::reading, where));
  }
  if (!greeting->starts_with("* OK") && !greeting->starts_with("* PREAUTH")) return broken(MAILIMAP_ERROR_PARSE);
  capabilities = capabilities_in(*greeting);
  server = lower_case(greeting->substr(0, 200));
  return {};
}

Result<void> Connection::Inside::learn_capabilities(const Call& call) {
  if (!capabilities.empty()) return {};
  auto reply = run(call, "CAPABILITY");
  if (!reply) return std::unexpected(reply.error());
  capabilities = capabilities_of(*imap);
  return {};
}

Result<void> Connection::Inside::start_tls(const Call& call) {
  if (!capabilities.contains("STARTTLS")) {
    return wrong(FaultKind::denied,
                 "The mail server offers no STARTTLS: use tls = implicit with its TLS port, or "
                 "switch encryption on at the server.");
  }
  auto reply = run(call, "STARTTLS");
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict != Verdict::ok) return std::unexpected(refused(*reply, Doing::reading, where));
  // What stands in any buffer was injected before encryption began (CVE-2011-0411 and its kin); nothing that was said
  // before counts afterwards (RFC 3501 §6.2.1, RFC 9051 §11.1).
  if (imap->imap_stream->read_buffer_len != 0 || driver.pending() || driver.guard().in_the_middle()) {
    return wrong(FaultKind::denied,
                 "Something was said between STARTTLS and TLS, as an attacker would; look at the "
                 "network, or use tls = implicit.");
  }
  if (auto up = driver.stream().start_tls(call); !up) {
    is_dead = true;
    return up;
  }
  capabilities.clear();
  signals = {};
  namespaces = {};
  enabled.clear();
  server.clear();
  forget_told_capabilities();
  return learn_capabilities(call);
}

void Connection::Inside::forget_told_capabilities() {
  auto* info = imap->imap_connection_info;
  if (info == nullptr || info->imap_capability == nullptr) return;
  mailimap_capability_data_free(info->imap_capability);
  info->imap_capability = nullptr;
}

// RFC 4959 where offered saves a round trip. A second challenge is an error told by OAUTHBEARER or XOAUTH2: `refusal`
// ends the exchange (RFC 7628 §3.2.3; Google's XOAUTH2: an empty line).
Result<Reply> Connection::Inside::authenticate(const Call& call, std::string_view mechanism, std::string_view message,
                                               std::string_view refusal) {
  const std::string coded = base64(message);
  const bool at_once = capabilities.contains("SASL-IR");
  auto tag = at_once ? send(call, fmt::format("AUTHENTICATE {} ", mechanism), coded)
                     : send(call, fmt::format("AUTHENTICATE {}", mechanism));
  if (!tag) return std::unexpected(tag.error());
  for (int challenge = at_once ? 1 : 0; challenge < 3; ++challenge) {
    auto go = continued(call, *tag);
    if (!go) return std::unexpected(go.error());
    if (!*go) return parse(*tag);
    if (auto sent = send_line(challenge == 0 ? std::string_view(coded) : refusal); !sent)
      return std::unexpected(sent.error());
  }
  return wrong(FaultKind::invalid, "The mail server asks for ever more at login.");
}

Result<Connection::Inside::Login> Connection::Inside::way_in(bool token, bool for_another) {
  const auto offers = [&](std::string_view word) { return capabilities.contains(word); };
  if (token) {
    if (offers("AUTH=OAUTHBEARER")) return Login::oauthbearer;
    if (offers("AUTH=XOAUTH2")) return Login::xoauth2;
    return wrong(FaultKind::unsupported, "The mail server takes no access tokens (OAUTHBEARER or XOAUTH2).");
  }
  if (offers("AUTH=PLAIN")) return Login::plain;  // RFC 4616
  if (for_another) {
    return wrong(FaultKind::unsupported,
                 "The mail server offers no SASL PLAIN, which auth = authzid needs: use "
                 "auth = master or password_dir, or switch PLAIN on at the server.");
  }
  if (offers("LOGINDISABLED")) {  // RFC 3501 §6.2.3: LOGIN must not be said
    return wrong(FaultKind::denied,
                 "The mail server takes no passwords over this connection (LOGINDISABLED): use tls = implicit or "
                 "starttls, or a kind of login that it offers.");
  }
  return Login::name_and_password;
}

Result<Reply> Connection::Inside::log_in_as(const Call& call, const Credentials& who) {
  if (!speakable(who)) return wrong(FaultKind::auth, "The name or password holds what cannot be sent.");
  const auto way = way_in(who.token, !who.authzid.empty());
  if (!way) return std::unexpected(way.error());
  switch (*way) {
    case Login::oauthbearer:
      return authenticate(call, "OAUTHBEARER", oauthbearer_message(who, host, port), "AQ==");
    case Login::xoauth2:
      return authenticate(call, "XOAUTH2", xoauth2_message(who), "");
    case Login::plain:
      return authenticate(call, "PLAIN", plain_message(who), "*");
    case Login::name_and_password:
      break;
  }
  const auto name = quoted(who.name);
  const auto password = quoted(who.password);
  if (!name || !password) return wrong(FaultKind::auth, "The name or password holds a line break.");
  auto tag = send(call, "LOGIN ", *name + ' ' + *password);
  if (!tag) return std::unexpected(tag.error());
  return receive(call, *tag, {});
}

// What is asked once a connection, in one flight: who the server is (some refuse to serve whoever doesn't say who he
// is), QRESYNC (RFC 7162 §3.2.3), namespaces (RFC 2342). None of it may fail the login.
Result<void> Connection::Inside::introduce(const Call& call) {
  std::vector<Tag> tags;
  const auto ask = [&](std::string_view command) -> Result<void> {
    auto tag = send(call, command);
    if (!tag) return std::unexpected(tag.error());
    tags.push_back(*tag);
    return {};
  };
  Result<void> step;
  if (capabilities.contains("ID")) step = ask("ID (\"name\" \"Tidegate\")");  // RFC 2971
  if (step && capabilities.contains("ENABLE") && capabilities.contains("QRESYNC")) step = ask("ENABLE QRESYNC");
  if (step && capabilities.contains("NAMESPACE")) step = ask("NAMESPACE");
  for (const Tag tag : tags) {
    if (!step) return step;
    auto reply = receive(call, tag, {});
    if (!reply) step = std::unexpected(reply.error());
  }
  return step ? compress(call) : step;
}

// RFC 4978. What follows the OK is compressed already, perhaps in the same packet. A refusal changes nothing.
Result<void> Connection::Inside::compress(const Call& call) {
  if (!wants_compression || !capabilities.contains("COMPRESS=DEFLATE")) return {};
  driver.sip(true);
  auto reply = run(call, "COMPRESS DEFLATE");
  driver.sip(false);
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict == Verdict::ok) driver.compress();
  return {};
}

Result<void> Connection::Inside::encrypted(bool plain_allowed) {
  if (driver.stream().tls() || plain_allowed) return {};
  return wrong(FaultKind::denied, "The connection is not encrypted: no password is sent.");
}

Result<void> Connection::Inside::login(const Call& call, const Credentials& who, bool plain_allowed) {
  if (auto safe = encrypted(plain_allowed); !safe) return safe;
  forget_told_capabilities();
  auto reply = log_in_as(call, who);
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict != Verdict::ok) {
    is_dead = true;
    return std::unexpected(refused(*reply, Doing::login, where));
  }
  capabilities = capabilities_of(*imap);  // most servers tell them with the OK (RFC 3501 §7.1); else we ask
  auto learned = learn_capabilities(call);
  forget_told_capabilities();
  if (!learned) return learned;
  return introduce(call);
}

Result<std::unique_ptr<Connection::Inside>> Connection::Inside::reach(const Settings& s, const Call& call) {
  sim::Endpoint endpoint;
  endpoint.host = s.host;
  endpoint.port = s.port;
  endpoint.tls = s.security == Security::implicit;
  endpoint.ca_file = s.ca_file;
  auto stream = tls::connect_blocking(endpoint, call);
  if (!stream) return std::unexpected(stream.error());
  auto in = std::make_unique<Inside>(s, std::move(*stream));
  Result<void> step = in->greet(call);
  if (step) step = in->learn_capabilities(call);
  if (step && s.security == Security::starttls) step = in->start_tls(call);
  if (!step) return std::unexpected(step.error());
  return in;
}

Result<std::unique_ptr<Connection>> Connection::open(const Settings& s, const Credentials& who, const Call& call) {
  auto in = Inside::reach(s, call);
  if (!in) return std::unexpected(in.error());
  if (auto step = (*in)->login(call, who, s.security == Security::none && s.allow_plaintext); !step)
    return std::unexpected(step.error());
  return std::unique_ptr<Connection>(new Connection(std::move(*in)));
}

Result<void> Connection::test(const Settings& s, const Call& call) {
  auto in = Inside::reach(s, call);
  if (!in) return std::unexpected(in.error());
  if (auto safe = (*in)->encrypted(s.security == Security::none && s.allow_plaintext); !safe) return safe;
  const auto way = (*in)->way_in(s.auth == Auth::token, s.auth == Auth::authzid);
  if (!way) return std::unexpected(way.error());
  return {};
}

}  // namespace tidegate::imap
