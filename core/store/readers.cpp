// SPDX-License-Identifier: Apache-2.0
#include "core/store/readers.hpp"

#include <algorithm>

namespace tidegate::store {

namespace {
constexpr std::size_t cache_kib = 4096;
}

Result<std::unique_ptr<Readers>> Readers::make(sim::World& world, const std::string& path, std::size_t count) {
  std::unique_ptr<Readers> made(new Readers(world));
  count = std::max<std::size_t>(1, count);
  for (std::size_t i = 0; i < count; ++i) {
    auto database = Database::open(world, path, Database::Use::read, cache_kib);
    if (!database) return std::unexpected(std::move(database.error()));
    made->free_.push_back(std::move(*database));
  }
  made->pool_ = world.pool("log-read", count, most_waiting + count);
  return made;
}

Readers::~Readers() {
  pool_.reset();
  alive_.reset();
}

Fault Readers::busy() {
  return Fault{FaultKind::unavailable, "log", "The gateway's state cannot keep up; it is asked again later.", {}, {}};
}

std::unique_ptr<Database> Readers::take() {
  const std::scoped_lock lock(mutex_);
  auto database = std::move(free_.back());
  free_.pop_back();
  return database;
}

void Readers::give(std::unique_ptr<Database> database) {
  const std::scoped_lock lock(mutex_);
  free_.push_back(std::move(database));
}

}  // namespace tidegate::store
