// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "plugins/ews/backend.hpp"

namespace tidegate::ews {
namespace {

class EwsPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return settings_table(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto settings = parse_settings(values);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<EwsBackend>(host, std::move(*settings));
  }
};

}  // namespace

Plugin* make_plugin() {
  static EwsPlugin plugin;
  return &plugin;
}

}  // namespace tidegate::ews

TIDEGATE_PLUGIN("ews", "0.1.0", tidegate::ews::make_plugin)
