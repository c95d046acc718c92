// SPDX-License-Identifier: Apache-2.0
// Loads the plugins the ini names and makes its back-ends. The only place with dlopen (docs/decisions/0011-dlopen.md).
//
//   plugin::Plugins plugins(settings.plugin_directory, log);
//   for (const auto& section : ini.sections)
//     if (section.kind == "backend")
//       if (auto made = plugins.make(world, ini, section); made) backends.emplace(section.name, std::move(*made));
//       else log(error, made.error().where + ": " + made.error().text);   // and go on: its users wait, nobody else
//
// On the reactor thread, before other threads start. Nothing here throws; whatever a plugin does wrong is one Fault
// whose text is fit for one log line. Plugins are never unloaded.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/config/settings.hpp"
#include "core/plugin/host.hpp"
#include "core/sdk/abi.hpp"
#include "core/sim/world.hpp"

namespace tidegate::plugin {

/// What the core itself reads from a [backend:NAME] section; the rest of its keys are the plugin's.
struct BackendSettings {
  std::string plugin;
  std::uint32_t workers = 16;                ///< threads of its pool
  std::chrono::milliseconds sweep{900'000};  ///< how often everything is looked at although no hint came
  std::chrono::milliseconds poll_soon{15'000}, poll_quiet{180'000};
  std::chrono::milliseconds deadline{60'000};  ///< of one verb
  std::uint32_t connects_per_second = 100;
  std::uint32_t connections = 0;
  std::uint32_t connections_per_user = 2;
};
const config::Table<BackendSettings>& backend_table();

struct Made {
  BackendSettings settings;
  std::string plugin, version;       ///< as the plugin says
  std::unique_ptr<Backend> backend;  ///< guarded, see guarded.hpp
};

class Plugins {
 public:
  /// `directory` is where a plain name ("imap") is looked for as NAME.so; a name with a slash is a path.
  explicit Plugins(std::string directory, Log = {});
  ~Plugins();
  Plugins(const Plugins&) = delete;
  Plugins& operator=(const Plugins&) = delete;

  /// A plugin that is linked in instead of loaded (tests, the simulation).
  void add(std::string name, std::string version, std::unique_ptr<Plugin>);

  /// Loads (once) and gives the plugin. Faults: not_found, unsupported (another ABI: both sides named), invalid (no
  /// plugin, or it throws, or it answers nothing).
  Result<Plugin*> load(const std::string& name_or_path);

  /// Reads the section with the plugin's own table and makes its back-end. Faults besides those of load(): `invalid` at
  /// file:line for keys and values; what the plugin's make() says.
  Result<Made> make(sim::World&, const config::Ini&, const config::Section&);

  /// Manual and sample of a plugin's [backend:NAME] section: the core's keys, then its own.
  Result<std::string> manual(const std::string& name_or_path);
  Result<std::string> sample(const std::string& name_or_path);

 private:
  struct Loaded;
  Result<Loaded*> find(const std::string& name_or_path);

  std::string directory_;
  Log log_;
  std::map<std::string, std::unique_ptr<Loaded>, std::less<>> loaded_;  // by path, or name of an added one
};

/// Why a plugin with this stamp can't run here; empty: it can. Pure.
std::string abi_refusal(const AbiStamp& theirs, const AbiStamp& ours);

}  // namespace tidegate::plugin
