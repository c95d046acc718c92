// SPDX-License-Identifier: Apache-2.0
// What a Shelf has under way: internal to device/shelf*.cpp.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/shelf.hpp"

namespace tidegate::device {

/// One file on its way from tmp/ to its folder.
struct Shelf::Put {
  ItemRow row;
  std::string draft;   ///< path in tmp/
  std::string target;  ///< path in its folder
  bool renamed = false;
  bool live = true;
  std::string folder;  ///< for people
  std::string subject, from;
};

/// Content that comes in parts.
struct Shelf::Transfer {
  e2e::Item item;  ///< without content
  std::string draft;
  Bytes head;  ///< the first 64 KiB: header lines, UID
  std::uint64_t at = 0;
  Digest digest;
};

/// What becomes durable in one transaction.
struct Shelf::Group {
  std::vector<Put> puts;
  std::vector<ItemRow> rows;
  std::vector<Key> erased;
  std::vector<std::string> leaves;  ///< paths
  std::map<std::uint64_t, e2e::Position> positions;
  std::set<Key> touched;              ///< an item is in a group once
  std::set<std::string> directories;  ///< to sync
  std::vector<std::string> syncs;     ///< files to sync that were written by an earlier life
  bool empty() const {
    return puts.empty() && rows.empty() && erased.empty() && leaves.empty() && positions.empty() && syncs.empty();
  }
};

inline std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
inline std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace tidegate::device
