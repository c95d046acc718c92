// SPDX-License-Identifier: Apache-2.0
// What a device knows of what lies on its disk (design: state, "Maildir and vdir on a device", rule 1): device.db.
// A row means "was durably there". One thread at a time (the disk pool's); failures are Trouble.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/e2e/sync.hpp"
#include "device/database.hpp"

namespace tidegate::device {

using e2e::Gid;

/// Who knows of an item.
enum class Origin : std::uint8_t {
  store,     ///< it came from the gateway
  local,     ///< it was made here; the store has not confirmed it
  confirmed  ///< it was made here, the store has it, but it has not come from the gateway yet
};

struct ItemRow {
  std::uint64_t view = 0;
  Gid gid{};
  std::vector<Gid> folders;  ///< all of them, as the store has it
  Gid folder{};              ///< where the file lies
  std::string name;          ///< below the folder's directory: "cur/GID,S=9:2,S"; a user may have renamed it since
  Kind kind = Kind::mail;
  std::uint64_t size = 0;
  Bytes sha256;
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t base_flags = 0;  ///< what the store had when we last heard
  std::vector<std::string> keywords;
  std::uint32_t shown = 0;  ///< letters (marks, names.hpp) that the file was given: an absent one was taken away
  Bytes content_rev, fingerprint;
  std::int64_t received = 0;
  std::uint64_t seq = 0;  ///< 0: take whatever comes next for it
  bool stub = false;
  Origin origin = Origin::store;
  std::string uid;  ///< not of mail: of the octets with that sha256
  Bytes canonical;  ///< the same: VdirObject::canonical; empty: not known

  void take(const e2e::Item&);  ///< all that the gateway says of it: not sha256, and not where the file lies
  bool operator==(const ItemRow&) const = default;
};

/// As much of a row as comparing a folder with its directory needs.
struct PlaceRow {
  Gid gid{};
  std::string name;
  std::uint64_t size = 0, inode = 0;
  std::int64_t mtime_ns = 0;
  std::uint32_t base_flags = 0;
  std::vector<std::string> keywords{};
  std::uint32_t shown = 0;
};

struct FolderRow {
  std::uint64_t view = 0;
  e2e::FolderInfo info;
  std::string directory;  ///< below the Maildir's (mail) or vdir's root; empty: the Maildir's root itself
};

struct ViewRow {
  std::uint64_t view = 0;
  std::string name;
  std::string prefix;  ///< Maildir++ component before its folders; empty for the first view
  std::optional<e2e::Position> position;
};

class Index {
 public:
  Index(const std::string& path, const char* vfs, bool read_only = false);
  Database& database() { return database_; }
  int version() const { return version_; }  ///< of the schema; an older one only if it was opened to be read

  std::optional<ItemRow> item(std::uint64_t view, const Gid&);
  void put(const ItemRow&);
  void erase(std::uint64_t view, const Gid&);
  void each(std::uint64_t view, const std::function<void(const ItemRow&)>&);
  void each_in(std::uint64_t view, const Gid& folder, const std::function<void(PlaceRow&)>&);
  std::vector<ItemRow> with_hash(std::uint64_t view, View sha256);
  std::vector<ItemRow> with_uid(std::uint64_t view, const Gid& folder, std::string_view uid);  ///< not mail
  std::vector<ItemRow> stub_copies(std::uint64_t view);  ///< made here of stubs; their fingerprint is the stub's gid
  std::uint64_t count(std::uint64_t view);
  std::uint64_t count_in(std::uint64_t view, const Gid& folder);
  bool named(std::uint64_t view, const Gid& folder, const std::string& name);  ///< a row lies there

  std::vector<FolderRow> folders(std::uint64_t view);
  void put(const FolderRow&);
  void erase_folder(std::uint64_t view, const Gid&);
  bool empty(std::uint64_t view, const Gid& folder);  ///< no file of ours lies there

  /// Folders that are getting another directory: recorded first, so that a move cut short is finished by the next life.
  void move_folder(std::uint64_t view, const Gid&, const std::string& directory);
  std::vector<std::tuple<std::uint64_t, Gid, std::string>> moving_folders();
  void folders_moved();

  std::vector<ViewRow> views();
  void put_view(std::uint64_t view, std::string_view name, std::string_view prefix);
  void put_position(const e2e::Position&);

  /// A compare is to be asked for: what a fault left different here is then taken from the store again.
  void want_compare(std::uint64_t view);
  /// Number of the latest such wish; 0: none. A compare fulfils the wishes up to the one that stood when it began.
  std::uint64_t compare_wish(std::uint64_t view);
  void compared(std::uint64_t view, std::uint64_t wish);
  std::vector<std::uint64_t> wanted_compares();

  /// A vdir's files that are about to be renamed into their places: recorded before they are, until their row is. A
  /// vdir's names say nothing of whose a file is.
  struct Arriving {
    std::string path;
    std::uint64_t view = 0;
    Gid gid{};
    Bytes sha256;
  };
  void arrive(const Arriving&);
  void arrived(const std::string& path);
  std::vector<Arriving> arriving();

  /// Files that are to go: recorded before they do.
  void leave(const std::string& path);
  void left(const std::string& path);
  std::vector<std::string> leaving();

  /// Rows that were written before their file appeared and before it was synced, and the boot of the machine in which
  /// that was.
  void deliver(std::uint64_t view, const Gid&, View boot);
  void delivered();  ///< all of them
  std::vector<std::tuple<std::uint64_t, Gid, Bytes>> delivering();

  Bytes note(std::string_view key);  ///< empty: none
  void note(std::string_view key, View value);
  void erase_everything();  ///< but the notes
  void forget_notes();

 private:
  Database database_;
  int version_ = 0;
};

}  // namespace tidegate::device
