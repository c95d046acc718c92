// SPDX-License-Identifier: Apache-2.0
// One inotify instance for all users of a directory-mode back-end. Hints only: what is true a scan decides. Reactor
// thread.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "core/sdk/store.hpp"
#include "plugins/mock/posix.hpp"
#include "plugins/mock/store.hpp"

namespace tidegate::mock {

class DiskWatch final : public Watch {
 public:
  DiskWatch(std::shared_ptr<Store>, Hints&);
  ~DiskWatch() override;
  void add(View mailbox) noexcept override;
  void drop(View mailbox) noexcept override;

 private:
  struct Place {
    std::string box;
    Bytes scope;        ///< what may have changed when something happens there
    bool tree = false;  ///< directories come and go there
  };
  void watch_box(const std::string& box);
  bool watch_path(const std::string& path, Place);
  void arm();
  void readable();
  void happened(int descriptor, std::uint32_t mask, std::string_view name);

  std::shared_ptr<Store> store_;
  Fd inotify_;
  std::map<int, Place> places_;
  std::unique_ptr<FdWait> wait_;
};

/// Memory mode: there is nothing to watch, changes hint by themselves; makes `rate` messages a second.
class MemoryWatch final : public Watch {
 public:
  MemoryWatch(std::shared_ptr<Store>, Hints&);
  ~MemoryWatch() override;
  void add(View mailbox) noexcept override;
  void drop(View mailbox) noexcept override;

 private:
  void tick();

  std::shared_ptr<Store> store_;
  Clock::time_point began_;
  std::uint64_t made_ = 0;
  std::unique_ptr<Timer> timer_;
};

}  // namespace tidegate::mock
