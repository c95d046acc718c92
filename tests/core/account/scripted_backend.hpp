// SPDX-License-Identifier: Apache-2.0
// A back-end in memory for one mailbox, with a journal as its truth, and faults on order. Locked, so that it also
// serves real threads.
#pragma once
#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::account {

class ScriptedBackend final : public Backend {
 public:
  // --- the script
  bool watched = true, parks = false, hears_everything = false, ranged = true, gives_no_session = false;
  std::uint64_t most_a_read = UINT64_MAX;  ///< cuts ranges short, as some servers do
  std::uint32_t sessions_per_user = 2;
  int park_fd = -1;
  std::function<void(const Call&, View scope)> during_changes;  ///< runs within the verb
  std::function<void(const Call&)> during_read;

  void add_folder(const std::string& id, Role role = Role::none, Kind kind = Kind::mail) {
    const std::scoped_lock lock(mutex_);
    tree_.push_back({id, {}, id, id, kind, role, 0});
    ++tree_version_;
  }
  void add(const std::string& folder, const std::string& id, std::string content = "content") {
    const std::scoped_lock lock(mutex_);
    auto& f = folders_[folder];
    Upsert u{};
    u.id = id;
    u.folders = {folder};
    u.content_rev = "c";
    u.size = content.size();
    u.received = std::chrono::sys_seconds(std::chrono::seconds(static_cast<long>(f.journal.size()) + 1));
    std::memcpy(u.fingerprint.data(), id.data(), std::min<std::size_t>(id.size(), 20));
    contents_[id] = std::move(content);
    f.journal.push_back(u);
  }
  void remove(const std::string& folder, const std::string& id) {
    const std::scoped_lock lock(mutex_);
    folders_[folder].journal.push_back(Removed{id, {}});
  }
  void restore(const std::string& folder, std::size_t entries) {  ///< from a backup with the first so many
    const std::scoped_lock lock(mutex_);
    folders_[folder].journal.resize(entries);
  }
  void forget_anchors(const std::string& folder) {  ///< UIDVALIDITY changed, say
    const std::scoped_lock lock(mutex_);
    ++folders_[folder].validity;
  }
  void fail_next(const std::string& verb, FaultKind kind, std::chrono::milliseconds retry_after = {}, int times = 1) {
    const std::scoped_lock lock(mutex_);
    for (int i = 0; i < times; ++i) faults_[verb].push_back({kind, "script", "As the script says.", {}, retry_after});
  }
  void forget_faults() {
    const std::scoped_lock lock(mutex_);
    faults_.clear();
  }
  void hint(const std::string& mailbox, std::vector<Bytes> scopes, bool all = false) {
    Hints* hints = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      hints = hints_;
    }
    if (hints != nullptr) hints->hint(mailbox, {std::move(scopes), all});
  }
  void lose(const std::string& mailbox) { hints_->lost(mailbox, {FaultKind::unavailable, "script", "Lost.", {}, {}}); }

  // --- what was seen
  int count(const std::string& what) const {
    const std::scoped_lock lock(mutex_);
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  std::vector<std::string> calls() const {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  void forget_calls() {
    const std::scoped_lock lock(mutex_);
    calls_.clear();
    counts_.clear();
  }
  int open_sessions() const {
    const std::scoped_lock lock(mutex_);
    return open_sessions_;
  }
  std::vector<Bytes> delivered() const {
    const std::scoped_lock lock(mutex_);
    return delivered_;
  }

  // --- Backend
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox&) override {
    const std::scoped_lock lock(mutex_);
    if (auto fault = note("open", "open")) return std::unexpected(*fault);
    if (gives_no_session) return nullptr;
    ++open_sessions_;
    return std::make_unique<ScriptedSession>(*this);
  }
  std::unique_ptr<Watch> watch(Hints& hints) override {
    if (!watched) return nullptr;
    const std::scoped_lock lock(mutex_);
    hints_ = &hints;
    return std::make_unique<ScriptedWatch>(*this);
  }
  Result<void> test(const Call&) override {
    const std::scoped_lock lock(mutex_);
    if (auto fault = note("test", "test")) return std::unexpected(*fault);
    return {};
  }

 private:
  struct FolderState {
    std::vector<std::variant<Upsert, Removed>> journal;
    int validity = 1;
  };

  class ScriptedWatch final : public Watch {
   public:
    explicit ScriptedWatch(ScriptedBackend& backend) : backend_(backend) {}
    ~ScriptedWatch() override {
      const std::scoped_lock lock(backend_.mutex_);
      backend_.hints_ = nullptr;
    }
    ScriptedWatch(const ScriptedWatch&) = delete;
    ScriptedWatch& operator=(const ScriptedWatch&) = delete;
    void add(View) noexcept override {
      const std::scoped_lock lock(backend_.mutex_);
      ++backend_.counts_["watch"];
    }
    void drop(View) noexcept override {}

   private:
    ScriptedBackend& backend_;
  };

  class ScriptedSession final : public Session {
   public:
    explicit ScriptedSession(ScriptedBackend& backend) : b_(backend) {}
    ~ScriptedSession() override {
      const std::scoped_lock lock(b_.mutex_);
      --b_.open_sessions_;
    }
    ScriptedSession(const ScriptedSession&) = delete;
    ScriptedSession& operator=(const ScriptedSession&) = delete;

    Capabilities capabilities() const override {
      Capabilities can;
      can.ranged_read = b_.ranged;
      can.parks = b_.parks;
      can.sessions_per_user = b_.sessions_per_user;
      return can;
    }
    Result<Page> changes(const Call& call, View scope, View anchor, const Want& want) override {
      if (b_.during_changes) b_.during_changes(call, scope);
      const std::scoped_lock lock(b_.mutex_);
      if (auto fault = b_.note("changes", "changes " + Bytes(scope))) return std::unexpected(*fault);
      return scope.empty() ? b_.tree_page(anchor) : b_.page(Bytes(scope), anchor, want);
    }
    Result<std::uint64_t> read(const Call& call, View item, Range range, Sink sink) override {
      if (b_.during_read) b_.during_read(call);
      Bytes content;
      {
        const std::scoped_lock lock(b_.mutex_);
        if (auto fault = b_.note("read", "read " + Bytes(item))) return std::unexpected(*fault);
        const auto found = b_.contents_.find(Bytes(item));
        if (found == b_.contents_.end()) return fault(FaultKind::not_found, "script", "Gone.");
        content = found->second;
      }
      const auto from = std::min<std::size_t>(range.from, content.size());
      const auto length = std::min<std::uint64_t>({range.length, content.size() - from, b_.most_a_read});
      if (length > 0) sink(std::as_bytes(std::span(content).subspan(from, length)));
      return length;
    }
    void expect(const Call&, std::span<const Reading> next) override {
      const std::scoped_lock lock(b_.mutex_);
      Bytes names = "expect";
      for (const auto& each : next) names += " " + each.item;
      (void)b_.note("expect", names);
    }
    Result<Written> create(const Call&, View folder, const NewItem& item, Source source, Attempt& attempt) override {
      const std::scoped_lock lock(b_.mutex_);
      if (auto fault = b_.note("create", "create " + Bytes(folder) + " " + attempt.token))
        return std::unexpected(*fault);
      Bytes content(item.size + 1, '\0');
      content.resize(source(std::as_writable_bytes(std::span(content))));
      b_.delivered_.push_back(content);
      return Written{"new", "c", "", true};
    }
    Result<Parking> park(const Call&) override {
      const std::scoped_lock lock(b_.mutex_);
      if (auto fault = b_.note("park", "park")) return std::unexpected(*fault);
      return Parking{b_.park_fd, b_.wake_by, b_.hears_everything};
    }
    Result<Hint> unpark(const Call&) override {
      const std::scoped_lock lock(b_.mutex_);
      if (auto fault = b_.note("unpark", "unpark")) return std::unexpected(*fault);
      return std::exchange(b_.unparked, {});
    }
    Result<Written> update(const Call&, View, View, Source) override { return no(); }
    Result<Written> set_flags(const Call&, View, const FlagDelta&) override { return no(); }
    Result<Written> move(const Call&, View, View, View, Attempt&) override { return no(); }
    Result<void> remove(const Call&, View, View, View) override { return no(); }
    Result<Folder> make_folder(const Call&, const Folder&, Attempt&) override { return no(); }
    Result<Folder> change_folder(const Call&, const Folder&) override { return no(); }
    Result<void> remove_folder(const Call&, View) override { return no(); }
    Result<Sent> send(const Call&, const Envelope&, Source, View, Attempt&) override { return no(); }
    Result<Written> respond(const Call&, View, const Reply&, Attempt&) override { return no(); }
    Result<Hits> search(const Call&, View, std::string_view, View) override { return no(); }
    Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override { return no(); }

   private:
    static std::unexpected<Fault> no() { return fault(FaultKind::unsupported, "script", "Not scripted."); }
    ScriptedBackend& b_;
  };

  std::optional<Fault> note(const std::string& verb, const std::string& call) {
    ++counts_[verb];
    if (call != verb) ++counts_[call];
    calls_.push_back(call);
    auto& waiting = faults_[verb].empty() ? faults_[call] : faults_[verb];
    if (waiting.empty()) return std::nullopt;
    auto fault = waiting.front();
    waiting.pop_front();
    return fault;
  }
  Result<Page> tree_page(View anchor) {
    const auto now = std::to_string(tree_version_);
    Page page;
    page.anchor = now;
    if (anchor == now) return page;
    for (const auto& folder : tree_) page.changes.emplace_back(FolderUpsert{folder});
    page.changes.emplace_back(Listed{});
    return page;
  }
  /// The anchor is "validity.position in the journal"; from nothing it is a listing.
  Result<Page> page(const Bytes& scope, View anchor, const Want& want) {
    auto& f = folders_[scope];
    std::size_t at = 0;
    if (!anchor.empty()) {
      const auto dot = anchor.find('.');
      if (std::stoi(Bytes(anchor.substr(0, dot))) != f.validity)
        return fault(FaultKind::anchor_expired, scope, "List again.");
      at = std::stoul(Bytes(anchor.substr(dot + 1)));
      if (at > f.journal.size()) return fault(FaultKind::regressed, scope, "It went back in time.");
    }
    Page page;
    for (; at < f.journal.size() && page.changes.size() < want.limit; ++at) {
      if (auto* u = std::get_if<Upsert>(&f.journal[at])) {
        page.changes.emplace_back(*u);
        auto& made = std::get<Upsert>(page.changes.back());
        if (want.inline_up_to >= u->size) made.content = contents_[u->id];
      } else {
        page.changes.emplace_back(std::get<Removed>(f.journal[at]));
      }
    }
    page.more = at < f.journal.size();
    if (anchor.empty() && !page.more) page.changes.emplace_back(Listed{scope});
    page.anchor = std::to_string(f.validity) + "." + std::to_string(at);
    return page;
  }

  mutable std::mutex mutex_;
  std::vector<Folder> tree_;
  int tree_version_ = 0;
  std::map<Bytes, FolderState> folders_;
  std::map<Bytes, Bytes> contents_;
  std::map<std::string, std::deque<Fault>> faults_;
  std::map<std::string, int> counts_;
  std::vector<std::string> calls_;
  std::vector<Bytes> delivered_;
  int open_sessions_ = 0;
  Hints* hints_ = nullptr;

 public:
  Clock::time_point wake_by = Clock::time_point::max();
  Hint unparked;
};

}  // namespace tidegate::account
