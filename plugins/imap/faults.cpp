// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/faults.hpp"

#include <array>
#include <charconv>

namespace tidegate::imap {
namespace {

using enum FaultKind;

struct Meaning {
  std::string_view sign;
  FaultKind kind;
  std::string_view text;
};

constexpr std::string_view try_later = "The mail server cannot serve this now; it is tried again.";
constexpr std::string_view slow_down = "The mail server asks for fewer requests; it is tried again later.";
constexpr std::string_view malformed = "The mail server does not take a message that is written like this one.";
constexpr std::string_view no_such = "The mail server no longer has this folder or message.";

// RFC 5530 §3, RFC 7889, RFC 4315; code words in upper case.
constexpr std::array codes = {
    Meaning{"AUTHENTICATIONFAILED", auth, "The mail server refused name or password: check the account's settings."},
    Meaning{
        "AUTHORIZATIONFAILED", auth,
        "The administrative account may not act for this user, or there is no such mailbox: grant it that right on the "
        "mail server, or correct the user's name."},
    Meaning{"EXPIRED", auth, "The password has expired: set a new one on the mail server and here."},
    Meaning{"PRIVACYREQUIRED", denied, "The mail server demands encryption: set tls = implicit or starttls."},
    Meaning{"CONTACTADMIN", denied, "The mail server wants its administrator to look at this account."},
    Meaning{"NOPERM", denied, "The mail server denies this: the account lacks the right for it."},
    Meaning{"NONEXISTENT", not_found, no_such},
    Meaning{"TRYCREATE", not_found, no_such},
    Meaning{"ALREADYEXISTS", exists, "A folder of this name is there already: choose another name."},
    Meaning{"OVERQUOTA", quota, "The mailbox is full: delete something or raise its quota."},
    Meaning{"TOOBIG", too_large, "The mail server takes no message of this size."},
    Meaning{"LIMIT", throttled, slow_down},
    Meaning{"UNAVAILABLE", unavailable, try_later},
    Meaning{"INUSE", unavailable, try_later},
    Meaning{"EXPUNGEISSUED", unavailable, try_later},
    Meaning{"CORRUPTION", unavailable, "The mail server says that its own data is damaged: tell its administrator."},
    Meaning{"SERVERBUG", unavailable, try_later},
    Meaning{"CANNOT", unsupported, "The mail server can never do this."},
    Meaning{"CLIENTBUG", invalid, "The mail server did not accept a command of ours: please report this."},
};

// Servers without response codes; lower case. Order matters: the throttles come before words they may contain.
constexpr std::array words = {
    Meaning{"backoff time", throttled, slow_down},
    Meaning{"throttled", throttled, slow_down},
    Meaning{"authenticated but not connected", throttled, slow_down},  // IMAP-22: not a bad password
    Meaning{"too many", throttled, "The mail server allows no more connections for this account; it is tried later."},
    Meaning{"maximum number of connections", throttled,
            "The mail server allows no more connections for this account; it is tried later."},
    Meaning{"temporar", unavailable, try_later},
    Meaning{"try again", unavailable, try_later},
    Meaning{"internal error", unavailable, try_later},
    Meaning{"quota", quota, "The mailbox is full: delete something or raise its quota."},
    Meaning{"doesn't exist", not_found, no_such},
    Meaning{"does not exist", not_found, no_such},
    Meaning{"unknown mailbox", not_found, no_such},
    Meaning{"nonexistent", not_found, no_such},
    Meaning{"already exists", exists, "A folder of this name is there already: choose another name."},
    // Cyrus: "Message contains NUL characters", "... bare newlines", "... invalid header"; "Zero-length message
    // literal".
    Meaning{"message contains", invalid, malformed},
    Meaning{"zero-length message", invalid, malformed},
    Meaning{"permission denied", denied, "The mail server denies this: the account lacks the right for it."},
    Meaning{"too large", too_large, "The mail server takes no message of this size."},
    Meaning{"too big", too_large, "The mail server takes no message of this size."},
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "Suggested Backoff Time: 12345 milliseconds" (IMAP-24); at most an hour, whatever is asked.
std::chrono::milliseconds backoff(const std::string& words_lower) {
  constexpr std::string_view mark = "backoff time:";
  const auto at = words_lower.find(mark);
  if (at == std::string::npos) return std::chrono::minutes(1);
  auto digits = std::string_view(words_lower).substr(at + mark.size());
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  std::uint32_t ms = 60'000;
  std::from_chars(digits.data(), digits.data() + digits.size(), ms);
  return std::min<std::chrono::milliseconds>(std::chrono::milliseconds(ms), std::chrono::hours(1));
}

Fault made(const Meaning& meaning, const Reply& reply, std::string where) {
  Fault out{meaning.kind, std::move(where), std::string(meaning.text), reply.text, {}};
  if (out.kind == throttled) out.retry_after = backoff(lower(reply.text));
  return out;
}

}  // namespace

Fault refused(const Reply& reply, Doing doing, std::string where) {
  for (const Meaning& meaning : codes) {
    if (reply.code == meaning.sign) return made(meaning, reply, std::move(where));
  }
  const std::string said = lower(reply.text);
  for (const Meaning& meaning : words) {
    if (said.find(meaning.sign) != std::string::npos) return made(meaning, reply, std::move(where));
  }
  if (doing == Doing::login && reply.verdict == Verdict::no) return made(codes.front(), reply, std::move(where));
  if (reply.verdict == Verdict::bad) {
    return made({"", invalid, "The mail server did not understand a command; its version may be unsupported."}, reply,
                std::move(where));
  }
  // An unexplained NO may pass: repeating with back-off harms less than giving up.
  return made({"", unavailable, try_later}, reply, std::move(where));
}

}  // namespace tidegate::imap
