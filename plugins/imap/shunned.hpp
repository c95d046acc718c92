// SPDX-License-Identifier: Apache-2.0
// Things that failed again and again and are left alone for a while, longer each time. Pure; one thread.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/sdk/store.hpp"

namespace tidegate::imap {

class Shunned {
 public:
  /// The first `free` failures have no consequence; the next one costs `first`, each further one twice as much.
  Shunned(unsigned free, std::chrono::seconds first, std::chrono::seconds most)
      : free_(free), first_(first), most_(most) {}
  /// How long it is still to be left alone; zero: try.
  [[nodiscard]] std::chrono::milliseconds left(std::string_view what, Clock::time_point now) const;
  void failed(std::string_view what, Clock::time_point now);
  void worked(std::string_view what);

 private:
  struct Entry {
    unsigned failures = 0;
    Clock::time_point until;
  };
  const unsigned free_;
  const std::chrono::seconds first_, most_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace tidegate::imap
