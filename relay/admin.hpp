// SPDX-License-Identifier: Apache-2.0
// The subcommands: words in, a table or a sentence out, and what follows for those who are connected. Runs on the
// relay's database thread, or in the subcommand's own process when no relay runs. Blocks.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "relay/accounts/accounts.hpp"
#include "relay/accounts/password.hpp"

namespace tidegate::relay {

/// What a running relay does after a change, so that it takes effect at once.
struct Effect {
  enum class What : std::uint8_t { licence_out, user_out, user_changed, device_out } what;
  std::int64_t licence = 0;
  std::string user;
  Bytes device;
  std::vector<Bytes> gateways;  ///< whose list of users changed
  wire::Code code = wire::Code::forbidden;
  std::string text;
};

struct AdminAnswer {
  bool ok = true;
  std::string text;  ///< a sentence; with ok = false what is wrong and what to do
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<Effect> effects;
};

struct AdminRequest {
  std::vector<std::string> words;  ///< "licence", "add", "acme", "--seats", "10" …
  std::string password;            ///< what --password-file held
  std::string salt;                ///< 16 random octets
  HashCost cost;
  std::string who;  ///< for the audit log
  std::int64_t now = 0;
};

AdminAnswer administer(Accounts&, const AdminRequest&);
/// A sentence if no subcommand begins with these words (those that need a running relay or none apart), else empty.
std::string unknown_subcommand(const std::vector<std::string>& words);

/// {"ok":…,"text":…,"columns":[…],"rows":[[…]]}, one line.
std::string to_json(const AdminAnswer&);
Result<AdminAnswer> from_json(std::string_view);
/// The same for people: an aligned table, or the sentence.
std::string to_text(const AdminAnswer&);
std::string request_to_json(const std::vector<std::string>& words, std::string_view password);
struct AdminWire {
  std::vector<std::string> words;
  std::string password;
};
Result<AdminWire> request_from_json(std::string_view);
/// "2027-12-31" to unix seconds of that day's end (UTC); 0 for "never". Fault invalid.
Result<std::int64_t> parse_date(std::string_view);
std::string show_time(std::int64_t unix_seconds);  ///< "2027-12-31 23:59:59"

}  // namespace tidegate::relay
