// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "plugins/caldav/backend.hpp"

namespace tidegate::caldav {
namespace {

class CaldavPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return settings_table(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto settings = parse_settings(values);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<CaldavBackend>(host, std::move(*settings));
  }
};

}  // namespace

Plugin* make_plugin() {
  static CaldavPlugin plugin;
  return &plugin;
}

}  // namespace tidegate::caldav

TIDEGATE_PLUGIN("caldav", "0.1.0", tidegate::caldav::make_plugin)
