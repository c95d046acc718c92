// SPDX-License-Identifier: Apache-2.0
// Message submission (RFC 6409): one connection a message, all its recipients or none.
//
//   connect → greeting → EHLO → (STARTTLS → EHLO) → AUTH → MAIL, RCPT… in one flight → DATA → octets
//     any fault up to here: nothing was sent, the fault says why
//   → Attempt::before("dot") → final dot
//     lost from here on: ambiguous (RFC 1047); 4xx and 5xx: not sent
//   → 250: sent
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/tls/blocking.hpp"
#include "plugins/imap/sasl.hpp"
#include "plugins/imap/settings.hpp"
#include "plugins/imap/smtp_message.hpp"
#include "plugins/imap/smtp_reply.hpp"

namespace tidegate::imap {

/// Blocks; used by one thread.
class Smtp {
 public:
  /// Connects, encrypts, logs in (where `who` is given).
  static Result<std::unique_ptr<Smtp>> open(const Settings&, const std::optional<Credentials>& who, const Call&);
  /// Once. Faults: those of the contract; refused recipients are named in the text.
  Result<void> submit(const Call&, const Envelope&, std::string_view message, Attempt&);

 private:
  Smtp(const Settings& settings, std::unique_ptr<tls::BlockingTls> stream);
  std::unexpected<Fault> wrong(FaultKind, std::string text, std::string cause = {}) const;
  Result<void> say(const Call&, std::string_view octets);
  Result<SmtpReply> hear(const Call&);
  Result<SmtpReply> ask(const Call&, std::string_view line);
  Result<void> hello(const Call&);
  Result<void> secure(const Call&);
  Result<void> log_in(const Call&, const Credentials&);
  Result<SmtpReply> log_in_by(const Call&, std::string_view mechanism, std::string_view message);
  Result<SmtpReply> log_in_by_name(const Call&, const Credentials&);
  Result<std::string> sender(const Envelope&, const SmtpNeeds&) const;
  Result<void> address(const Call&, const Envelope&, const std::string& mail_from);
  Result<void> deliver(const Call&, std::string_view message, Attempt&);

  const Settings& settings_;
  const std::string where_;
  std::unique_ptr<tls::BlockingTls> stream_;
  SmtpReplies replies_;
  SmtpOffers offers_;
};

/// Everything a Source gives; too_large if that is more than `most` octets.
Result<std::string> whole_message(Source&, std::uint64_t most);

}  // namespace tidegate::imap
