// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/smtp.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tidegate::imap {
namespace {

constexpr std::size_t write_at_once = 64 * 1024;
constexpr std::size_t recipients_at_once = 50;  // RFC 2920 §3.1: what is written must not fill both sides' windows
constexpr std::size_t recipients_most = 1000;

// RFC 5321 §4.1.3: a client without a name says its address.
std::string own_address(int fd) {
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0) return "[127.0.0.1]";
  if (at.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(at).sin6_addr;
    ::inet_ntop(AF_INET6, &v6, text.data(), text.size());
    return fmt::format("[IPv6:{}]", text.data());
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(at).sin_addr;
  ::inet_ntop(AF_INET, &v4, text.data(), text.size());
  return fmt::format("[{}]", text.data());
}

}  // namespace

Smtp::Smtp(const Settings& settings, std::unique_ptr<tls::BlockingTls> stream)
    : settings_(settings),
      where_(fmt::format("{}:{}", settings.smtp.host, settings.smtp.port)),
      stream_(std::move(stream)) {}

std::unexpected<Fault> Smtp::wrong(FaultKind kind, std::string text, std::string cause) const {
  return fault(kind, where_, std::move(text), std::move(cause));
}

Result<void> Smtp::say(const Call& call, std::string_view octets) {
  while (!octets.empty()) {
    const auto part = octets.substr(0, write_at_once);
    if (auto sent = stream_->write(std::as_bytes(std::span(part)), call); !sent) return sent;
    octets.remove_prefix(part.size());
  }
  return {};
}

Result<SmtpReply> Smtp::hear(const Call& call) {
  for (;;) {
    if (auto reply = replies_.take()) {
      if (reply->code == 421) {  // RFC 5321 §3.8: it closes the connection, whatever was asked
        return std::unexpected(smtp_refused(*reply, SmtpStep::from, where_));
      }
      return std::move(*reply);
    }
    std::array<std::byte, 4096> part;
    auto got = stream_->read(part, call);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return wrong(FaultKind::unavailable, "The outgoing mail server closed the connection.");
    if (!replies_.feed({reinterpret_cast<const char*>(part.data()), *got}))
      return wrong(FaultKind::invalid, "What the outgoing mail server says is no SMTP: check smtp_host and smtp_port.");
  }
}

Result<SmtpReply> Smtp::ask(const Call& call, std::string_view line) {
  if (auto said = say(call, fmt::format("{}\r\n", line)); !said) return std::unexpected(said.error());
  return hear(call);
}

Result<void> Smtp::hello(const Call& call) {
  auto reply = ask(call, fmt::format("EHLO {}", own_address(stream_->fd())));
  if (!reply) return std::unexpected(reply.error());
  if (!reply->ok()) return std::unexpected(smtp_refused(*reply, SmtpStep::hello, where_));
  offers_ = SmtpOffers::of(*reply);
  return {};
}

Result<void> Smtp::secure(const Call& call) {
  if (!offers_.starttls) {
    return wrong(FaultKind::denied,
                 "The outgoing mail server offers no STARTTLS: use smtp_tls = implicit with its TLS port, or switch "
                 "encryption on at the server.");
  }
  auto reply = ask(call, "STARTTLS");
  if (!reply) return std::unexpected(reply.error());
  if (reply->code != 220) return std::unexpected(smtp_refused(*reply, SmtpStep::tls, where_));
  // What came with the answer came from anybody (CVE-2011-0411); what was told before TLS counts for nothing
  // (RFC 3207 §4.2).
  if (replies_.anything()) {
    return wrong(FaultKind::denied,
                 "Something was said between STARTTLS and TLS, as an attacker would; look at the network, or use "
                 "smtp_tls = implicit.");
  }
  if (auto up = stream_->start_tls(call); !up) return up;
  offers_ = {};
  return hello(call);
}

Result<SmtpReply> Smtp::log_in_by(const Call& call, std::string_view mechanism, std::string_view message) {
  auto reply = ask(call, fmt::format("AUTH {} {}", mechanism, base64(message)));  // RFC 4954 §4
  // RFC 7628 §3.2.3: the reason comes as a challenge, and is answered by one ^A; XOAUTH2 wants an empty line.
  if (reply && reply->code == 334) reply = ask(call, mechanism == "OAUTHBEARER" ? "AQ==" : "");
  return reply;
}

