// SPDX-License-Identifier: Apache-2.0
// A tester's hand at the back-end itself: does there what no verb of a plugin can (a restore from a backup, an item
// that cannot be read any more). A command of his, --hand, called with a word; docs/man/tidegate-plugin-check.1 lists
// the words.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace tidegate::check {

class Hand {
 public:
  /// What the command is told in its environment: TIDEGATE_CHECK_… and the value.
  using About = std::vector<std::pair<std::string, std::string>>;
  enum class Outcome { done, cannot, failed };

  explicit Hand(std::string command = {}) : command_(std::move(command)) {}
  bool given() const { return !command_.empty(); }
  /// Waits for it. Exit 0: done; 77: this back-end can't be brought to that; anything else is a failure of the tester.
  Outcome does(const std::string& word, const About&) const;

 private:
  std::string command_;
};

}  // namespace tidegate::check
