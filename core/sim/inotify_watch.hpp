// SPDX-License-Identifier: Apache-2.0
// DirectoryWatch of a real process. Only real_world.cpp sees it.
#pragma once
#include <map>
#include <memory>

#include "core/sim/reactor.hpp"
#include "core/sim/watch.hpp"

namespace tidegate::sim {

class InotifyWatch final : public DirectoryWatch {
 public:
  InotifyWatch(Reactor&, DirectoryHints);
  ~InotifyWatch() override;
  InotifyWatch(const InotifyWatch&) = delete;
  InotifyWatch& operator=(const InotifyWatch&) = delete;

  bool works() const { return fd_ >= 0; }
  void watch(const std::vector<std::string>& directories) override;

 private:
  void await();
  void read();

  Reactor& reactor_;
  DirectoryHints hints_;
  int fd_ = -1;
  std::map<int, std::string> paths_;  ///< by watch descriptor
  std::map<std::string, int> watched_;
  std::unique_ptr<FdWait> wait_;
};

}  // namespace tidegate::sim
