// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/backend.hpp"

#include <algorithm>
#include <cstring>

#include "plugins/mock/memory.hpp"
#include "plugins/mock/mock.hpp"
#include "plugins/mock/paging.hpp"
#include "plugins/mock/posix.hpp"
#include "plugins/mock/session.hpp"
#include "plugins/mock/settings.hpp"
#include "plugins/mock/watch.hpp"

namespace tidegate::mock {

struct MockBackend::Running {
  Step step;
  std::uint32_t done = 0;
  std::unique_ptr<Timer> timer;
};

MockBackend::MockBackend(Host& host, Settings settings, std::vector<Step> steps, std::string script_folder)
    : store_(std::make_shared<Store>(host, std::move(settings))),
      script_folder_(std::move(script_folder)),
      began_(host.now()) {
  for (auto& step : steps) {
    running_.push_back(std::make_unique<Running>(Running{std::move(step), 0, nullptr}));
    schedule(*running_.back());
  }
}

Result<std::unique_ptr<Session>> MockBackend::open(const Call& call, const Mailbox& mailbox) {
  if (auto fine = store_->begin(call, "open"); !fine) return std::unexpected(fine.error());
  auto box = store_->box(mailbox.mailbox);
  if (!box) return std::unexpected(box.error());
  return make_session(store_, std::move(*box));
}

std::unique_ptr<Watch> MockBackend::watch(Hints& hints) {
  if (store_->settings().memory) return std::make_unique<MemoryWatch>(store_, hints);
  return std::make_unique<DiskWatch>(store_, hints);
}

Result<void> MockBackend::test(const Call& call) {
  if (auto fine = store_->begin(call, "test"); !fine) return fine;
  return store_->test();
}

void MockBackend::schedule(Running& running) {
  const auto& step = running.step;
  const bool repeats = step.every.count() != 0;
  if (repeats ? running.done >= step.times : running.done > 0) return;
  const auto when = began_ + (repeats ? step.every * (running.done + 1) : step.at);
  running.timer = store_->host().at(when, [this, &running] {
    ++running.done;
    if (auto done = perform(running.step); !done)
      store_->host().log(
          3, "the script's line " + std::to_string(running.step.line) + " came to nothing: " + done.error().text);
    schedule(running);
  });
}

Result<void> MockBackend::perform(const Step& step) {
  switch (step.what) {
    case Step::What::fault:
    case Step::What::slow:
      store_->mischief().arm(step);
      return {};
    case Step::What::lose_hints:
      store_->ear().deaf_until(store_->host().now() + step.span);
      return {};
    default:
      return change(step);
  }
}

Result<void> MockBackend::take_orders() {
  auto control =
      Control::open(store_->host(), store_->settings().control, [this](const Step& step) { return perform(step); });
  if (!control) return std::unexpected(control.error());
  control_ = std::move(*control);
  return {};
}

/// The octets of an `add`: the file's, or made up.
Result<std::string> MockBackend::octets_of(const Step& step, const std::string& user) const {
  if (step.file.empty()) {
    const auto received = std::chrono::sys_days{std::chrono::year{2026} / 2 / 1} + std::chrono::seconds(added_);
    return made_message(user, step.folder, 1'000'000 + added_, std::max(512U, store_->settings().item_size), received);
  }
  auto content = open_content(step.file.starts_with('/') ? step.file : script_folder_ + "/" + step.file);
  if (!content) return std::unexpected(content.error());
  return head(**content, UINT64_MAX);
}

Result<void> MockBackend::add(const Step& step, const std::string& user, ItemFolder& folder) {
  ++added_;
  auto text = octets_of(step, user);
  if (!text) return std::unexpected(text.error());
  std::size_t at = 0;
  Source source = [&](std::span<std::byte> into) {
    const auto size = std::min(into.size(), text->size() - at);
    std::memcpy(into.data(), text->data() + at, size);
    at += size;
    return size;
  };
  const auto name = "s" + std::to_string(added_) + "-" + store_->random_word().substr(0, 8);
  auto done = folder.create(name, NewItem{folder.kind(), text->size(), 0, {}, {}}, source);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> MockBackend::change(const Step& step) {
  auto box = store_->box(step.user);
  if (!box) return std::unexpected(box.error());
  {
    const std::scoped_lock lock((*box)->mutex);
    auto found = (*box)->tree->find(step.folder);
    if (!found) return std::unexpected(found.error());
    if (auto done = (*found)->refresh(); !done) return done;
    if (auto done = change(step, (*box)->name, **found); !done) return done;
  }
  store_->ear().hint((*box)->name, Hint{{step.folder}, false});
  return {};
}

/// The box is locked, the folder refreshed.
Result<void> MockBackend::change(const Step& step, const std::string& user, ItemFolder& folder) {
  auto item = step.item;
  if (item == "newest" || item == "oldest") {
    const auto all = folder.older(nullptr, item == "newest" ? 1 : SIZE_MAX);
    if (all.empty()) return no_item(item);
    item = all.back().name;
  }
  switch (step.what) {
    case Step::What::add:
      return add(step, user, folder);
    case Step::What::flag:
      return folder.set_flags(item, {.add = step.set, .clear = step.clear, .keywords_add = {}, .keywords_clear = {}});
    case Step::What::remove:
      return folder.remove(item, {});
    case Step::What::spoil:
    case Step::What::mend:
      // An item may be spoilt before it is there: nobody has read it then.
      store_->spoil(user, item_id(step.folder, item), step.what == Step::What::spoil);
      return {};
    case Step::What::keep:
      return folder.keep();
    case Step::What::restore:
      return folder.restore();
    default:
      return {};  // no change of a folder
  }
}

namespace {

class MockPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return settings_table(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto settings = read_settings(values);
    if (!settings) return std::unexpected(settings.error());
    std::vector<Step> steps;
    std::string folder = ".";
    if (!settings->script.empty()) {
      auto content = open_content(settings->script);
      if (!content)
        return fault(FaultKind::invalid, {}, "script must be a file that can be read", content.error().cause);
      auto text = head(**content, 1 << 20);
      if (!text) return std::unexpected(text.error());
      auto parsed = parse_script(settings->script, *text);
      if (!parsed) return std::unexpected(parsed.error());
      steps = std::move(*parsed);
      if (const auto slash = settings->script.rfind('/'); slash != std::string::npos)
        folder = settings->script.substr(0, slash);
    }
    const bool controlled = !settings->control.empty();
    auto backend = std::make_unique<MockBackend>(host, std::move(*settings), std::move(steps), std::move(folder));
    if (controlled)
      if (auto listens = backend->take_orders(); !listens) return std::unexpected(listens.error());
    return backend;
  }
};

}  // namespace

std::unique_ptr<Plugin> make_plugin() { return std::make_unique<MockPlugin>(); }

}  // namespace tidegate::mock
