// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/plugins.hpp"

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/plugin/guarded.hpp"

namespace tidegate::plugin {

using namespace std::chrono_literals;

struct Plugins::Loaded {
  std::string name, version, path;
  Plugin* plugin = nullptr;
  std::unique_ptr<Plugin> owned;  // only of an added one: what a library made is never deleted
};

namespace {

std::unexpected<Fault> bad(FaultKind kind, const std::string& path, const std::string& why, std::string cause = {}) {
  return fault(kind, path, fmt::format("the plugin {} can't be used: {}", path, why), std::move(cause));
}

/// Runs code of a plugin; what it throws becomes a Fault.
template <class Work>
auto caught(const std::string& path, const char* where, Work&& work) -> decltype(work()) {
  const auto threw = [&](std::string what) {
    return bad(FaultKind::invalid, path, fmt::format("its {} threw an exception ({})", where, what));
  };
  try {
    return work();
  } catch (const std::exception& error) {
    return threw(std::string(error.what()).substr(0, 200));
  } catch (...) {
    return threw("no std::exception");
  }
}

/// The library's exported entry after its stamp was found fit.
Result<const PluginEntry*> open_entry(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0)
    return bad(FaultKind::not_found, path, "there is no such file; look at `plugin =` and at the plugins folder");
  // Through a pointer whose type may throw: <dlfcn.h> says dlopen doesn't, but constructors of the library may.
  using Open = void* (*)(const char*, int);
  volatile Open open = reinterpret_cast<Open>(&::dlopen);
  // NODELETE: vtables and coroutine-free code of it may be in use until the process ends.
  auto library = caught(path, "static constructor",
                        [&]() -> Result<void*> { return open(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE); });
  if (!library) return std::unexpected(library.error());
  if (!*library) {
    const char* why = ::dlerror();
    return bad(FaultKind::invalid, path, why ? std::string(why).substr(0, 300) : std::string("it doesn't load"));
  }
  const void* symbol = ::dlsym(*library, "tidegate_plugin");
  if (!symbol)
    return bad(FaultKind::invalid, path,
               "it has no symbol tidegate_plugin; write TIDEGATE_PLUGIN(…) in one of its files");
  const auto* stamp = static_cast<const AbiStamp*>(symbol);
  if (auto why = abi_refusal(*stamp, abi_stamp()); !why.empty()) return bad(FaultKind::unsupported, path, why);
  const auto* entry = static_cast<const PluginEntry*>(symbol);
  if (!entry->name || !entry->version || !entry->make)
    return bad(FaultKind::invalid, path, "its entry lacks name, version or factory");
  return entry;
}

/// What a library's factory made: once a process, and for as long as the process lives.
Result<Plugin*> made_by(const PluginEntry& entry, const std::string& path) {
  static std::mutex mutex;
  static auto& immortal = *new std::map<const PluginEntry*, Plugin*>;  // on purpose: outlives every static of ours
  const std::scoped_lock lock(mutex);
  if (const auto at = immortal.find(&entry); at != immortal.end()) return at->second;
  auto plugin = caught(path, "factory", [&]() -> Result<Plugin*> { return entry.make(); });
  if (!plugin) return plugin;
  if (!*plugin) return bad(FaultKind::invalid, path, "its factory made nothing");
  immortal.emplace(&entry, *plugin);
  return plugin;
}

/// The plugin's settings table in the words of core/config; fault if it is unusable.
Result<std::vector<config::KeyDoc>> keys_of(const std::string& path, const Plugin& plugin) {
  std::vector<config::KeyDoc> keys = backend_table().keys();
  for (const auto& setting : plugin.settings()) {
    if (!setting.key || !setting.doc)
      return bad(FaultKind::invalid, path, "its settings table has a row without key or doc");
    for (const auto& other : keys)
      if (other.key == setting.key)
        return bad(FaultKind::invalid, path,
                   fmt::format("its settings table has {} twice, or it is the core's", setting.key));
    keys.push_back({setting.key, "text", setting.doc,
                    setting.fallback ? std::optional<std::string>(setting.fallback) : std::nullopt});
  }
  return keys;
}

}  // namespace

