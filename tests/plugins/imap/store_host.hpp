// SPDX-License-Identifier: Apache-2.0
// A Host for tests of the plugin alone, and shorthand for its verbs.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

class TestHost final : public Host {
 public:
  void log(int level, std::string_view text) noexcept override {
    if (level >= 3) notes.emplace_back(text);
  }
  Clock::time_point now() const noexcept override { return Clock::now() + (skew += step); }
  void random(std::span<std::byte>) noexcept override {}
  Result<Bytes> secret(std::string_view key) override {
    asked_for = key;
    const auto own = passwords.find(std::string(key));
    if (own != passwords.end()) return own->second;
    if (key != "password") return fault(FaultKind::not_found, "test", "there is no such secret");
    return password;
  }
  std::unique_ptr<FdWait> wait(int, bool, std::move_only_function<void()>) override { return nullptr; }
  std::unique_ptr<Timer> at(Clock::time_point, std::move_only_function<void()>) override { return nullptr; }

  Bytes password = "pw-gateway";
  std::map<std::string, Bytes> passwords;  ///< "password/ann" …
  std::string asked_for;
  std::vector<std::string> notes;  ///< warnings and worse
  mutable Clock::duration skew{};
  Clock::duration step{};  ///< from one look at the clock to the next, beside what passes
};

inline Call within(std::chrono::milliseconds time = std::chrono::seconds(20)) {
  return Call{Clock::now() + time, {}, 0};
}

/// What a core would hold after replaying the pages.
struct Replica {
  std::map<Bytes, Upsert> items;
  std::map<Bytes, Folder> folders;
  Bytes anchor;
  std::vector<Bytes> order;  ///< ids in the order they first came
  int upserts = 0, pages = 0, listed = 0, removed = 0;

  void replay(Page page) {
    ++pages;
    for (Change& change : page.changes) {
      if (auto* item = std::get_if<Upsert>(&change)) {
        ++upserts;
        if (!items.contains(item->id)) order.push_back(item->id);
        items.insert_or_assign(item->id, std::move(*item));
      } else if (auto* gone = std::get_if<Removed>(&change)) {
        ++removed;
        items.erase(gone->id);
      } else if (std::holds_alternative<Listed>(change)) {
        ++listed;
      } else if (auto* folder = std::get_if<FolderUpsert>(&change)) {
        folders.insert_or_assign(folder->folder.id, folder->folder);
      }
    }
    anchor = std::move(page.anchor);
  }

  /// Until there is no more; how many pages it took.
  int follow(Session& session, const std::string& scope, const Want& want = {}) {
    const int before = pages;
    for (bool more = true; more;) {
      auto page = session.changes(within(), scope, anchor, want);
      if (!page) {
        ADD_FAILURE() << to_string(page.error().kind) << ": " << page.error().text << " / " << page.error().cause;
        return 0;
      }
      more = page->more;
      replay(std::move(*page));
    }
    return pages - before;
  }
};

}  // namespace tidegate::imap