Result<SmtpReply> Smtp::log_in_by_name(const Call& call, const Credentials& who) {
  auto reply = ask(call, "AUTH LOGIN");
  if (reply && reply->code == 334) reply = ask(call, base64(who.name));
  if (reply && reply->code == 334) reply = ask(call, base64(who.password));
  return reply;
}

Result<void> Smtp::log_in(const Call& call, const Credentials& who) {
  if (!stream_->tls() && !settings_.allow_plaintext)
    return wrong(FaultKind::denied, "The connection is not encrypted: no password is sent.");
  if (!speakable(who)) return wrong(FaultKind::auth, "The name or password holds what cannot be sent.");
  const auto offers = [&](std::string_view mechanism) { return offers_.logins.contains(mechanism); };
  Result<SmtpReply> reply = SmtpReply{};
  if (who.token && offers("OAUTHBEARER")) {
    reply = log_in_by(call, "OAUTHBEARER", oauthbearer_message(who, settings_.smtp.host, settings_.smtp.port));
  } else if (who.token && offers("XOAUTH2")) {
    reply = log_in_by(call, "XOAUTH2", xoauth2_message(who));
  } else if (!who.token && offers("PLAIN")) {
    reply = log_in_by(call, "PLAIN", plain_message(who));
  } else if (!who.token && offers("LOGIN") && who.authzid.empty()) {
    reply = log_in_by_name(call, who);
  } else {
    return wrong(FaultKind::unsupported,
                 "The outgoing mail server offers no way to log in that fits auth; for a server that takes mail from "
                 "this host without one, say smtp_trusted = yes.");
  }
  if (!reply) return std::unexpected(reply.error());
  if (reply->code != 235) return std::unexpected(smtp_refused(*reply, SmtpStep::login, where_));
  return {};
}

Result<std::unique_ptr<Smtp>> Smtp::open(const Settings& settings, const std::optional<Credentials>& who,
                                         const Call& call) {
  sim::Endpoint endpoint;
  endpoint.host = settings.smtp.host;
  endpoint.port = settings.smtp.port;
  endpoint.tls = settings.smtp.security == Security::implicit;
  endpoint.ca_file = settings.ca_file;
  auto stream = tls::connect_blocking(endpoint, call);
  if (!stream) return std::unexpected(stream.error());
  std::unique_ptr<Smtp> smtp(new Smtp(settings, std::move(*stream)));
  auto greeting = smtp->hear(call);
  if (!greeting) return std::unexpected(greeting.error());
  if (!greeting->ok()) return std::unexpected(smtp_refused(*greeting, SmtpStep::greeting, smtp->where_));
  Result<void> step = smtp->hello(call);
  if (step && settings.smtp.security == Security::starttls) step = smtp->secure(call);
  if (step && who) step = smtp->log_in(call, *who);
  if (!step) return std::unexpected(step.error());
  return smtp;
}

Result<std::string> Smtp::sender(const Envelope& envelope, const SmtpNeeds& needs) const {
  if (needs.bare_cr)
    return wrong(FaultKind::invalid, "The message holds a carriage return that ends no line; such mail can't be sent.");
  if (offers_.size != 0 && needs.size > offers_.size)
    return wrong(FaultKind::too_large, "The outgoing mail server takes no message of this size.",
                 fmt::format("{} of at most {} octets", needs.size, offers_.size));
  bool utf8 = needs.utf8_header || !is_ascii(envelope.from);
  for (const std::string& to : envelope.to) utf8 = utf8 || !is_ascii(to);
  // RFC 6152 §3, RFC 6531 §3.2: what isn't offered must not be sent; and we change no mail.
  if (utf8 && !offers_.utf8)
    return wrong(FaultKind::unsupported,
                 "The outgoing mail server takes no addresses or headers beyond ASCII (SMTPUTF8).");
  if (needs.eight_bit && !offers_.eight_bit)
    return wrong(FaultKind::unsupported, "The outgoing mail server takes no 8-bit mail (8BITMIME).");
  const auto from = path(envelope.from);
  if (!from) return wrong(FaultKind::invalid, "The sender's address is none that mail can come from.");
  std::string line = "MAIL FROM:" + *from;
  if (offers_.size != 0) line += fmt::format(" SIZE={}", needs.size);  // RFC 1870 §6
  if (needs.eight_bit) line += " BODY=8BITMIME";
  if (utf8) line += " SMTPUTF8";
  return line;
}

