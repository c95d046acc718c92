// SPDX-License-Identifier: Apache-2.0
// A folder of the mock, on disk or in memory: what paging.hpp and session.cpp need of it. Not thread-safe: the
// mailbox's mutex is held around every call; only an opened Content is read without it.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

/// An item as the journal names it. `number` counts the folder's changes up from 1; each change gives the item a new
/// one.
struct Noted {
  std::uint64_t number = 0;
  Bytes name;  ///< within the folder
  bool gone = false;
};

/// Where an item stands in the newest-first order.
struct Place {
  std::chrono::sys_seconds received{};
  Bytes name;
};

class Content {
 public:
  virtual ~Content() = default;
  virtual std::uint64_t size() const = 0;
  /// Octets from that offset on; 0 = end. Fault unavailable: the disk failed.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte>) = 0;
};

class ItemFolder {
 public:
  virtual ~ItemFolder() = default;

  /// Makes the index equal to what is there now.
  virtual Result<void> refresh() = 0;

  // The index, as of the last refresh()
  virtual std::string epoch() const = 0;    ///< another one whenever numbers began anew
  virtual std::uint64_t last() const = 0;   ///< the highest number given
  virtual std::uint64_t floor() const = 0;  ///< removals up to here are forgotten
  virtual std::vector<Noted> after(std::uint64_t number, std::size_t limit) const = 0;  ///< ascending
  /// Newest first, those strictly older than `below` (nullptr: from the newest on).
  virtual std::vector<Noted> older(const Place* below, std::size_t limit) const = 0;
  virtual std::optional<Place> place(View name) const = 0;
  /// Without id and folders. Content comes along if no longer than that. nullopt: gone meanwhile.
  virtual std::optional<Upsert> upsert(View name, std::uint32_t inline_up_to) = 0;

  // Verbs. Fault not_found: no such item (any more).
  virtual Result<std::unique_ptr<Content>> open(View name) = 0;
  /// `name` is the wanted one (from the attempt's token), with the ending the folder's kind has; empty: any. If it is
  /// there already, that one is answered and nothing is written.
  virtual Result<Bytes> create(View name, const NewItem&, Source&) = 0;
  virtual Result<void> replace(View name, View if_content_rev, Source&) = 0;
  virtual Result<void> set_flags(View name, const FlagDelta&) = 0;
  virtual Result<void> remove(View name, View if_content_rev) = 0;
  /// Moves the item here and gives its name here. Not there but here: that was done earlier.
  virtual Result<Bytes> take(ItemFolder& from, View name) = 0;
  virtual Kind kind() const = 0;

  // As a backup of the server: restore() goes back to what keep() found, and the numbers with it. Fault unsupported.
  virtual Result<void> keep();
  virtual Result<void> restore();
};

/// All folders of one user.
class Tree {
 public:
  virtual ~Tree() = default;
  virtual Result<std::vector<Folder>> folders() = 0;
  virtual Result<ItemFolder*> find(View folder) = 0;
  virtual Result<Folder> make(const Folder& like) = 0;
  virtual Result<Folder> rename(const Folder&) = 0;
  virtual Result<void> remove(View folder) = 0;
};

std::unexpected<Fault> no_item(View name);
std::unexpected<Fault> no_folder(View name);

}  // namespace tidegate::mock
