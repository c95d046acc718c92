// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/store.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <condition_variable>

#include <sys/stat.h>

#include "plugins/mock/content.hpp"
#include "plugins/mock/disk_tree.hpp"
#include "plugins/mock/memory.hpp"
#include "plugins/mock/posix.hpp"

namespace tidegate::mock {
namespace {

bool is_directory(const std::string& path) {
  struct stat about{};
  return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

std::unexpected<Fault> cancelled() {
  return fault(FaultKind::cancelled, {}, "the call was cancelled or its deadline passed");
}

}  // namespace

void Ear::attach(Hints* hints) {
  const std::scoped_lock lock(mutex_);
  hints_ = hints;
  if (!hints) watched_.clear();
}
void Ear::add(const std::string& box, const std::string& mailbox) {
  const std::scoped_lock lock(mutex_);
  watched_[box].insert(mailbox);
}
void Ear::drop(const std::string& box, const std::string& mailbox) {
  const std::scoped_lock lock(mutex_);
  const auto at = watched_.find(box);
  if (at == watched_.end()) return;
  at->second.erase(mailbox);
  if (at->second.empty()) watched_.erase(at);
}
void Ear::hint(const std::string& box, const Hint& hint) {
  const std::scoped_lock lock(mutex_);
  if (!hints_ || (host_ && host_->now() < deaf_.load())) return;
  if (const auto at = watched_.find(box); at != watched_.end())
    for (const auto& mailbox : at->second) hints_->hint(mailbox, hint);
}
void Ear::hint_all() {
  const std::scoped_lock lock(mutex_);
  if (!hints_ || (host_ && host_->now() < deaf_.load())) return;
  for (const auto& [box, mailboxes] : watched_)
    for (const auto& mailbox : mailboxes) hints_->hint(mailbox, Hint{{}, true});
}
void Ear::lost(const std::string& box, const Fault& why) {
  const std::scoped_lock lock(mutex_);
  if (!hints_) return;
  if (const auto at = watched_.find(box); at != watched_.end())
    for (const auto& mailbox : at->second) hints_->lost(mailbox, why);
}
std::vector<std::string> Ear::boxes() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  names.reserve(watched_.size());
  for (const auto& [box, mailboxes] : watched_) names.push_back(box);
  return names;
}

Store::Store(Host& host, Settings settings) : host_(host), settings_(std::move(settings)) { ear_.clock(host); }

std::string Store::random_word() {
  std::array<std::byte, 16> octets{};
  host_.random(octets);
  return hex(octets);
}

Result<std::string> Store::name_of(std::string_view mailbox) const {
  const auto nobody = [&] {
    return fault(FaultKind::not_found, {},
                 settings_.memory
                     ? "the mock has no such user; its users are user0, user1 … (setting users)"
                     : "the mock's root has no directory for this user; make one with new/, cur/ and tmp/");
  };
  for (const auto name : {mailbox, mailbox.substr(0, mailbox.find('@'))}) {
    if (name.empty() || name.front() == '.' || name.find('/') != name.npos || name.find('\0') != name.npos)
      return nobody();
    if (!settings_.memory) {
      if (is_directory(settings_.root + "/" + std::string(name))) return std::string(name);
      continue;
    }
    std::uint32_t number = 0;
    if (!name.starts_with("user") || name.size() < 5) continue;
    const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size() && number < settings_.users) return std::string(name);
  }
  return nobody();
}

Result<std::shared_ptr<Box>> Store::box(std::string_view mailbox) {
  auto name = name_of(mailbox);
  if (!name) return std::unexpected(name.error());
  const std::scoped_lock lock(mutex_);
  auto& box = boxes_[*name];
  if (box) return box;
  box = std::make_shared<Box>();
  box->name = *name;
  auto epoch = [this] { return random_word(); };
  if (settings_.memory)
    box->tree = std::make_unique<MemoryTree>(*name, settings_.items, settings_.item_size, std::move(epoch));
  else
    box->tree = std::make_unique<DiskTree>(settings_.root + "/" + *name, std::move(epoch));
  return box;
}

bool Store::spoilt(const std::string& box, View item) const {
  const std::scoped_lock lock(mutex_);
  return !spoilt_.empty() && spoilt_.contains({box, Bytes(item)});
}

void Store::spoil(const std::string& box, View item, bool yes) {
  const std::scoped_lock lock(mutex_);
  if (yes)
    spoilt_.emplace(box, item);
  else
    spoilt_.erase({box, Bytes(item)});
}

Result<void> Store::begin(const Call& call, std::string_view verb) {
  if (call.stop.stop_requested() || host_.now() >= call.deadline) return cancelled();
  auto wish = mischief_.wish(verb);
  if (wish.delay.count() > 0) {
    const auto left = std::max(Clock::duration::zero(), call.deadline - host_.now());
    const bool late = left < wish.delay;
    std::mutex mutex;
    std::condition_variable_any waiting;
    std::unique_lock lock(mutex);
    waiting.wait_for(lock, call.stop, std::min<Clock::duration>(left, wish.delay), [] { return false; });
    if (late || call.stop.stop_requested()) return cancelled();
  }
  if (wish.fault) return std::unexpected(*wish.fault);
  return {};
}

Result<void> Store::test() const {
  if (settings_.memory || is_directory(settings_.root)) return {};
  return fault(FaultKind::not_found, {}, "the directory that root names is not there or can't be read");
}

}  // namespace tidegate::mock
