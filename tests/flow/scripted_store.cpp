// SPDX-License-Identifier: Apache-2.0
#include "tests/flow/scripted_store.hpp"

#include <algorithm>

namespace tidegate::flow {
namespace {

template <class T>
Result<T> no() {
  return fault(FaultKind::unsupported, "scripted", "the scripted store has no such verb");
}

}  // namespace

class ScriptedSession final : public Session {
 public:
  explicit ScriptedSession(ScriptedStore& store) : store_(store) {}
  Capabilities capabilities() const override {
    return {.ranged_read = true, .delta = true, .removals = true, .sessions_per_user = 4};
  }

  Result<Page> changes(const Call&, View scope, View anchor, const Want& want) override {
    if (auto bad = failing()) return std::unexpected(*bad);
    if (scope.empty()) return tree();
    auto folder = std::string(scope);
    auto found = store_.folders_.find(folder);
    if (found == store_.folders_.end()) return fault(FaultKind::not_found, folder, "no such folder");
    // Anchor: "L<clock>:<last id>" within a listing, "D<clock>" after it.
    if (anchor.empty()) return list(folder, found->second, store_.clock_, {}, want);
    auto text = std::string(anchor);
    auto at = std::stoull(text.substr(1));
    if (at < store_.valid_from_[folder]) return fault(FaultKind::anchor_expired, folder, "that was long ago");
    if (text[0] == 'L') return list(folder, found->second, at, text.substr(text.find(':') + 1), want);
    return delta(folder, found->second, at, want);
  }
  Result<std::uint64_t> read(const Call&, View item, Range range, Sink sink) override {
    if (auto bad = failing()) return std::unexpected(*bad);
    for (const auto& [name, items] : store_.folders_)
      if (auto found = items.find(std::string(item)); found != items.end()) {
        const auto& content = found->second.content;
        auto piece = View(content).substr(std::min<std::size_t>(range.from, content.size()), range.length);
        if (!piece.empty()) sink(std::as_bytes(std::span(piece)));
        return piece.size();
      }
    return fault(FaultKind::not_found, std::string(item), "gone");
  }
  Result<Written> create(const Call&, View, const NewItem&, Source, Attempt&) override { return no<Written>(); }
  Result<Written> update(const Call&, View, View, Source) override { return no<Written>(); }
  Result<Written> set_flags(const Call&, View, const FlagDelta&) override { return no<Written>(); }
  Result<Written> move(const Call&, View, View, View, Attempt&) override { return no<Written>(); }
  Result<void> remove(const Call&, View, View, View) override { return no<void>(); }
  Result<Folder> make_folder(const Call&, const Folder&, Attempt&) override { return no<Folder>(); }
  Result<Folder> change_folder(const Call&, const Folder&) override { return no<Folder>(); }
  Result<void> remove_folder(const Call&, View) override { return no<void>(); }
  Result<Sent> send(const Call&, const Envelope&, Source, View, Attempt&) override { return no<Sent>(); }
  Result<Written> respond(const Call&, View, const Reply&, Attempt&) override { return no<Written>(); }
  Result<Hits> search(const Call&, View, std::string_view, View) override { return no<Hits>(); }
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override {
    return no<std::vector<Person>>();
  }
  Result<Parking> park(const Call&) override { return no<Parking>(); }
  Result<Hint> unpark(const Call&) override { return no<Hint>(); }

