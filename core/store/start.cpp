// SPDX-License-Identifier: Apache-2.0
#include "core/store/start.hpp"

#include <charconv>

namespace tidegate::store {

namespace {

std::optional<Bytes> meta(Database& database, std::string_view key) {
  Query query(database, "SELECT value FROM meta WHERE key = ?", key);
  if (!query.row()) return std::nullopt;
  return query.bytes(0);
}

void put(Database& database, std::string_view key, View value) {
  database.run("INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", key,
               blob(value));
}

Bytes random(sim::World& world, std::size_t size) {
  Bytes made(size, '\0');
  world.reactor().random(std::as_writable_bytes(std::span(made)));
  return made;
}

}  // namespace

Result<Start> begin_start(Database& database, sim::World& world) {
  Start start;
  database.execute("PRAGMA synchronous=FULL");
  database.begin();
  if (auto key = meta(database, "state_key")) {
    start.state_key = std::move(*key);
  } else {
    start.state_key = random(world, 32);
    put(database, "state_key", start.state_key);
  }
  const auto boot = world.boot_id();
  const auto before = meta(database, "boot_id");
  start.new_epoch = before && *before != boot && meta(database, "clean") != Bytes("1");
  if (start.new_epoch) renew_epochs(database, world);
  start.counter = raise_counter(database, 1);
  put(database, "boot_id", boot);
  put(database, "clean", "0");
  if (database.failed()) {
    auto fault = database.take_fault();
    database.rollback();
    return std::unexpected(std::move(fault));
  }
  if (auto done = database.commit(); !done) return std::unexpected(std::move(done.error()));
  database.execute("PRAGMA synchronous=NORMAL");
  if (database.failed()) return std::unexpected(database.take_fault());
  return start;
}

void renew_epochs(Database& database, sim::World& world) {
  constexpr std::int64_t beyond = std::int64_t{1} << 32;
  std::vector<std::int64_t> views;
  {
    Query query(database, "SELECT id FROM views");
    while (query.row()) views.push_back(query.integer(0));
  }
  for (const auto view : views) {
    database.run("UPDATE views SET epoch = ?, head = head + ? WHERE id = ?", blob(random(world, 16)), beyond, view);
  }
}

std::uint64_t raise_counter(Database& database, std::uint64_t by) {
  const auto before = meta(database, "start_counter").value_or("0");
  std::uint64_t counter = 0;
  std::from_chars(before.data(), before.data() + before.size(), counter);
  counter += by;
  put(database, "start_counter", std::to_string(counter));
  return counter;
}

void mark_clean_stop(Database& database) { put(database, "clean", "1"); }

}  // namespace tidegate::store
