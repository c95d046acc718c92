// SPDX-License-Identifier: Apache-2.0
// Removals that wait for a person (design: state, rule 7): too much of a folder was missing at once, which is more
// often an accident than a wish. Tables `holds` and `held` of device.db. Failures are Trouble.
#pragma once
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "core/e2e/sync.hpp"
#include "device/database.hpp"

namespace tidegate::device {

using e2e::Gid;

/// Above this many of `rows` missing at once nothing is removed before somebody was asked.
constexpr std::size_t removal_limit(std::size_t rows) { return rows / 10 > 20 ? rows / 10 : 20; }

struct HoldRow {
  std::uint64_t number = 0, view = 0;
  Gid folder{};
  std::int64_t at_unix = 0;
  bool released = false;  ///< to be removed by the next scan
  std::uint64_t items = 0;
};

class Holds {
 public:
  using Key = std::pair<std::uint64_t, Gid>;
  explicit Holds(Database& database) : database_(database) {}

  std::vector<HoldRow> list();
  std::set<Key> items();  ///< of all holds
  std::vector<Gid> items(std::uint64_t number);
  /// Puts them on the folder's open hold, or on a new one: its number. Within the caller's transaction.
  std::uint64_t hold(std::uint64_t view, const Gid& folder, const std::vector<Gid>& items, std::int64_t at_unix);
  void free(const Key&);               ///< one item: its file is there again, or it has gone from the store
  void release(std::uint64_t number);  ///< the removal was meant
  void erase(std::uint64_t number);

 private:
  Database& database_;
};

}  // namespace tidegate::device
