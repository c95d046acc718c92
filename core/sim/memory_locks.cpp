// SPDX-License-Identifier: Apache-2.0
#include "core/sim/memory_locks.hpp"

#include <algorithm>

#include <sqlite3.h>

namespace tidegate::sim {

bool FileLocks::take(Owner owner, int level) {
  if (level == SQLITE_LOCK_SHARED) {
    if (pending_ != nullptr && pending_ != owner) return false;
    shared_.insert(owner);
    return true;
  }
  if (reserved_ != nullptr && reserved_ != owner) return false;
  if (pending_ != nullptr && pending_ != owner) return false;
  if (level == SQLITE_LOCK_RESERVED) {
    reserved_ = owner;
    return true;
  }
  // Exclusive: pending keeps new readers out while the present ones finish.
  pending_ = owner;
  return std::ranges::all_of(shared_, [&](Owner other) { return other == owner; });
}

void FileLocks::release(Owner owner, int level) {
  if (reserved_ == owner) reserved_ = nullptr;
  if (pending_ == owner) pending_ = nullptr;
  if (level == SQLITE_LOCK_NONE) shared_.erase(owner);
}

void* SharedMemory::region(std::size_t index, std::size_t size, bool extend) {
  if (index >= regions_.size()) {
    if (!extend) return nullptr;
    regions_.resize(index + 1);
  }
  if (!regions_[index] && extend) regions_[index] = std::make_unique<char[]>(size);
  return regions_[index].get();
}

bool SharedMemory::lock(Owner owner, int first, int count, bool exclusive) {
  const auto foreign = [owner](const Lock& l) {
    return std::ranges::any_of(l.shared, [owner](Owner other) { return other != owner; });
  };
  for (int i = first; i < first + count; ++i) {
    const auto& l = locks_[static_cast<std::size_t>(i)];
    if (l.exclusive != nullptr && l.exclusive != owner) return false;
    if (exclusive && foreign(l)) return false;
  }
  for (int i = first; i < first + count; ++i) {
    auto& l = locks_[static_cast<std::size_t>(i)];
    if (exclusive)
      l.exclusive = owner;
    else
      l.shared.insert(owner);
  }
  return true;
}

void SharedMemory::unlock(Owner owner, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    auto& l = locks_[static_cast<std::size_t>(i)];
    l.shared.erase(owner);
    if (l.exclusive == owner) l.exclusive = nullptr;
  }
}

}  // namespace tidegate::sim