// One refused recipient refuses the message: told "sent", nobody would look who has not got it; sent to some and told
// "failed", those would get it twice.
Result<void> Smtp::address(const Call& call, const Envelope& envelope, const std::string& mail_from) {
  std::vector<std::string> lines = {mail_from};
  for (const std::string& to : envelope.to) {
    const auto recipient = path(to);
    if (!recipient || to.empty()) return wrong(FaultKind::invalid, "\"" + to.substr(0, 100) + "\" is no address.");
    lines.push_back("RCPT TO:" + *recipient);
  }
  std::string refused;
  std::optional<Fault> worst;
  const std::size_t at_once = offers_.pipelining ? recipients_at_once : 1;  // RFC 2920
  for (std::size_t first = 0; first < lines.size(); first += at_once) {
    const std::size_t end = std::min(first + at_once, lines.size());
    std::string flight;
    for (std::size_t i = first; i < end; ++i) flight += lines[i] + "\r\n";
    if (auto said = say(call, flight); !said) return said;
    for (std::size_t i = first; i < end; ++i) {
      auto reply = hear(call);
      if (!reply) return std::unexpected(reply.error());
      if (reply->ok()) continue;
      if (i == 0) return std::unexpected(smtp_refused(*reply, SmtpStep::from, where_));
      Fault why = smtp_refused(*reply, SmtpStep::to, where_);
      refused += (refused.empty() ? "" : ", ") + envelope.to[i - 1];
      if (!worst || reply->code / 100 == 5) worst = std::move(why);  // what is for good outweighs what may pass
    }
  }
  if (!worst) return {};
  if (refused.size() > 500) refused = refused.substr(0, 500) + " …";
  worst->text += " Refused: " + refused + ".";
  return std::unexpected(std::move(*worst));
}

Result<void> Smtp::deliver(const Call& call, std::string_view message, Attempt& attempt) {
  auto go = ask(call, "DATA");
  if (!go) return std::unexpected(go.error());
  if (go->code != 354) return std::unexpected(smtp_refused(*go, SmtpStep::data, where_));
  if (auto said = say(call, stuffed(message)); !said) return said;
  // Up to here a lost connection means "not sent". From the dot on nobody can tell: that must be known after a crash.
  if (attempt.before) {
    if (auto noted = attempt.before("dot"); !noted) return noted;
  }
  const auto settled = [&](const Fault& lost) -> Result<void> {
    return wrong(FaultKind::ambiguous,
                 "The outgoing mail server was lost before it confirmed: the message may have been sent.",
                 lost.text + ' ' + lost.cause);
  };
  if (auto said = say(call, ".\r\n"); !said) return settled(said.error());
  auto done = hear(call);
  if (!done) {
    // 421 instead of 250 says that it was not taken (RFC 5321 §4.2.4.2, §3.8).
    const bool refused = done.error().cause.starts_with("421");
    return refused ? std::unexpected(done.error()) : settled(done.error());
  }
  if (done->ok()) return {};
  if (done->code / 100 == 3) return settled(smtp_refused(*done, SmtpStep::dot, where_));
  return std::unexpected(smtp_refused(*done, SmtpStep::dot, where_));
}

Result<void> Smtp::submit(const Call& call, const Envelope& envelope, std::string_view message, Attempt& attempt) {
  if (envelope.to.empty()) return wrong(FaultKind::invalid, "The message has no recipient.");
  if (envelope.to.size() > recipients_most)
    return wrong(FaultKind::too_large, fmt::format("A message goes to {} recipients at most.", recipients_most));
  auto mail_from = sender(envelope, needs_of(message));
  if (!mail_from) return std::unexpected(mail_from.error());
  Result<void> step = address(call, envelope, *mail_from);
  if (step) step = deliver(call, message, attempt);
  // A goodbye nobody waits for: after the 250 the message is theirs, whatever becomes of the connection.
  if (step) [[maybe_unused]]
    const auto said = say(call, "QUIT\r\n");
  return step;
}

Result<std::string> whole_message(Source& source, std::uint64_t most) {
  std::string out;
  std::array<std::byte, 16 * 1024> part;
  while (const auto got = source(part)) {
    if (out.size() + got > most) return fault(FaultKind::too_large, "smtp", "The message is too large to be sent.");
    out.append(reinterpret_cast<const char*>(part.data()), got);
  }
  return out;
}

}  // namespace tidegate::imap
