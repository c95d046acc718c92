// SPDX-License-Identifier: Apache-2.0
// What tidegatectl can be told: the table that parses its command line and prints its help. A new command is a new
// row; what it does is the daemon's. Pure but for reading a password file.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ctl/protocol.hpp"

namespace tidegate::ctl {

/// A command's argument. Positional ones come in the table's order.
struct Argument {
  /// list_file: a file with one value a line, instead of the positional of the same field; asked for one by one.
  enum class Kind : std::uint8_t { positional, optional_positional, option, flag, secret_file, list_file } kind;
  std::string name;   ///< "user", "site": --site VALUE for an option
  std::string field;  ///< of the request
  std::string doc;
  bool required = false;  ///< options
};
struct Command {
  std::string words;  ///< "user add": also the request's command
  std::string doc;
  std::vector<Argument> arguments = {};
  std::chrono::minutes patience{5};  ///< for the answer: pairing, registering and stopping end within a minute or two
};
const std::vector<Command>& commands();

inline constexpr std::string_view default_socket = "/var/lib/tidegate/control.sock";

struct Invocation {
  std::string socket{default_socket};
  bool json = false;
  bool version = false;
  std::chrono::minutes patience{5};
  std::string help;  ///< non-empty: print this and end well
  Request request;
  std::string list, list_field;  ///< non-empty: the request is to be made for each line of this file, as this field
};
using ReadSecret = std::function<Result<std::string>(const std::string& path)>;
/// Arguments without the program's name. Fault invalid: a usage error whose sentence names the word and what to type.
Result<Invocation> parse(const std::vector<std::string>& words, const ReadSecret&);
std::string help();                ///< all commands
std::string help(const Command&);  ///< one

}  // namespace tidegate::ctl
