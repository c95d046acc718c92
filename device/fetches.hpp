// SPDX-License-Identifier: Apache-2.0
// Messages that are here only in part and are to come whole (`tidegate-device fetch`): table `fetches` of device.db. A
// wish stays until the whole is in its place, however often that is cut short. Failures are Trouble.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sim/files.hpp"
#include "device/index.hpp"

namespace tidegate::device {

struct FetchRow {
  std::uint64_t view = 0;
  Gid gid{};
  std::uint64_t have = 0;   ///< octets that are durable in the file of parts
  std::uint64_t total = 0;  ///< 0: not known yet
  Bytes sha256;             ///< of the whole, once it is complete and before it is in its place
  std::string text;         ///< why it is not tried any more; empty: it is
};

class Fetches {
 public:
  explicit Fetches(Database& database) : database_(database) {}

  void want(std::uint64_t view, const Gid&);  ///< again, if it had failed
  std::optional<FetchRow> find(std::uint64_t view, const Gid&);
  std::vector<FetchRow> list();
  std::vector<FetchRow> waiting();  ///< those that are to be tried; what was begun first
  void put(const FetchRow&);
  void erase(std::uint64_t view, const Gid&);

 private:
  Database& database_;
};

/// What `words` mean: gids, or files that are stubs or copies of them. Wishes for all of them, or for none. Fault
/// not_found or invalid: a word that names no such message.
Result<std::size_t> want_whole(sim::Files&, Index&, const std::vector<std::string>& words);

std::string fetches_text(Index&);
/// [{"gid":…,"have":n,"total":n,"text":…}]
std::string fetches_json(Index&);

}  // namespace tidegate::device
