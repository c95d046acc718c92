// SPDX-License-Identifier: Apache-2.0
// What only a process at a terminal needs: questions, the lock of a state directory, its size. For main() alone.
#pragma once
#include <string>

#include "core/sdk/fault.hpp"

namespace tidegate::device {

/// Asks on the terminal; without echo for secrets. Fault invalid: there is no terminal.
Result<std::string> ask(const std::string& question, bool echo);

/// STATE/.lock, held until the process ends. Fault exists: another tidegate-device has it.
class StateLock {
 public:
  static Result<StateLock> take(const std::string& state);
  static bool held(const std::string& state);  ///< by whomever
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

unsigned terminal_width();  ///< of standard output; 0: not a terminal
void no_core_dumps();       ///< keys must not end in a file; nor may others attach a debugger
std::string default_state();
std::string absolute(const std::string& path);  ///< from the working directory
std::string host_name();

}  // namespace tidegate::device
