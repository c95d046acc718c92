// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/host.hpp"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "core/config/secret.hpp"

namespace tidegate::plugin {

struct HostImpl::Channel {
  std::string title;
  Log log;

  void say(int level, std::string_view line) noexcept {
    if (!log) return;
    try {
      log(level, fmt::format("[{}] {}", title, line));
    } catch (...) {  // NOLINT(bugprone-empty-catch): a log that fails must not end the daemon
    }
  }

  /// The plugin's callback, made safe to run on our reactor.
  static sim::Task guarded(std::shared_ptr<Channel> channel, std::move_only_function<void()> task) {
    return [channel = std::move(channel), task = std::move(task)]() mutable {
      try {
        task();
      } catch (const std::exception& error) {
        channel->say(4, fmt::format("a callback of the plugin threw: {}", error.what()));
      } catch (...) {
        channel->say(4, "a callback of the plugin threw something that is no std::exception");
      }
    };
  }
};

HostImpl::HostImpl(sim::World& world, std::string title, std::map<std::string, std::string, std::less<>> values,
                   Log log)
    : reactor_(world.reactor()),
      title_(std::move(title)),
      values_(std::move(values)),
      channel_(std::make_shared<Channel>(title_, std::move(log))) {}

void HostImpl::log(int level, std::string_view line) noexcept { channel_->say(level, line); }
Clock::time_point HostImpl::now() const noexcept { return reactor_.now(); }
void HostImpl::random(std::span<std::byte> into) noexcept { reactor_.random(into); }

Result<Bytes> HostImpl::secret(std::string_view key) {
  const auto warn = [this](std::string_view line) { log(3, line); };
  const auto value = [this](std::string name) {
    const auto at = values_.find(name);
    return at == values_.end() ? std::string{} : at->second;
  };
  const auto slash = key.find('/');
  if (slash == key.npos) return config::read_secret(title_, key, value(fmt::format("{}_file", key)), warn);

  const auto name = key.substr(slash + 1);
  const auto directory = value(fmt::format("{}_dir", key.substr(0, slash)));
  // The name comes from a user's name: it must not lead out of the directory.
  if (name.empty() || name.front() == '.' || name.find('/') != name.npos || name.find('\0') != name.npos)
    return fault(FaultKind::invalid, title_, "a user name that can't be a file name has no secret here");
  if (directory.empty())
    return fault(FaultKind::not_found, title_,
                 fmt::format("[{}] has no {}_dir; set it to the directory of the users' secret files", title_,
                             key.substr(0, slash)));
  return config::read_secret_file(fmt::format("{}/{}", directory, name), warn);
}

std::unique_ptr<FdWait> HostImpl::wait(int fd, bool write, std::move_only_function<void()> task) {
  return reactor_.wait(fd, write, Channel::guarded(channel_, std::move(task)));
}

std::unique_ptr<Timer> HostImpl::at(Clock::time_point when, std::move_only_function<void()> task) {
  return reactor_.at(when, Channel::guarded(channel_, std::move(task)));
}

}  // namespace tidegate::plugin
