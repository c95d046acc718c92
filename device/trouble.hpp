// SPDX-License-Identifier: Apache-2.0
// Inside the disk side of this folder a failed file or database call unwinds by this exception and comes out of the
// public functions (device/shelf.hpp) as its Fault: every step there depends on the one before, and what is half done
// is put right by the next start.
#pragma once
#include <exception>
#include <utility>

#include "core/sdk/fault.hpp"

namespace tidegate::device {

class Trouble final : public std::exception {
 public:
  explicit Trouble(Fault why) : fault(std::move(why)) {}
  const char* what() const noexcept override { return fault.text.c_str(); }
  Fault fault;
};

template <class T>
T need(Result<T> result) {
  if (!result) throw Trouble(std::move(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace tidegate::device