const config::Table<BackendSettings>& backend_table() {
  static const config::Table<BackendSettings> table{
      "backend:NAME",
      "One back-end: a server, or a group of servers with one way in. The plugin named says what further keys there "
      "are.",
      {config::text("plugin", &BackendSettings::plugin, config::required,
                    "Name of a plugin in the plugins folder, or the path of its .so."),
       config::integer("workers", &BackendSettings::workers, "16",
                       "Threads that may work for this back-end at once; one that hangs harms only its own users.", 1,
                       256),
       config::duration("sweep", &BackendSettings::sweep, "15m",
                        "How often everything is looked at although no hint came, to make lost hints good.", 10s, 24h),
       config::duration("poll_soon", &BackendSettings::poll_soon, "15s",
                        "A server that tells of no changes is asked for them. So long after something changed for a "
                        "user, or a device of the user's came, it is asked again …",
                        1s, 24h),
       config::duration("poll_quiet", &BackendSettings::poll_quiet, "3m",
                        "… and ever more seldom while nothing changes, up to this.", 1s, 24h),
       config::duration("deadline", &BackendSettings::deadline, "60s", "Longest time one call may take.", 1s, 1h),
       config::integer(
           "connects_per_second", &BackendSettings::connects_per_second, "100",
           "How many connections are opened in a second at most, so that a server is not stormed after a "
           "restart. 0: as fast as they come. Not for plugins that are told of changes for all users at once.",
           0, 100'000),
       config::integer("connections", &BackendSettings::connections, "0",
                       "How many connections there may be at once. Where more users want one, they take turns: who "
                       "listens longest lets his go and is polled. 0: no limit.",
                       0, 1'000'000),
       config::integer(
           "connections_per_user", &BackendSettings::connections_per_user, "2",
           "How many of them one user may hold: 1, or 2 with a second one for reading while the first listens.", 1,
           2)}};
  return table;
}

Plugins::Plugins(std::string directory, Log log) : directory_(std::move(directory)), log_(std::move(log)) {}
Plugins::~Plugins() = default;

void Plugins::add(std::string name, std::string version, std::unique_ptr<Plugin> plugin) {
  auto* raw = plugin.get();
  loaded_[name] = std::make_unique<Loaded>(Loaded{name, std::move(version), name, raw, std::move(plugin)});
}

Result<Plugins::Loaded*> Plugins::find(const std::string& name) {
  if (const auto at = loaded_.find(name); at != loaded_.end()) return at->second.get();
  const auto path = name.contains('/') ? name : fmt::format("{}/{}.so", directory_, name);
  if (const auto at = loaded_.find(path); at != loaded_.end()) return at->second.get();

  auto entry = open_entry(path);
  if (!entry) return std::unexpected(entry.error());
  auto plugin = made_by(**entry, path);
  if (!plugin) return std::unexpected(plugin.error());
  auto fresh = std::make_unique<Loaded>(Loaded{(*entry)->name, (*entry)->version, path, *plugin, nullptr});
  if (log_) log_(2, fmt::format("plugin {} {} loaded from {}", fresh->name, fresh->version, path));
  return (loaded_[path] = std::move(fresh)).get();
}

Result<Plugin*> Plugins::load(const std::string& name_or_path) {
  auto found = find(name_or_path);
  if (!found) return std::unexpected(found.error());
  return (*found)->plugin;
}

Result<Made> Plugins::make(sim::World& world, const config::Ini& ini, const config::Section& section) {
  const auto* named = section.find("plugin");
  if (!named || named->text.empty())
    return fault(
        FaultKind::invalid, config::place(ini, section.line),
        fmt::format("[{}] lacks plugin, which must be given: {}", section.title, backend_table().keys()[0].doc));
  auto found = find(named->text);
  if (!found) {
    found.error().where = fmt::format("{} ({})", config::place(ini, named->line), found.error().where);
    return std::unexpected(found.error());
  }
  auto& loaded = **found;
  return caught(loaded.path, "make()", [&]() -> Result<Made> {
    auto keys = keys_of(loaded.path, *loaded.plugin);
    if (!keys) return std::unexpected(keys.error());
    auto given = config::match(ini, section, *keys);
    if (!given) return std::unexpected(given.error());

    config::Section ours{section.kind, section.name, section.title, section.line, {}};
    std::vector<std::pair<std::string, std::string>> values;
    const auto house = backend_table().keys().size();
    for (std::size_t i = 0; i < keys->size(); ++i) {
      const auto* value = (*given)[i];
      if (i >= house)
        values.emplace_back((*keys)[i].key, value ? value->text : *(*keys)[i].fallback);
      else if (value)
        ours.values.push_back(*value);
    }
    auto settings = backend_table().read(ini, ours);
    if (!settings) return std::unexpected(settings.error());

    auto host = std::make_shared<HostImpl>(
        world, section.title, std::map<std::string, std::string, std::less<>>(values.begin(), values.end()), log_);
    auto backend = loaded.plugin->make(*host, values);
    if (!backend) {
      auto& where = backend.error().where;
      const auto* value = section.find(where);
      if (value || where.empty() || std::ranges::find(*keys, where, &config::KeyDoc::key) != keys->end())
        where = config::place(ini, value ? value->line : section.line);
      return std::unexpected(backend.error());
    }
    if (!*backend) return bad(FaultKind::invalid, loaded.path, "its make() gave neither a back-end nor a fault");
    return Made{std::move(*settings), loaded.name, loaded.version,
                guard(std::move(*backend), section.title, loaded.name, host)};
  });
}

Result<std::string> Plugins::manual(const std::string& name) {
  auto found = find(name);
  if (!found) return std::unexpected(found.error());
  return caught((*found)->path, "settings()", [&]() -> Result<std::string> {
    auto keys = keys_of((*found)->path, *(*found)->plugin);
    if (!keys) return std::unexpected(keys.error());
    return config::manual("backend:NAME", fmt::format("With `plugin = {}`.", (*found)->name), *keys);
  });
}

Result<std::string> Plugins::sample(const std::string& name) {
  auto found = find(name);
  if (!found) return std::unexpected(found.error());
  return caught((*found)->path, "settings()", [&]() -> Result<std::string> {
    auto keys = keys_of((*found)->path, *(*found)->plugin);
    if (!keys) return std::unexpected(keys.error());
    const auto& loaded = **found;
    auto text =
        config::sample(fmt::format("backend:{}", loaded.name),
                       fmt::format("A back-end with the plugin {}. A back-end is a server, or a group of servers "
                                   "with one way in; its name behind the colon is yours to choose. Leave this "
                                   "section out if you don't need it.",
                                   loaded.name),
                       *keys);
    constexpr std::string_view open = "\nplugin =";
    return text.insert(text.find(open) + open.size(), " " + loaded.name);
  });
}

}  // namespace tidegate::plugin
