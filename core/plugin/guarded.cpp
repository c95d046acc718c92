// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/guarded.hpp"

#include <exception>
#include <utility>

#include <fmt/format.h>

namespace tidegate::plugin {
namespace {

/// Shared by everything that came from one back-end, so that the order of destruction is ours, not the caller's.
struct Shared {
  std::shared_ptr<void> keeps;  // first, so destroyed last
  std::unique_ptr<Backend> backend;
  std::string title, plugin;

  std::unexpected<Fault> threw(std::string_view verb, std::string cause) const {
    return fault(FaultKind::unavailable, title,
                 fmt::format("plugin {} failed in {}; this is a fault of the plugin, tell its author", plugin, verb),
                 std::move(cause));
  }

  template <class T>
  void name(Result<T>& result) const {
    if (!result && result.error().where.empty()) result.error().where = title;
  }

  /// Runs a verb whose answer is a Result.
  template <class Verb>
  auto call(std::string_view name_of, Verb&& verb) const -> decltype(verb()) {
    try {
      auto result = verb();
      name(result);
      return result;
    } catch (const std::exception& error) {
      return threw(name_of, error.what());
    } catch (...) {
      return threw(name_of, "something that is no std::exception");
    }
  }
};

class GuardedSession final : public Session {
 public:
  GuardedSession(std::shared_ptr<const Shared> shared, std::unique_ptr<Session> inner)
      : shared_(std::move(shared)), inner_(std::move(inner)) {}

  Capabilities capabilities() const override {
    try {
      return inner_->capabilities();
    } catch (...) {
      return {};  // offers nothing; the next verb names the fault
    }
  }
  Result<Page> changes(const Call& call, View scope, View anchor, const Want& want) override {
    return shared_->call("changes", [&] { return inner_->changes(call, scope, anchor, want); });
  }
  Result<std::uint64_t> read(const Call& call, View item, Range range, Sink sink) override {
    return shared_->call("read", [&] { return inner_->read(call, item, range, std::move(sink)); });
  }
  void expect(const Call& call, std::span<const Reading> next) override {
    try {
      inner_->expect(call, next);
    } catch (...) {
      return;  // a hint that failed; reading names the fault
    }
  }
  Result<Written> create(const Call& call, View folder, const NewItem& item, Source source, Attempt& attempt) override {
    return shared_->call("create", [&] { return inner_->create(call, folder, item, std::move(source), attempt); });
  }
  Result<Written> update(const Call& call, View item, View rev, Source source) override {
    return shared_->call("update", [&] { return inner_->update(call, item, rev, std::move(source)); });
  }
  Result<Written> set_flags(const Call& call, View item, const FlagDelta& delta) override {
    return shared_->call("set_flags", [&] { return inner_->set_flags(call, item, delta); });
  }
  Result<Written> move(const Call& call, View item, View from, View to, Attempt& attempt) override {
    return shared_->call("move", [&] { return inner_->move(call, item, from, to, attempt); });
  }
  Result<void> remove(const Call& call, View item, View folder, View rev) override {
    return shared_->call("remove", [&] { return inner_->remove(call, item, folder, rev); });
  }
  Result<Folder> make_folder(const Call& call, const Folder& like, Attempt& attempt) override {
    return shared_->call("make_folder", [&] { return inner_->make_folder(call, like, attempt); });
  }
  Result<Folder> change_folder(const Call& call, const Folder& folder) override {
    return shared_->call("change_folder", [&] { return inner_->change_folder(call, folder); });
  }
  Result<void> remove_folder(const Call& call, View folder) override {
    return shared_->call("remove_folder", [&] { return inner_->remove_folder(call, folder); });
  }
  Result<Sent> send(const Call& call, const Envelope& to, Source source, View file_in, Attempt& attempt) override {
    return shared_->call("send", [&] { return inner_->send(call, to, std::move(source), file_in, attempt); });
  }
  Result<Written> respond(const Call& call, View item, const Reply& reply, Attempt& attempt) override {
    return shared_->call("respond", [&] { return inner_->respond(call, item, reply, attempt); });
  }
  Result<Hits> search(const Call& call, View folder, std::string_view query, View page) override {
    return shared_->call("search", [&] { return inner_->search(call, folder, query, page); });
  }
  Result<std::vector<Person>> resolve(const Call& call, std::string_view name, std::uint32_t limit) override {
    return shared_->call("resolve", [&] { return inner_->resolve(call, name, limit); });
  }
  Result<Parking> park(const Call& call) override {
    return shared_->call("park", [&] { return inner_->park(call); });
  }
  Result<Hint> unpark(const Call& call) override {
    return shared_->call("unpark", [&] { return inner_->unpark(call); });
  }

 private:
  std::shared_ptr<const Shared> shared_;  // before inner_: the session dies first
  std::unique_ptr<Session> inner_;
};

class GuardedWatch final : public Watch {
 public:
  GuardedWatch(std::shared_ptr<const Shared> shared, std::unique_ptr<Watch> inner)
      : shared_(std::move(shared)), inner_(std::move(inner)) {}
  void add(View mailbox) noexcept override { inner_->add(mailbox); }
  void drop(View mailbox) noexcept override { inner_->drop(mailbox); }

 private:
  std::shared_ptr<const Shared> shared_;
  std::unique_ptr<Watch> inner_;
};

class GuardedBackend final : public Backend {
 public:
  explicit GuardedBackend(std::shared_ptr<const Shared> shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<Session>> open(const Call& call, const Mailbox& mailbox) override {
    return shared_->call("open", [&]() -> Result<std::unique_ptr<Session>> {
      auto session = shared_->backend->open(call, mailbox);
      if (!session) return session;
      if (!*session)
        return fault(FaultKind::invalid, shared_->title,
                     fmt::format("plugin {} gave neither a session nor a fault; tell its author", shared_->plugin));
      return std::make_unique<GuardedSession>(shared_, std::move(*session));
    });
  }
  std::unique_ptr<Watch> watch(Hints& hints) override {
    try {
      if (auto watch = shared_->backend->watch(hints)) return std::make_unique<GuardedWatch>(shared_, std::move(watch));
    } catch (...) {  // NOLINT(bugprone-empty-catch): without a watch the core sweeps; test() says what is wrong
    }
    return nullptr;
  }
  Result<void> test(const Call& call) override {
    return shared_->call("test", [&] { return shared_->backend->test(call); });
  }

 private:
  std::shared_ptr<const Shared> shared_;
};

}  // namespace

std::unique_ptr<Backend> guard(std::unique_ptr<Backend> inner, std::string title, std::string plugin,
                               std::shared_ptr<void> keeps) {
  return std::make_unique<GuardedBackend>(
      std::make_shared<const Shared>(std::move(keeps), std::move(inner), std::move(title), std::move(plugin)));
}

}  // namespace tidegate::plugin
