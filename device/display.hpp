// SPDX-License-Identifier: Apache-2.0
// What run says: words and a bar on a terminal, plain lines elsewhere, or one JSON object a line for programs. Pure:
// events in, text out.
#pragma once
#include <string>

#include "device/device.hpp"

namespace tidegate::device {

std::string json_text(std::string_view);  ///< quoted; what is not UTF-8 becomes U+FFFD

/// One event as a JSON object (without line end):
///   {"event":"item","folder":…,"subject":…,"from":…,"size":n,"sha256":hex,"path":…,"kind":…,"live":bool,"at_unix_ms":n,
///    "at_unix_us":n}
///   {"event":"connected"|"gateway_away"|"current"|"not_current"|"backfill"|"alarm"|"disk"|"disk_fine"|"idle"|"wiped"|"stopped",…}
std::string to_json(const Event&);

std::string grouped(std::uint64_t);         ///< 1,234
std::string size_text(std::uint64_t);       ///< 2.4 KiB
std::string clock_text(std::int64_t unix);  ///< local hh:mm
/// "inbox 1,234 of 20,000, newest first [######----]"; `width` of the terminal, 0: no bar.
std::string progress_text(const Progress&, unsigned width);

/// For people. A terminal gets the bar redrawn in place; `width` 0: not a terminal, no bar at all.
class Screen {
 public:
  explicit Screen(unsigned width) : width_(width) {}
  std::string show(const Event&);  ///< text to be written as it is; may be empty

 private:
  std::string line(std::string text);  ///< wipes the bar, then the line, then the bar again
  unsigned width_;
  std::string bar_;
  std::string last_folder_;
  std::uint64_t last_tenth_ = 0;
};

}  // namespace tidegate::device
