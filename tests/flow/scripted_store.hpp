// SPDX-License-Identifier: Apache-2.0
// A back-end whose mailbox the test holds in its hand: changed at any moment, hints on demand, faults injected. It
// keeps a journal for deltas and forgets it on demand (anchor expired). Lives outside the simulated hosts, as a mail
// server does.
#pragma once
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::flow {

class ScriptedStore {
 public:
  struct Item {
    std::string id;
    Bytes content;
    std::uint32_t flags = 0;
    std::int64_t received = 0;
  };
  ScriptedStore() { folders_["INBOX"]; }

  void add(const std::string& folder, Bytes content, std::int64_t received) {
    auto id = folder + "/" + std::to_string(++next_);
    folders_[folder][id] = {.id = id, .content = std::move(content), .received = received};
    record(folder, id);
  }
  void set_flags(const std::string& folder, const std::string& id, std::uint32_t flags) {
    folders_.at(folder).at(id).flags = flags;
    record(folder, id);
  }
  void remove(const std::string& folder, const std::string id) {  // a copy: the caller's may be the key that goes
    folders_.at(folder).erase(id);
    record(folder, id);
  }
  void move(const std::string& from, const std::string id, const std::string& to) {
    const auto item = folders_.at(from).at(id);
    remove(from, id);
    add(to, item.content, item.received);
    set_flags(to, to + "/" + std::to_string(next_), item.flags);
  }
  /// All ids become others (UIDVALIDITY), and anchors are unknown.
  void renumber(const std::string& folder) {
    auto old = std::exchange(folders_.at(folder), {});
    for (auto& [id, item] : old) {
      item.id = folder + "/" + std::to_string(++next_);
      auto key = item.id;
      folders_[folder][key] = std::move(item);
    }
    journal_.erase(folder);
    valid_from_[folder] = ++clock_;
    hint();
  }
  void fail_next(FaultKind kind, unsigned times) {
    fault_ = kind;
    faults_left_ = times;
  }
  const std::map<std::string, std::map<std::string, Item>>& folders() const { return folders_; }
  std::multiset<Bytes> contents() const {
    std::multiset<Bytes> all;
    for (const auto& [name, items] : folders_)
      for (const auto& [id, item] : items) all.insert(item.content);
    return all;
  }

  std::unique_ptr<Plugin> plugin();
  bool hints = true;  ///< false: changes are found by the sweep only

 private:
  friend class ScriptedSession;
  friend class ScriptedBackend;
  struct Entry {
    std::uint64_t at = 0;
    std::string id;
  };
  void record(const std::string& folder, const std::string& id) {
    journal_[folder].push_back({++clock_, id});
    hint();
  }
  void hint() {
    if (!hints) return;
    for (auto* each : listeners_) each->hint("alice@example.com", {.scopes = {}, .all = true});
  }

  std::map<std::string, std::map<std::string, Item>> folders_;
  std::map<std::string, std::vector<Entry>> journal_;
  std::map<std::string, std::uint64_t> valid_from_;
  std::uint64_t next_ = 0, clock_ = 0;
  std::set<Hints*> listeners_;
  FaultKind fault_ = FaultKind::unavailable;
  unsigned faults_left_ = 0;
};

}  // namespace tidegate::flow
