// SPDX-License-Identifier: Apache-2.0
// What a Shelf has under way: internal to device/shelf*.cpp.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device/names.hpp"
#include "device/shelf.hpp"

namespace tidegate::device {

/// One file on its way from tmp/ to its folder.
struct Shelf::Put {
  ItemRow row;
  std::optional<ItemRow> recorded{};  ///< as it was announced
  std::string draft;                  ///< path in tmp/
  std::string target;                 ///< path in its folder
  bool renamed = false;
  bool first = true;  ///< the item had no row before
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

/// What the store has of an item, or is about to have.
struct Shelf::Stored {
  std::vector<Gid> folders;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  Stored with(const Pending& pending) const { return {folders, pending.flags(flags), pending.keywords(keywords)}; }
};

/// What was here of an item before the message at hand, looked up once.
struct Shelf::Known {
  std::optional<ItemRow> row;
  Pending pending;  ///< what of it is still to go up
};

/// A command that has its result.
struct Shelf::Ended {
  CommandRow command;
  bool forget = true;  ///< else it stays in the journal, for people
  CommandRow::State kept_as = CommandRow::State::failed;
  bool compare = false;                 ///< what it named is to be taken from the store again
  std::optional<CommandRow> instead{};  ///< to be journaled in its place
  std::string text;
};

/// What becomes durable in one transaction.
struct Shelf::Group {
  std::vector<Put> puts;
  std::vector<ItemRow> rows;
  std::vector<Key> erased;
  std::vector<std::string> leaves;      ///< paths
  std::vector<std::string> unrecorded;  ///< paths that are no longer on their way into a vdir
  std::map<std::uint64_t, e2e::Position> positions;
  std::set<Key> touched;                                     ///< an item is in a group once
  std::set<std::string> directories;                         ///< to sync
  std::vector<std::tuple<std::uint64_t, Gid, Gid>> renamed;  ///< (view, from, to): items that got another gid
  std::vector<Ended> ended;
  std::map<std::uint64_t, std::uint64_t> compared;     ///< views; the wish that this fulfils
  std::set<std::uint64_t> wanted;                      ///< views to be compared, because something is missing here
  std::vector<std::pair<Key, std::uint64_t>> ignored;  ///< items under removal here, number of what came for them
  std::vector<std::string> syncs;                      ///< files to sync that were written by an earlier life
  bool empty() const {
    return puts.empty() && rows.empty() && erased.empty() && leaves.empty() && unrecorded.empty() &&
           positions.empty() && syncs.empty() && ended.empty() && wanted.empty() && ignored.empty();
  }
};

}  // namespace tidegate::device
