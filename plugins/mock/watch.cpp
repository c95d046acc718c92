// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/watch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <sys/inotify.h>
#include <unistd.h>

#include "plugins/mock/disk_tree.hpp"
#include "plugins/mock/memory.hpp"

namespace tidegate::mock {
namespace {

constexpr std::uint32_t item_events = IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR;
constexpr std::uint32_t tree_events = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;
constexpr std::chrono::milliseconds beat{10};  // of made-up messages

}  // namespace

DiskWatch::DiskWatch(std::shared_ptr<Store> store, Hints& hints)
    : store_(std::move(store)), inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  store_->ear().attach(&hints);
  if (!inotify_)
    store_->host().log(3, std::string("no inotify (") + std::strerror(errno) +
                              "); changes are found by the sweep only; raise fs.inotify.max_user_instances");
  else
    arm();
}

DiskWatch::~DiskWatch() { store_->ear().attach(nullptr); }

void DiskWatch::arm() {
  wait_ = store_->host().wait(inotify_.get(), false, [this] { readable(); });
}

void DiskWatch::add(View mailbox) noexcept try {
  auto box = store_->box(mailbox);
  if (!box) return;
  store_->ear().add((*box)->name, std::string(mailbox));
  if (inotify_) watch_box((*box)->name);
} catch (const std::exception& error) {
  store_->host().log(4, std::string("can't watch a mailbox: ") + error.what());
}

void DiskWatch::drop(View mailbox) noexcept try {
  auto box = store_->box(mailbox);
  if (!box) return;
  const auto& name = (*box)->name;
  store_->ear().drop(name, std::string(mailbox));
  const auto left = store_->ear().boxes();
  if (std::ranges::find(left, name) != left.end()) return;
  for (auto at = places_.begin(); at != places_.end();) {
    if (at->second.box != name) {
      ++at;
      continue;
    }
    ::inotify_rm_watch(inotify_.get(), at->first);
    at = places_.erase(at);
  }
} catch (const std::exception& error) {
  store_->host().log(4, std::string("can't stop watching a mailbox: ") + error.what());
}

bool DiskWatch::watch_path(const std::string& path, Place place) {
  const int descriptor = ::inotify_add_watch(inotify_.get(), path.c_str(), place.tree ? tree_events : item_events);
  if (descriptor < 0) return errno == ENOENT || errno == ENOTDIR;  // not there (yet): its parent tells when it comes
  places_[descriptor] = std::move(place);
  return true;
}

void DiskWatch::watch_box(const std::string& box) {
  // A tree object of its own: the box's may be in use by a worker.
  DiskTree tree(store_->settings().root + "/" + box, [] { return std::string{}; });
  bool fine = watch_path(tree.root(), {box, {}, true});
  for (const auto* part : {"/calendars", "/contacts"}) fine = watch_path(tree.root() + part, {box, {}, true}) && fine;
  if (auto folders = tree.folders())
    for (const auto& folder : *folders) {
      const auto path = tree.path_of(folder.id);
      if (folder.kind != Kind::mail) {
        fine = watch_path(path, {box, folder.id, false}) && fine;
        continue;
      }
      for (const auto* sub : {"/new", "/cur"}) fine = watch_path(path + sub, {box, folder.id, false}) && fine;
      // A folder whose new/ is still to come.
      if (folder.id != "INBOX") fine = watch_path(path, {box, folder.id, true}) && fine;
    }
  if (!fine)
    store_->ear().lost(box, {FaultKind::unavailable,
                             {},
                             "the kernel watches no more directories; raise fs.inotify.max_user_watches",
                             std::strerror(errno),
                             {}});
}

void DiskWatch::readable() {
  alignas(inotify_event) char buffer[16384];
  for (;;) {
    const auto got = ::read(inotify_.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if (event.mask & IN_Q_OVERFLOW)
        store_->ear().hint_all();
      else
        happened(event.wd, event.mask, event.len > 0 ? buffer + at - event.len : "");
    }
  }
  arm();
}

void DiskWatch::happened(int descriptor, std::uint32_t mask, std::string_view name) {
  const auto at = places_.find(descriptor);
  if (at == places_.end()) return;
  const auto place = at->second;
  if (mask & IN_IGNORED) {
    places_.erase(at);
    return;
  }
  if (!place.tree) {
    store_->ear().hint(place.box, Hint{{name == "color" ? Bytes() : place.scope}, false});
  } else if (mask & IN_ISDIR) {
    watch_box(place.box);
    // What came into a new directory before it was watched was told by nobody.
    store_->ear().hint(place.box, Hint{{}, true});
  }
}

MemoryWatch::MemoryWatch(std::shared_ptr<Store> store, Hints& hints)
    : store_(std::move(store)), began_(store_->host().now()) {
  store_->ear().attach(&hints);
  if (store_->settings().rate > 0) timer_ = store_->host().at(began_ + beat, [this] { tick(); });
}

MemoryWatch::~MemoryWatch() { store_->ear().attach(nullptr); }

void MemoryWatch::add(View mailbox) noexcept try {
  if (auto box = store_->box(mailbox)) store_->ear().add((*box)->name, std::string(mailbox));
} catch (const std::exception& error) {
  store_->host().log(4, std::string("can't watch a mailbox: ") + error.what());
}

void MemoryWatch::drop(View mailbox) noexcept try {
  if (auto box = store_->box(mailbox)) store_->ear().drop((*box)->name, std::string(mailbox));
} catch (const std::exception& error) {
  store_->host().log(4, std::string("can't stop watching a mailbox: ") + error.what());
}

void MemoryWatch::tick() {
  const auto now = store_->host().now();
  const auto due =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now - began_).count()) *
      store_->settings().rate / 1000;
  if (const auto boxes = store_->ear().boxes(); !boxes.empty()) {
    std::map<std::string, std::uint32_t> more;
    for (; made_ < due; ++made_) ++more[boxes[made_ % boxes.size()]];
    for (const auto& [name, count] : more) {
      auto box = store_->box(name);
      if (!box) continue;
      {
        const std::scoped_lock lock((*box)->mutex);
        if (auto inbox = (*box)->tree->find("INBOX")) static_cast<MemoryFolder*>(*inbox)->generate(count);
      }
      store_->ear().hint(name, Hint{{"INBOX"}, false});
    }
  } else {
    made_ = due;  // nobody watches: nothing is saved up
  }
  timer_ = store_->host().at(now + beat, [this] { tick(); });
}

}  // namespace tidegate::mock
