// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/smtp_reply.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace tidegate::imap {
namespace {

using enum FaultKind;

bool digit(char c) { return c >= '0' && c <= '9'; }

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// "5.7.1 text": class "." subject "." detail (RFC 3463 §2); empty if it doesn't begin so.
std::string_view status_code(std::string_view text, int code) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0) {
      if (at >= text.size() || text[at] != '.') return {};
      ++at;
    }
    const std::size_t start = at;
    while (at < text.size() && at - start < 3 && digit(text[at])) ++at;
    if (at == start) return {};
  }
  if ((at < text.size() && text[at] != ' ') || text[0] - '0' != code / 100) return {};
  return text.substr(0, at);
}

struct Kind {
  FaultKind kind;
  std::string_view text;
};
constexpr Kind later{unavailable, "The outgoing mail server cannot take this now; it is tried again."};
constexpr Kind slower{throttled, "The outgoing mail server asks for fewer messages; it is tried again later."};
constexpr Kind bad_address{invalid, "The outgoing mail server does not accept an address of this message: check it."};
constexpr Kind full{quota, "The recipient's mailbox is full: the message was not sent."};
constexpr Kind big{too_large, "The outgoing mail server takes no message of this size."};
constexpr Kind forbidden{denied, "The outgoing mail server refused to send this message."};
constexpr Kind syntax{invalid, "The outgoing mail server did not accept what was sent to it; please report this."};

bool says(const SmtpReply& reply, std::string_view word) { return upper(reply.text()).find(word) != std::string::npos; }

Kind login_kind(const SmtpReply& reply) {
  if (reply.code == 535) return {auth, "The outgoing mail server refused name or password: check smtp settings."};
  if (reply.code == 534 || reply.code == 538)
    return {denied, "The outgoing mail server wants another way to log in, or encryption: check smtp_tls."};
  if (reply.code / 100 == 5) return {auth, "The outgoing mail server did not accept the login: check smtp settings."};
  return later;
}

Kind for_now(const SmtpReply& reply) {
  const bool many = reply.enhanced.starts_with("4.7.") || says(reply, "TOO MANY") || says(reply, "THROTTL") ||
                    says(reply, "RATE LIMIT");
  return many ? slower : later;
}

// RFC 3463 §3 where the server tells; else RFC 5321 §4.2.2 and where it was said.
Kind for_good(const SmtpReply& reply, SmtpStep step) {
  const std::string_view why = std::string_view(reply.enhanced).substr(std::min<std::size_t>(2, reply.enhanced.size()));
  if (why == "3.4" || why == "2.3") return big;
  if (why == "2.2") return full;
  if (why.starts_with("1.")) return bad_address;
  if (why.starts_with("5.") && why != "5.3") return syntax;
  if (why.starts_with("7.")) return forbidden;
  switch (reply.code) {
    case 552:
      return step == SmtpStep::to ? full : big;  // RFC 1870 §6.1
    case 550:
    case 551:
    case 553:
    case 556:
      return step == SmtpStep::to ? bad_address : forbidden;
    case 530:
      return {denied, "The outgoing mail server wants a login or encryption first: check the smtp settings."};
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
    case 555:
      return syntax;
    default:
      return forbidden;
  }
}

}  // namespace

std::string SmtpReply::text() const {
  std::string out = fmt::format("{}", code);
  if (!enhanced.empty()) out += ' ' + enhanced;
  for (const std::string& line : lines) {
    if (out.size() > 500) break;
    out += ' ' + line;
  }
  return out;
}

bool SmtpReplies::feed(std::string_view octets) {
  for (const char c : octets) {
    if (broken_) return false;
    if (c == '\n') {
      broken_ = !end_line();
    } else if (line_.size() >= line_most) {
      broken_ = true;
    } else {
      line_ += c;
    }
  }
  return !broken_;
}

bool SmtpReplies::end_line() {
  std::string line = std::exchange(line_, {});
  if (line.ends_with('\r')) line.pop_back();
  if (line.size() < 3 || !std::ranges::all_of(line.substr(0, 3), digit)) return false;
  int code = 0;
  std::from_chars(line.data(), line.data() + 3, code);
  const bool more = line.size() > 3 && line[3] == '-';
  if (code < 200 || code > 599 || (line.size() > 3 && !more && line[3] != ' ')) return false;
  if (open_.code != 0 && open_.code != code) return false;
  if (open_.lines.size() >= lines_most || done_.size() >= lines_most) return false;
  open_.code = code;
  std::string_view text = std::string_view(line).substr(std::min<std::size_t>(4, line.size()));
  const std::string_view status = status_code(text, code);
  if (!status.empty()) {
    open_.enhanced = status;
    text.remove_prefix(std::min(status.size() + 1, text.size()));
  }
  open_.lines.emplace_back(text);
  if (!more) done_.push_back(std::exchange(open_, {}));
  return true;
}

std::optional<SmtpReply> SmtpReplies::take() {
  if (done_.empty()) return std::nullopt;
  SmtpReply first = std::move(done_.front());
  done_.erase(done_.begin());
  return first;
}

SmtpOffers SmtpOffers::of(const SmtpReply& ehlo) {
  SmtpOffers out;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
    std::string line = upper(ehlo.lines[i]);
    if (line.starts_with("AUTH=")) line[4] = ' ';  // servers older than RFC 4954
    const auto space = line.find(' ');
    const std::string_view word = std::string_view(line).substr(0, space);
    std::string_view rest = space == std::string::npos ? std::string_view() : std::string_view(line).substr(space + 1);
    if (word == "PIPELINING") out.pipelining = true;
    if (word == "8BITMIME") out.eight_bit = true;
    if (word == "SMTPUTF8") out.utf8 = true;
    if (word == "STARTTLS") out.starttls = true;
    if (word == "SIZE") std::from_chars(rest.data(), rest.data() + rest.size(), out.size);
    while (word == "AUTH" && !rest.empty()) {
      const auto end = std::min(rest.find(' '), rest.size());
      if (end > 0) out.logins.emplace(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return out;
}

Fault smtp_refused(const SmtpReply& reply, SmtpStep step, std::string where) {
  const auto [kind, text] = [&]() -> Kind {
    if (reply.code / 100 == 4 && step != SmtpStep::login) return for_now(reply);
    if (step == SmtpStep::login) return login_kind(reply);
    if (reply.code / 100 == 5) return for_good(reply, step);
    return {invalid, "The outgoing mail server gave an answer that fits no question."};
  }();
  Fault out{kind, std::move(where), std::string(text), reply.text(), {}};
  if (kind == throttled) out.retry_after = std::chrono::minutes(1);
  return out;
}

}  // namespace tidegate::imap
