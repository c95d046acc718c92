// SPDX-License-Identifier: Apache-2.0
// A plugin that is made of a table of settings, a function that reads their values, and a back-end made of what was
// read:
//
//   Plugin* make_plugin() {
//     static PluginOf<ImapBackend, settings_table, parse_settings> plugin;
//     return &plugin;
//   }
#pragma once
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "store.hpp"

namespace tidegate {

/// table: std::span<const Setting> (); parse: Result<Settings> (std::span<const std::pair<std::string, std::string>>);
/// Made has a constructor (Host&, Settings).
template <class Made, auto table, auto parse>
class PluginOf final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return table(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto settings = parse(values);
    if (!settings) return std::unexpected(std::move(settings.error()));
    return std::make_unique<Made>(host, std::move(*settings));
  }
};

}  // namespace tidegate
