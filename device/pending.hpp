// SPDX-License-Identifier: Apache-2.0
// What the journaled commands of one item amount to: a mask over what the store says until their results are there
// (design: state, "Commands from devices": a pending command masks what comes in for its gid). Pure.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/e2e/sync.hpp"

namespace tidegate::device {

using e2e::Gid;

class Pending {
 public:
  void add(const e2e::Command& command) {
    switch (command.verb) {
      case e2e::Verb::set_flags:
        set_ = (set_ & ~command.flags_clear) | command.flags_add;
        cleared_ = (cleared_ & ~command.flags_add) | command.flags_clear;
        for (const auto& word : command.keywords_clear) words_[word] = false;
        for (const auto& word : command.keywords_add) words_[word] = true;
        break;
      case e2e::Verb::move:
        folder_ = command.to;
        break;
      case e2e::Verb::remove:
        removed_ = command.content_rev;
        break;
      case e2e::Verb::create:
        creating_ = true;
        break;
      case e2e::Verb::update:
        updating_ = command.content_rev;
        break;
      default:
        break;
    }
  }
  /// The flags an item has here if the store has `base`.
  std::uint32_t flags(std::uint32_t base) const { return (base | set_) & ~cleared_; }
  /// The same of keywords.
  std::vector<std::string> keywords(std::vector<std::string> base) const {
    for (const auto& [word, set] : words_) {
      std::erase(base, word);
      if (set) base.push_back(word);
    }
    return base;
  }
  const std::optional<Gid>& folder() const { return folder_; }        ///< where it was moved to
  const std::optional<Bytes>& removed() const { return removed_; }    ///< the revision that was removed
  const std::optional<Bytes>& updating() const { return updating_; }  ///< the revision that was edited last
  bool creating() const { return creating_; }

 private:
  std::uint32_t set_ = 0, cleared_ = 0;
  std::map<std::string, bool> words_;  ///< set or cleared
  std::optional<Gid> folder_;
  std::optional<Bytes> removed_, updating_;
  bool creating_ = false;
};

using PendingItems = std::map<std::pair<std::uint64_t, Gid>, Pending>;

struct FolderPlace {
  Gid parent{};  ///< all zero: top
  std::string name;
  bool operator==(const FolderPlace&) const = default;
};

/// What the journaled commands on folders amount to.
struct PendingFolders {
  struct Made {
    std::uint64_t view = 0, number = 0;  ///< of the command
    FolderPlace place;
    std::string directory;  ///< below the Maildir's root
    bool failed = false;    ///< it will not be made: it is here only
  };
  std::map<std::pair<std::uint64_t, Gid>, FolderPlace> changed;  ///< what they are called here
  std::set<std::pair<std::uint64_t, Gid>> removed;
  std::vector<Made> made;
};

}  // namespace tidegate::device
