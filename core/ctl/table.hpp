// SPDX-License-Identifier: Apache-2.0
// Answers as text for people: columns as the daemon names them, as wide as they need. Pure.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/ctl/protocol.hpp"

namespace tidegate::ctl {

std::string show(const Value&);  ///< "yes", "no", "-" for none; control characters replaced

/// Collects an answer's lines; text() is all that is to be printed so far, once.
class Printout {
 public:
  void add(const Line&);  ///< End prints the table that is open, not the fault
  std::string take();

 private:
  void table();
  void upright();
  std::string out_;
  std::optional<Columns> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tidegate::ctl
