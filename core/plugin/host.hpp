// SPDX-License-Identifier: Apache-2.0
// What the core lends one back-end (core/sdk/store.hpp, class Host), over the seams of core/sim.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/sim/world.hpp"

namespace tidegate::plugin {

/// Where a plugin's words go: level 0 trace, 1 debug, 2 info, 3 warning, 4 error; any thread; must not throw.
using Log = std::function<void(int level, std::string_view line)>;

/// wait() and at() on the reactor thread only, everything else on any thread. Callbacks that throw are logged and
/// swallowed. The world must outlive the host, the host the back-end.
class HostImpl final : public Host {
 public:
  /// `title` is the section's ("backend:hq-mail"), `values` what the plugin was given: KEY_file and KEY_dir are looked
  /// up there when it asks for secrets.
  HostImpl(sim::World&, std::string title, std::map<std::string, std::string, std::less<>> values, Log);

  void log(int level, std::string_view) noexcept override;
  Clock::time_point now() const noexcept override;
  void random(std::span<std::byte>) noexcept override;
  /// "password": the file of the value password_file, else the systemd credential backend.NAME.password.
  /// "password/alice": the file alice in the directory of the value password_dir.
  Result<Bytes> secret(std::string_view key) override;
  std::unique_ptr<FdWait> wait(int fd, bool write, std::move_only_function<void()>) override;
  std::unique_ptr<Timer> at(Clock::time_point, std::move_only_function<void()>) override;

 private:
  struct Channel;  // what callbacks share, so that one still running when the host goes has its log
  sim::Reactor& reactor_;
  std::string title_;
  std::map<std::string, std::string, std::less<>> values_;
  std::shared_ptr<Channel> channel_;
};

}  // namespace tidegate::plugin
