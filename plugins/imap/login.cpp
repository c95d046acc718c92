// SPDX-License-Identifier: Apache-2.0
// From a host name to a logged-in connection: TLS, greeting, capabilities, STARTTLS, the three ways to log in.
#include <algorithm>

#include "plugins/imap/connection_inside.hpp"

namespace tidegate::imap {
namespace {

// libetpan keeps a read and a write buffer of this size for ever; larger reads pass them by.
constexpr std::size_t stream_buffer = 1024;

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
  // What stands in the buffer was injected before encryption began (CVE-2011-0411 and its kin).
  if (imap->imap_stream->read_buffer_len != 0) {
    return wrong(FaultKind::denied,
                 "Something was said between STARTTLS and TLS, as an attacker would; look at the "
                 "network, or use tls = implicit.");
  }
  if (auto up = driver.stream().start_tls(call); !up) {
    is_dead = true;
    return up;
  }
  capabilities.clear();
  forget_told_capabilities();
  return learn_capabilities(call);
}

void Connection::Inside::forget_told_capabilities() {
  auto* info = imap->imap_connection_info;
  if (info == nullptr || info->imap_capability == nullptr) return;
  mailimap_capability_data_free(info->imap_capability);
  info->imap_capability = nullptr;
}

// RFC 4616; RFC 4959 where offered saves a round trip.
Result<Reply> Connection::Inside::authenticate_plain(const Call& call, const Credentials& who) {
  const std::string coded = base64(plain_message(who));
  if (capabilities.contains("SASL-IR")) {
    auto tag = send(call, "AUTHENTICATE PLAIN ", coded);
    if (!tag) return std::unexpected(tag.error());
    return receive(call, *tag, {});
  }
  auto tag = send(call, "AUTHENTICATE PLAIN");
  if (!tag) return std::unexpected(tag.error());
  auto go = continued(call, *tag);
  if (!go) return std::unexpected(go.error());
  if (!*go) return parse(*tag);
  if (auto sent = send_line(coded); !sent) return std::unexpected(sent.error());
  return receive(call, *tag, {});
}

Result<void> Connection::Inside::login(const Call& call, const Credentials& who, bool plain_allowed) {
  if (!driver.stream().tls() && !plain_allowed) {
    return wrong(FaultKind::denied, "The connection is not encrypted: no password is sent.");
  }
  forget_told_capabilities();
  Result<Reply> reply = Reply{};
  if (capabilities.contains("AUTH=PLAIN")) {
    reply = authenticate_plain(call, who);
  } else if (!who.authzid.empty()) {
    return wrong(FaultKind::unsupported,
                 "The mail server offers no SASL PLAIN, which auth = authzid needs: use "
                 "auth = master or password_dir, or switch PLAIN on at the server.");
  } else {
    const auto name = quoted(who.name);
    const auto password = quoted(who.password);
    if (!name || !password) return wrong(FaultKind::auth, "The name or password holds a line break.");
    auto tag = send(call, "LOGIN ", *name + ' ' + *password);
    if (!tag) return std::unexpected(tag.error());
    reply = receive(call, *tag, {});
  }
  if (!reply) return std::unexpected(reply.error());
  if (reply->verdict != Verdict::ok) {
    is_dead = true;
    return std::unexpected(refused(*reply, Doing::login, where));
  }
  capabilities = capabilities_of(*imap);  // most servers tell them with the OK (RFC 3501 §7.1); else we ask
  auto learned = learn_capabilities(call);
  forget_told_capabilities();
  return learned;
}

Result<std::unique_ptr<Connection>> Connection::open(const Settings& s, const Credentials& who, const Call& call) {
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
  if (step) step = in->login(call, who, s.security == Security::none && s.allow_plaintext);
  if (!step) return std::unexpected(step.error());
  return std::unique_ptr<Connection>(new Connection(std::move(in)));
}

}  // namespace tidegate::imap
