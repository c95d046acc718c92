// SPDX-License-Identifier: Apache-2.0
// Whose store is made of what: [site:NAME] says for a pattern of users which [backend:NAME] holds their mail,
// calendars, contacts, tasks and notes. Pure. Any thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/ini.hpp"

namespace tidegate::config {

enum class Part : std::uint8_t { mail, calendar, contacts, tasks, notes };
std::string_view to_string(Part);

struct Site {
  std::string name;
  std::vector<std::string> users;  ///< patterns: * stands for any octets, ? for one; without regard to case (ASCII)
  std::map<Part, std::string> backends;  ///< part → NAME of [backend:NAME]
  unsigned line = 0;
};

struct Chosen {
  const Site* site = nullptr;
  std::string_view pattern;  ///< the one that won
};

class Sites {
 public:
  /// Reads each [site:…] and holds it against the [backend:…] sections. Faults `invalid` at file:line: unknown key, a
  /// back-end that isn't there, no users, nothing to serve, the same pattern in two sites.
  static Result<Sites> read(const Ini&);

  /// The site of a user: the pattern with the most octets that aren't wildcards wins, then the one with fewer
  /// wildcards, then the one that stands first. Fault not_found says which file to look at.
  Result<Chosen> of(std::string_view user) const;
  const std::vector<Site>& all() const { return sites_; }

  static std::string manual();
  static std::string sample();

 private:
  std::string file_;
  std::vector<Site> sites_;
};

/// Glob of a whole string; linear memory, at most pattern × text steps.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace tidegate::config
