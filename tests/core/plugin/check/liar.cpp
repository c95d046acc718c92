// SPDX-License-Identifier: Apache-2.0
// The mock with one lie told on top of it; which one the build says. The conformance suite must find each out.
#include <stdexcept>

#include "core/sdk/abi.hpp"
#include "plugins/mock/mock.hpp"

namespace {
using namespace tidegate;

class Liar final : public Session {
 public:
  explicit Liar(std::unique_ptr<Session> inner) : inner_(std::move(inner)) {}
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<Page> changes(const Call& call, View scope, View anchor, const Want& want) override {
    auto page = inner_->changes(call, scope, anchor, want);
#if defined(LIAR_LOSES_AN_ITEM)
    // One item is lost at each page boundary but the first.
    if (page && !anchor.empty() && !page->changes.empty() && std::holds_alternative<Upsert>(page->changes.front()))
      page->changes.erase(page->changes.begin());
#elif defined(LIAR_FORGETS_REMOVALS)
    if (page)
      std::erase_if(page->changes, [](const Change& change) { return std::holds_alternative<Removed>(change); });
#elif defined(LIAR_THROWS_AT_RANDOM)
    if (++calls_ % 3 == 0) throw std::runtime_error("now and then");
#elif defined(LIAR_WRONG_KINDS)
    if (!page && page.error().kind == FaultKind::not_found) page.error().kind = FaultKind::unavailable;
#endif
    return page;
  }
  Result<std::uint64_t> read(const Call& call, View item, Range range, Sink sink) override {
    return inner_->read(call, item, range, std::move(sink));
  }
  Result<Written> create(const Call& call, View folder, const NewItem& item, Source source, Attempt& attempt) override {
#if defined(LIAR_BLIND_REPEAT)
    attempt.token.clear();
#elif defined(LIAR_REWRITES_MAIL)
    // As a server that thinks it knows better about line ends.
    std::string text;
    std::byte buffer[4096];
    while (const auto have = source(buffer)) text.append(reinterpret_cast<const char*>(buffer), have);
    if (!text.ends_with("\r\n")) text += "\r\n";
    source = [text, at = std::size_t{0}](std::span<std::byte> into) mutable {
      const auto size = std::min(into.size(), text.size() - at);
      for (std::size_t i = 0; i < size; ++i) into[i] = static_cast<std::byte>(text[at++]);
      return size;
    };
#endif
    return inner_->create(call, folder, item, std::move(source), attempt);
  }
  Result<Written> update(const Call& call, View item, View rev, Source source) override {
    return inner_->update(call, item, rev, std::move(source));
  }
  Result<Written> set_flags(const Call& call, View item, const FlagDelta& delta) override {
    return inner_->set_flags(call, item, delta);
  }
  Result<Written> move(const Call& call, View item, View from, View to, Attempt& attempt) override {
    return inner_->move(call, item, from, to, attempt);
  }
  Result<void> remove(const Call& call, View item, View folder, View rev) override {
    return inner_->remove(call, item, folder, rev);
  }
  Result<Folder> make_folder(const Call& call, const Folder& like, Attempt& attempt) override {
    return inner_->make_folder(call, like, attempt);
  }
  Result<Folder> change_folder(const Call& call, const Folder& folder) override {
    return inner_->change_folder(call, folder);
  }
  Result<void> remove_folder(const Call& call, View folder) override { return inner_->remove_folder(call, folder); }
  Result<Sent> send(const Call& call, const Envelope& to, Source source, View file_in, Attempt& attempt) override {
    return inner_->send(call, to, std::move(source), file_in, attempt);
  }
  Result<Written> respond(const Call& call, View item, const Reply& reply, Attempt& attempt) override {
    return inner_->respond(call, item, reply, attempt);
  }
  Result<Hits> search(const Call& call, View folder, std::string_view query, View page) override {
    return inner_->search(call, folder, query, page);
  }
  Result<std::vector<Person>> resolve(const Call& call, std::string_view name, std::uint32_t limit) override {
    return inner_->resolve(call, name, limit);
  }
  Result<Parking> park(const Call& call) override { return inner_->park(call); }
  Result<Hint> unpark(const Call& call) override { return inner_->unpark(call); }

 private:
  std::unique_ptr<Session> inner_;
  [[maybe_unused]] unsigned calls_ = 0;
};

class LyingBackend final : public Backend {
 public:
  explicit LyingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}
  Result<std::unique_ptr<Session>> open(const Call& call, const Mailbox& mailbox) override {
    auto session = inner_->open(call, mailbox);
    if (!session) return session;
    return std::make_unique<Liar>(std::move(*session));
  }
  std::unique_ptr<Watch> watch(Hints& hints) override { return inner_->watch(hints); }
  Result<void> test(const Call& call) override { return inner_->test(call); }

 private:
  std::unique_ptr<Backend> inner_;
};

class LyingPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return inner_->settings(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto backend = inner_->make(host, values);
    if (!backend) return backend;
    return std::make_unique<LyingBackend>(std::move(*backend));
  }

 private:
  std::unique_ptr<Plugin> inner_ = mock::make_plugin();
};

Plugin* make() { return new LyingPlugin; }
}  // namespace

TIDEGATE_PLUGIN("liar", "0.0.1", make)
