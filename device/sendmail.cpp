// SPDX-License-Identifier: Apache-2.0
#include "device/sendmail.hpp"

namespace tidegate::device {
namespace {

/// -f ADDRESS and its like: the sender is the account's user, whatever a mail program says.
bool takes_value(std::string_view word) {
  return word == "-f" || word == "-r" || word == "-F" || word == "-N" || word == "-R";
}
bool harmless(std::string_view word) {
  for (const std::string_view known : {"-f", "-r", "-F", "-N", "-R", "-o", "-B", "-bm", "-v", "-U", "-G", "-n"})
    if (word.starts_with(known)) return true;
  return false;
}

}  // namespace

Result<std::optional<SendArguments>> read_send_arguments(const std::vector<std::string>& words) {
  SendArguments out;
  bool named = false, options_over = false;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const auto& word = words[at];
    const bool option = !options_over && word.size() > 1 && word.starts_with('-');
    if (option && word == "--state" && at + 1 < words.size()) {
      out.state = words[++at];
    } else if (option && word.starts_with("--state=")) {
      out.state = word.substr(8);
    } else if (!named) {
      if (word != "send") return std::nullopt;  // another command's words
      named = true;
    } else if (!option) {
      out.recipients.push_back(word);
    } else if (word == "--") {
      options_over = true;
    } else if (word == "-t") {
      out.from_header = true;
    } else if (word == "-i" || word == "-oi") {
      out.dots = false;
    } else if (word == "-ti" || word == "-it") {
      out.from_header = true, out.dots = false;
    } else if (takes_value(word)) {
      ++at;
    } else if (!harmless(word)) {
      return fault(FaultKind::invalid, "send", "There is no option " + word + " of `send`; see --help.");
    }
  }
  if (!named) return std::nullopt;
  return out;
}

}  // namespace tidegate::device
