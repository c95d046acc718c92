// SPDX-License-Identifier: Apache-2.0
// What an SMTP server answers, and what it means. Pure: the fuzzers call it.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::imap {

/// RFC 5321 §4.2, with the status code of RFC 2034 taken off the text.
struct SmtpReply {
  int code = 0;
  std::string enhanced;            ///< "5.1.1", empty: none
  std::vector<std::string> lines;  ///< without codes
  [[nodiscard]] bool ok() const { return code >= 200 && code < 300; }
  [[nodiscard]] std::string text() const;  ///< one line, for logs: never for users
};

/// Takes octets as they come. Lines and replies are bounded; a line may end in a bare LF, as old servers say it.
class SmtpReplies {
 public:
  static constexpr std::size_t line_most = 4096;  // RFC 5321 §4.5.3.1.5 asks for 512
  static constexpr std::size_t lines_most = 200;

  /// False: what came is no SMTP, or breaks a bound; then for good.
  [[nodiscard]] bool feed(std::string_view octets);
  std::optional<SmtpReply> take();  ///< the oldest whole reply
  [[nodiscard]] bool anything() const { return !line_.empty() || !done_.empty() || open_.code != 0; }

 private:
  bool end_line();
  std::string line_;
  SmtpReply open_;
  std::vector<SmtpReply> done_;
  bool broken_ = false;
};

/// RFC 5321 §4.1.1.1, RFC 1870, 4954, 6152, 6531, 2920, 3207.
struct SmtpOffers {
  bool pipelining = false, eight_bit = false, utf8 = false, starttls = false;
  std::uint64_t size = 0;                     ///< 0: none told
  std::set<std::string, std::less<>> logins;  ///< upper case
  static SmtpOffers of(const SmtpReply& ehlo);
};

enum class SmtpStep : std::uint8_t { greeting, hello, tls, login, from, to, data, dot };

/// A refusal as a Fault; the server's own words go into `cause` only.
Fault smtp_refused(const SmtpReply&, SmtpStep, std::string where);

}  // namespace tidegate::imap