 private:
  std::optional<Fault> failing() {
    if (store_.faults_left_ == 0) return std::nullopt;
    --store_.faults_left_;
    return Fault{store_.fault_, "scripted", "as the script says", {}, {}};
  }
  Result<Page> tree() {
    Page page;
    for (const auto& [name, items] : store_.folders_)
      page.changes.emplace_back(FolderUpsert{{.id = name,
                                              .parent = {},
                                              .scope = name,
                                              .name = name,
                                              .kind = Kind::mail,
                                              .role = name == "INBOX" ? Role::inbox : Role::none,
                                              .rights = 0}});
    page.changes.emplace_back(Listed{""});
    page.anchor = "tree";
    return page;
  }
  static Upsert upsert(const std::string& folder, const ScriptedStore::Item& item, const Want& want) {
    Upsert made{.id = item.id,
                .folders = {folder},
                .content_rev = "1",
                .state_rev = {},
                .kind = Kind::mail,
                .size = item.content.size(),
                .received = std::chrono::sys_seconds(std::chrono::seconds(item.received)),
                .flags = item.flags,
                .keywords = {},
                .fingerprint = {},
                .was = {},
                .content = {}};
    std::uint64_t mixed = item.content.size() * 1'000'003ULL + static_cast<std::uint64_t>(item.received);
    for (unsigned char c : item.content) mixed = mixed * 31 + c;
    for (std::size_t at = 0; at < 8; ++at) made.fingerprint[at] = static_cast<std::byte>(mixed >> (at * 8U));
    if (item.content.size() <= want.inline_up_to) made.content = item.content;
    return made;
  }
  static Page list(const std::string& folder, const std::map<std::string, ScriptedStore::Item>& items,
                   std::uint64_t clock, const std::string& after, const Want& want) {
    std::vector<const ScriptedStore::Item*> newest;
    for (const auto& [id, item] : items) newest.push_back(&item);
    std::ranges::sort(newest, [](const auto* a, const auto* b) {
      return std::pair(a->received, a->id) > std::pair(b->received, b->id);
    });
    // Where the earlier page ended may be gone by now: its instant is remembered with it.
    auto begin = newest.begin();
    if (!after.empty()) {
      auto cut = after.find('|');
      std::pair last{std::int64_t{std::stoll(after.substr(0, cut))}, after.substr(cut + 1)};
      begin =
          std::ranges::find_if(newest, [&](const auto* each) { return std::pair(each->received, each->id) < last; });
    }
    Page page;
    for (; begin != newest.end() && page.changes.size() < want.limit; ++begin)
      page.changes.emplace_back(upsert(folder, **begin, want));
    if (begin == newest.end()) {
      page.changes.emplace_back(Listed{folder});
      page.anchor = "D" + std::to_string(clock);
      page.more = true;  // what changed while it was listed
    } else {
      const auto* last = *(begin - 1);
      page.anchor = "L" + std::to_string(clock) + ":" + std::to_string(last->received) + "|" + last->id;
      page.more = true;
    }
    return page;
  }
  Page delta(const std::string& folder, const std::map<std::string, ScriptedStore::Item>& items, std::uint64_t at,
             const Want& want) {
    Page page;
    page.anchor = "D" + std::to_string(at);
    for (const auto& entry : store_.journal_[folder]) {
      if (entry.at <= at) continue;
      if (page.changes.size() >= want.limit) {
        page.more = true;
        break;
      }
      if (auto found = items.find(entry.id); found != items.end())
        page.changes.emplace_back(upsert(folder, found->second, want));
      else
        page.changes.emplace_back(Removed{entry.id, folder});
      page.anchor = "D" + std::to_string(entry.at);
    }
    return page;
  }
  ScriptedStore& store_;
};

namespace {
class ScriptedWatch final : public Watch {
 public:
  ScriptedWatch(std::set<Hints*>& listeners, Hints& hints) : listeners_(listeners), hints_(hints) {
    listeners_.insert(&hints_);
  }
  ~ScriptedWatch() override { listeners_.erase(&hints_); }
  void add(View) noexcept override {}
  void drop(View) noexcept override {}

 private:
  std::set<Hints*>& listeners_;
  Hints& hints_;
};
}  // namespace

class ScriptedBackend final : public Backend {
 public:
  explicit ScriptedBackend(ScriptedStore& store) : store_(store) {}
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override {
    return std::make_unique<ScriptedSession>(store_);
  }
  std::unique_ptr<Watch> watch(Hints& hints) override {
    return std::make_unique<ScriptedWatch>(store_.listeners_, hints);
  }
  Result<void> test(const Call&) override { return {}; }

 private:
  ScriptedStore& store_;
};

namespace {
class ScriptedPlugin final : public Plugin {
 public:
  explicit ScriptedPlugin(std::function<std::unique_ptr<Backend>()> make) : make_(std::move(make)) {}
  std::span<const Setting> settings() const noexcept override { return {}; }
  Result<std::unique_ptr<Backend>> make(Host&, std::span<const std::pair<std::string, std::string>>) override {
    return make_();
  }

 private:
  std::function<std::unique_ptr<Backend>()> make_;
};
}  // namespace

std::unique_ptr<Plugin> ScriptedStore::plugin() {
  return std::make_unique<ScriptedPlugin>([this] { return std::make_unique<ScriptedBackend>(*this); });
}

}  // namespace tidegate::flow
