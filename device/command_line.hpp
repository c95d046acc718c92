// SPDX-License-Identifier: Apache-2.0
// What tidegate-device is told by words and options.
#pragma once
#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace tidegate::device {

inline constexpr const char* usage =
    "tidegate-device pair [--relay URL --user ADDRESS] [CODE or tidegate: link]\n"
    "tidegate-device pair --suite vmes-1|none --relay URL --user ADDRESS ID\n"
    "tidegate-device run [--once-idle] [--events text|json] [--proxy URL ...]\n"
    "tidegate-device status [--json]\n"
    "tidegate-device policy [--json] [--all-folders | --only FOLDER ...] [--with FOLDER ...] [--without FOLDER ...]\n"
    "                       [--days N|all [--folder FOLDER]] [--events-back N|all]\n"
    "                       [--events-ahead N|all] [--largest SIZE|none] [--on-demand yes|no]\n"
    "tidegate-device fetch FILE|GID ... | fetch --list [--json]\n"
    "tidegate-device search WORD ... [--kind KIND] [--folder FOLDER] [--most N] [--json]\n"
    "tidegate-device agenda [--from DATE] [--to DATE | --days N] [--folder FOLDER] [--zone ZONE] [--json]\n"
    "tidegate-device respond [--all] [--days N] [--json]\n"
    "tidegate-device respond MAIL|UID accept|decline|tentative [--comment TEXT] [--as ADDRESS]\n"
    "tidegate-device send [-t] [-i] [--] [RECIPIENT ...] < message      (as sendmail)\n"
    "tidegate-device queue [--json] [--drop ID | --again ID]\n"
    "tidegate-device hold list [--json] | hold release ID | hold discard ID\n\n"
    "Keeps a Maildir (and calendars, contacts) on this machine like the mailbox behind the gateway.\n";

struct Command {
  std::string name;
  boost::program_options::variables_map values;
  std::string text(const char* key) const {
    return values.count(key) != 0 ? values[key].as<std::string>() : std::string();
  }
  std::vector<std::string> texts(const char* key) const {
    return values.count(key) != 0 ? values[key].as<std::vector<std::string>>() : std::vector<std::string>();
  }
  bool has(const char* key) const { return values.count(key) != 0; }
};

boost::program_options::options_description described();
/// With the words that stand alone, which --help does not list.
boost::program_options::options_description all_described();

}  // namespace tidegate::device
