// SPDX-License-Identifier: Apache-2.0
// The seam for hints about directories (Linux: one inotify instance a watch). A hint may be late, repeated, wrong or
// lost: whoever hears one looks for himself, and looks now and then without any.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace tidegate::sim {

struct DirectoryHint {
  std::string directory;  ///< empty: hints were lost, anything may have happened
  std::string name;       ///< last component
  bool deleted = false;   ///< the file was removed, not renamed away
};
/// On the reactor thread; must not destroy the watch.
using DirectoryHints = std::move_only_function<void(const DirectoryHint&)>;

class DirectoryWatch {
 public:
  virtual ~DirectoryWatch() = default;  ///< no hint comes after this
  /// Exactly these directories from now on; one that cannot be watched (not there, too many) gives no hints. Reactor
  /// thread.
  virtual void watch(const std::vector<std::string>& directories) = 0;
};

}  // namespace tidegate::sim
