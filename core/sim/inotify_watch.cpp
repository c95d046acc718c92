// SPDX-License-Identifier: Apache-2.0
#include "core/sim/inotify_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include <sys/inotify.h>
#include <unistd.h>

namespace tidegate::sim {
namespace {

// Also a change of a file's octets: a hint costs little, and a mail program may write in place.
constexpr std::uint32_t what = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR;
constexpr std::size_t buffer_size = 16384;

}  // namespace

InotifyWatch::InotifyWatch(Reactor& reactor, DirectoryHints hints)
    : reactor_(reactor), hints_(std::move(hints)), fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ >= 0) await();
}

InotifyWatch::~InotifyWatch() {
  wait_.reset();
  if (fd_ >= 0) ::close(fd_);
}

void InotifyWatch::watch(const std::vector<std::string>& directories) {
  const std::set<std::string> wanted(directories.begin(), directories.end());
  for (auto at = watched_.begin(); at != watched_.end();) {
    if (wanted.contains(at->first)) {
      ++at;
      continue;
    }
    ::inotify_rm_watch(fd_, at->second);
    paths_.erase(at->second);
    at = watched_.erase(at);
  }
  for (const auto& path : wanted) {
    if (watched_.contains(path)) continue;
    const int number = ::inotify_add_watch(fd_, path.c_str(), what);
    if (number < 0) continue;
    watched_[path] = number;
    paths_[number] = path;
  }
}

void InotifyWatch::await() {
  wait_ = reactor_.wait(fd_, false, [this] { read(); });
}

void InotifyWatch::read() {
  alignas(inotify_event) std::array<char, buffer_size> buffer;
  await();
  const auto got = ::read(fd_, buffer.data(), buffer.size());
  for (std::size_t at = 0; got > 0 && at < static_cast<std::size_t>(got);) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const auto found = paths_.find(event.wd);
    DirectoryHint hint;
    if (event.len > 0) hint.name = buffer.data() + at + sizeof event;
    at += sizeof event + event.len;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      hints_({});
    } else if (found != paths_.end()) {
      hint.directory = found->second;
      hint.deleted = (event.mask & IN_DELETE) != 0;
      if ((event.mask & IN_IGNORED) != 0) {  // the directory itself has gone
        watched_.erase(found->second);
        paths_.erase(found);
      }
      hints_(hint);
    }
  }
}

}  // namespace tidegate::sim
