// SPDX-License-Identifier: Apache-2.0
// Changes to one view inside the writer's transaction: rows, their folders, the limbo, the counter. Knows nothing of
// pages (apply.hpp does). Errors stick in the Database.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/store/database.hpp"
#include "core/store/log.hpp"

namespace tidegate::store {

/// What every edit of this process shares.
struct EditContext {
  Bytes state_key;  ///< 32 octets
  std::uint64_t start = 0;
  std::int64_t now_ms = 0;  ///< monotonic, of this process
  std::int64_t wall_seconds = 0;
  unsigned hold_share = 0;    ///< Settings::hold_share
  std::int64_t limbo_ms = 0;  ///< how long a removal waits for the other half of a move
};

struct Item {  ///< a row of items as the writer sees it
  std::int64_t no = 0;
  Gid gid{};
  std::int64_t scope = 0;
  Bytes id, folders, content_rev, state_rev, keywords, fingerprint;
  std::int64_t kind = 0, received = 0, size = 0, flags = 0;
  std::int64_t seq_added = 0, seq_body = 0, seq_meta = 0, seq_gone = 0;
  std::int64_t listing = 0;
  bool unmatched = false, limbo = false;
};

class ViewEdit {
 public:
  ViewEdit(Database&, const EditContext&, ViewId);
  bool known() const { return known_; }  ///< there is such a view
  std::uint64_t head() const { return head_; }
  bool limbo_grew() const { return limbo_grew_; }
  Database& database() { return database_; }
  ViewId view() const { return view_; }

  std::int64_t backend_number(const std::string& name);
  Gid new_gid(std::string_view what, const std::string& backend, View folder, View id) const;

  std::optional<Item> by_id(std::int64_t backend, View id);
  std::optional<Item> by_number(std::int64_t no);
  std::optional<Item> in_limbo(std::int64_t backend, View fingerprint);
  std::optional<Item> unmatched(std::int64_t scope, View fingerprint);
  bool limbo_empty();
  bool gid_taken(const Gid&);

  std::uint64_t next_seq() { return ++head_; }
  void insert(Item&, std::int64_t backend);
  /// Writes the row back. `moved`: its folders or its received changed from `before`.
  void update(const Item& before, const Item& after, std::int64_t backend);
  void mark_named(const Item&, std::int64_t listing, View state_rev);  ///< nothing a device could see has changed
  void vacate(const Item&);                                            ///< its id belongs to somebody else now
  /// Into limbo, under a hold if there is one; else at once where nothing waits.
  void disappear(const Item&, std::int64_t hold = 0);
  void bury(const Item&);  ///< becomes a tombstone
  void leave_limbo(const Item&);
  void finish();  ///< the counter and the folders' counts

 private:
  std::optional<Item> load(Query&);
  void enter_folders(const Item&);
  void quit_folders(const Item&);

  Database& database_;
  const EditContext& context_;
  ViewId view_;
  bool known_ = false;
  bool limbo_grew_ = false;
  std::uint64_t head_ = 0, stored_head_ = 0;
  std::map<Gid, std::int64_t> counts_;
};

}  // namespace tidegate::store
