// SPDX-License-Identifier: Apache-2.0
// The mock with one lie told on top of it; which one TIDEGATE_LIE says. The conformance suite must find each out.
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string_view>

#include "core/sdk/abi.hpp"
#include "plugins/mock/mock.hpp"

namespace {
using namespace tidegate;

bool lies(std::string_view how) {
  static const char* const told = std::getenv("TIDEGATE_LIE");
  return told != nullptr && told == how;
}

Source source_of(std::string text) {
  return [text = std::move(text), at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto size = std::min(into.size(), text.size() - at);
    for (std::size_t i = 0; i < size; ++i) into[i] = static_cast<std::byte>(text[at++]);
    return size;
  };
}

/// As a server that thinks it knows better about line ends.
Source rewritten(Source source) {
  std::string text;
  std::byte buffer[4096];
  while (const auto have = source(buffer)) text.append(reinterpret_cast<const char*>(buffer), have);
  if (!text.ends_with("\r\n")) text += "\r\n";
  return source_of(std::move(text));
}

class Liar final : public Session {
 public:
  explicit Liar(std::unique_ptr<Session> inner) : inner_(std::move(inner)) {}
  Capabilities capabilities() const override { return inner_->capabilities(); }

  Result<Page> changes(const Call& call, View scope, View anchor, const Want& want) override {
    if (lies("throws_at_random") && ++calls_ % 3 == 0) throw std::runtime_error("now and then");
    if (lies("never_stops")) return inner_->changes({Clock::now() + std::chrono::hours(1), {}, 1}, scope, anchor, want);
    if (lies("goes_on_from_its_own_place") && !anchor.empty() && !scope.empty()) {
      // Where the core may go on from an older one after a crash.
      if (const auto at = places_.find(Bytes(scope)); at != places_.end()) anchor = at->second;
    }
    auto page = inner_->changes(call, scope, anchor, want);
    if (!page) return lie_about(call, scope, anchor, want, std::move(page.error()));
    lie(call, !anchor.empty(), *page);
    if (lies("stumbles_over_one"))
      for (const auto& change : page->changes)
        if (const auto* item = std::get_if<Upsert>(&change))
          if (auto octets = content(call, item->id); !octets) return std::unexpected(octets.error());
    if (lies("goes_on_from_its_own_place")) places_[Bytes(scope)] = page->anchor;
    return page;
  }
  Result<std::uint64_t> read(const Call& call, View item, Range range, Sink sink) override {
    return inner_->read(call, item, range, std::move(sink));
  }
  Result<Written> create(const Call& call, View folder, const NewItem& item, Source source, Attempt& attempt) override {
    if (lies("blind_repeat")) attempt.token.clear();
    if (lies("rewrites_mail")) source = rewritten(std::move(source));
    return inner_->create(call, folder, item, std::move(source), attempt);
  }
  Result<Written> update(const Call& call, View item, View rev, Source source) override {
    if (const auto at = places_.find(Bytes(item)); lies("takes_any_revision") && at != places_.end()) rev = at->second;
    auto done = inner_->update(call, item, rev, std::move(source));
    if (done) places_[Bytes(item)] = done->content_rev;
    return done;
  }
  Result<Written> set_flags(const Call& call, View item, const FlagDelta& delta) override {
    if (lies("sets_flags_as_a_whole")) return inner_->set_flags(call, item, {delta.add, ~delta.add, {}, {}});
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
  void lie(const Call& call, bool later, Page& page) {
    auto& changes = page.changes;
    // One item is lost at each page boundary but the first.
    if (lies("loses_an_item") && later && !changes.empty() && std::holds_alternative<Upsert>(changes.front()))
      changes.erase(changes.begin());
    if (lies("forgets_removals"))
      std::erase_if(changes, [](const Change& change) { return std::holds_alternative<Removed>(change); });
    if (lies("brings_everything_along"))
      for (auto& change : changes)
        if (auto* item = std::get_if<Upsert>(&change))
          if (auto octets = content(call, item->id)) item->content = std::move(*octets);
  }
  Result<Page> lie_about(const Call& call, View scope, View anchor, const Want& want, Fault fault) {
    if (lies("wrong_kinds") && fault.kind == FaultKind::not_found) fault.kind = FaultKind::unavailable;
    if (lies("takes_any_anchor") && fault.kind == FaultKind::anchor_expired)
      return inner_->changes(call, scope, {}, want);
    if (lies("hides_a_restore") && fault.kind == FaultKind::regressed) return Page{{}, Bytes(anchor), false};
    return std::unexpected(std::move(fault));
  }
  Result<std::string> content(const Call& call, View item) {
    std::string octets;
    auto given = inner_->read(call, item, {}, [&](Octets part) {
      octets.append(reinterpret_cast<const char*>(part.data()), part.size());
      return true;
    });
    if (!given) return std::unexpected(given.error());
    return octets;
  }

  std::unique_ptr<Session> inner_;
  unsigned calls_ = 0;
  std::map<Bytes, Bytes> places_;  ///< scope → anchor, item → revision
};

class Mute final : public Watch {
  void add(View) noexcept override {}
  void drop(View) noexcept override {}
};

class LyingBackend final : public Backend {
 public:
  explicit LyingBackend(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}
  Result<std::unique_ptr<Session>> open(const Call& call, const Mailbox& mailbox) override {
    auto session = inner_->open(call, mailbox);
    if (!session) return session;
    return std::make_unique<Liar>(std::move(*session));
  }
  std::unique_ptr<Watch> watch(Hints& hints) override {
    if (lies("says_nothing")) return std::make_unique<Mute>();
    return inner_->watch(hints);
  }
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
