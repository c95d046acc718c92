// SPDX-License-Identifier: Apache-2.0
// What a mock back-end's sessions, watch and script share: the users' mailboxes, the script's mischief, who is watched.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "plugins/mock/folder.hpp"
#include "plugins/mock/script.hpp"
#include "plugins/mock/settings.hpp"

namespace tidegate::mock {

/// One user's data; the mutex is held around every use of the tree and of its folders.
struct Box {
  std::mutex mutex;
  std::string name;  ///< of the directory or user; several spellings of a mailbox may lead to one box
  std::unique_ptr<Tree> tree;
};

/// Passes hints on to the core while there is somebody to hear them. Any thread.
class Ear {
 public:
  void attach(Hints*);  ///< nullptr: from its return on nothing is passed any more
  void add(const std::string& box, const std::string& mailbox);
  void drop(const std::string& box, const std::string& mailbox);
  void hint(const std::string& box, const Hint&);
  void hint_all();  ///< something was missed: anything may have changed anywhere
  void lost(const std::string& box, const Fault&);
  void deaf_until(Clock::time_point until) { deaf_ = until; }
  void clock(Host& host) { host_ = &host; }
  std::vector<std::string> boxes() const;

 private:
  mutable std::mutex mutex_;
  Host* host_ = nullptr;
  Hints* hints_ = nullptr;
  std::atomic<Clock::time_point> deaf_{};
  std::map<std::string, std::set<std::string>> watched_;  // box → mailboxes
};

class Store {
 public:
  Store(Host&, Settings);

  Host& host() { return host_; }
  const Settings& settings() const { return settings_; }
  Mischief& mischief() { return mischief_; }
  Ear& ear() { return ear_; }

  /// The box of a mailbox: "alice@example.com" is the directory of that name, else "alice". Fault not_found.
  Result<std::shared_ptr<Box>> box(std::string_view mailbox);
  /// Cancelled, or what the script wants of this verb; waits where it wants slowness.
  Result<void> begin(const Call&, std::string_view verb);
  /// Whether the script made an item of a box unreadable (law 11).
  bool spoilt(const std::string& box, View item) const;
  void spoil(const std::string& box, View item, bool yes);
  std::string random_word();  ///< 32 hexadecimal digits
  Result<void> test() const;  ///< whether root is there

 private:
  Result<std::string> name_of(std::string_view mailbox) const;

  Host& host_;
  Settings settings_;
  Mischief mischief_;
  Ear ear_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Box>, std::less<>> boxes_;
  std::set<std::pair<std::string, Bytes>> spoilt_;
};

}  // namespace tidegate::mock
