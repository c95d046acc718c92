// SPDX-License-Identifier: Apache-2.0
// A plugin that does one thing wrong; which one the build says.
#include <stdexcept>

#include "core/sdk/abi.hpp"

namespace {
using namespace tidegate;

#ifdef BAD_THROWS_ON_LOAD
const int loaded = [] {
  throw std::runtime_error("thrown by a static constructor");
  return 0;
}();
#endif

[[noreturn]] void bang() { throw std::runtime_error("bang"); }

class BadSession final : public Session {
 public:
  Capabilities capabilities() const override { bang(); }
  Result<Page> changes(const Call&, View, View, const Want&) override { bang(); }
  Result<std::uint64_t> read(const Call&, View, Range, Sink) override { throw 42; }
  Result<Written> create(const Call&, View, const NewItem&, Source, Attempt&) override { bang(); }
  Result<Written> update(const Call&, View, View, Source) override { bang(); }
  Result<Written> set_flags(const Call&, View, const FlagDelta&) override { bang(); }
  Result<Written> move(const Call&, View, View, View, Attempt&) override { bang(); }
  Result<void> remove(const Call&, View, View, View) override { bang(); }
  Result<Folder> make_folder(const Call&, const Folder&, Attempt&) override { bang(); }
  Result<Folder> change_folder(const Call&, const Folder&) override { bang(); }
  Result<void> remove_folder(const Call&, View) override { bang(); }
  Result<Sent> send(const Call&, const Envelope&, Source, View, Attempt&) override { bang(); }
  Result<Written> respond(const Call&, View, const Reply&, Attempt&) override { bang(); }
  Result<Hits> search(const Call&, View, std::string_view, View) override { bang(); }
  Result<std::vector<Person>> resolve(const Call&, std::string_view, std::uint32_t) override { bang(); }
  Result<Parking> park(const Call&) override { bang(); }
  Result<Hint> unpark(const Call&) override { return fault(FaultKind::auth, {}, "a fault without a place"); }
};

class BadBackend final : public Backend {
 public:
  explicit BadBackend(Host& host) : host_(host) {}
  Result<std::unique_ptr<Session>> open(const Call&, const Mailbox& mailbox) override {
    if (mailbox.user == "nobody") return std::unique_ptr<Session>();
    if (mailbox.user == "bang") bang();
    return std::make_unique<BadSession>();
  }
  std::unique_ptr<Watch> watch(Hints&) override {
    timer_ = host_.at(host_.now(), [] { bang(); });
    bang();
  }
  Result<void> test(const Call&) override { bang(); }

 private:
  Host& host_;
  std::unique_ptr<Timer> timer_;
};

class BadPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override {
#ifdef BAD_DUPLICATE_KEY
    static constexpr Setting table[] = {{"plugin", "", "The core's own key."}};
#else
    static constexpr Setting table[] = {{"host", nullptr, "Where."},
                                        {"port", "143", "Which."},
                                        {"password_file", "", "Secret."},
                                        {"password_dir", "", "Secrets."}};
#endif
    return table;
  }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    std::string all;
    for (const auto& [key, value] : values) all += key + "=" + value + ";";
    host.log(2, all);
#if defined(BAD_THROWS_IN_MAKE)
    bang();
#elif defined(BAD_NULL_BACKEND)
    return std::unique_ptr<Backend>();
#endif
    if (values[0].second == "wrong") return fault(FaultKind::invalid, {}, "host must not be wrong");
    if (values[1].second == "wrong") return fault(FaultKind::invalid, "port", "port must not be wrong");
    return std::make_unique<BadBackend>(host);
  }
};

[[maybe_unused]] Plugin* make() {
#if defined(BAD_NULL_PLUGIN)
  return nullptr;
#elif defined(BAD_THROWS_IN_FACTORY)
  bang();
#endif
  return new BadPlugin;
}
}  // namespace

#if defined(BAD_WRONG_ABI)
extern "C" {
[[gnu::visibility("default")]] extern const tidegate::PluginEntry tidegate_plugin;
const tidegate::PluginEntry tidegate_plugin = {[] {
                                                 auto stamp = abi_stamp();
                                                 stamp.sdk_abi = 999;
                                                 return stamp;
                                               }(),
                                               "wrong", "1", make};
}
#elif defined(BAD_FOREIGN)
extern "C" [[gnu::visibility("default")]] const char tidegate_plugin[128] = "something else of that name";
#elif !defined(BAD_NO_SYMBOL)
TIDEGATE_PLUGIN("bad", "6.6.6", make)
#endif
