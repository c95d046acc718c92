// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/plugin.hpp"

#include "core/sdk/abi.hpp"
#include "plugins/imap/backend.hpp"

namespace tidegate::imap {
namespace {

class ImapPlugin final : public Plugin {
 public:
  std::span<const Setting> settings() const noexcept override { return settings_table(); }
  Result<std::unique_ptr<Backend>> make(Host& host,
                                        std::span<const std::pair<std::string, std::string>> values) override {
    auto settings = parse_settings(values);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<ImapBackend>(host, std::move(*settings));
  }
};

}  // namespace

Plugin* make_plugin() {
  static ImapPlugin plugin;
  return &plugin;
}

}  // namespace tidegate::imap

TIDEGATE_PLUGIN("imap", "0.1.0", tidegate::imap::make_plugin)
