// SPDX-License-Identifier: Apache-2.0
// The World of a real process: epoll, POSIX files, threads. Its network comes from core/tls (tls::real_world()
// gives both together), so that core/sim knows no TLS.
#pragma once
#include <chrono>
#include <functional>
#include <memory>

#include "core/sim/world.hpp"

namespace tidegate::sim {

class RealWorld final : public World {
 public:
  RealWorld();  ///< ignores SIGPIPE; throws std::system_error if the kernel gives no epoll
  ~RealWorld() override;

  Reactor& reactor() override;
  Network& network() override;  ///< only after use()
  Files& files() override;
  std::unique_ptr<DirectoryWatch> watch(DirectoryHints hints) override;
  const char* sqlite_vfs() const override { return nullptr; }
  std::unique_ptr<Pool> pool(std::string_view name, std::size_t threads, std::size_t queue) override;
  Bytes boot_id() const override;

  void use(std::unique_ptr<Network>);  ///< before network(); owned from now on

  /// Runs the loop on the calling thread (it is the reactor thread from now on) until stop().
  void run();
  /// Runs it until the condition holds (asked after each round). False: the time was over first. For tests and tools.
  bool run_until(const std::function<bool()>& condition, std::chrono::nanoseconds limit);
  void stop();  ///< any thread
  /// SIGINT, SIGTERM and SIGHUP are handed to the callback on the reactor thread. One RealWorld a process may do so.
  void on_signal(std::move_only_function<void(int)>);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Files of the real file system; any thread.
std::unique_ptr<Files> posix_files();

}  // namespace tidegate::sim
