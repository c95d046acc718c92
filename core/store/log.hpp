// SPDX-License-Identifier: Apache-2.0
// The gateway's memory: which items each view has, ordered by last change, and the anchors that say up to where the
// back-end has been seen (design: state). Ids, revisions, fingerprints; never content. One SQLite database (WAL).
//
// Threads: every method is called on the reactor thread and returns at once; callbacks run on the reactor thread.
// Writes go to one writer thread, which groups them over users into transactions; reads go to reader threads with
// connections of their own. Callbacks never run after the Log is destroyed.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/sdk/store.hpp"
#include "core/sim/world.hpp"

namespace tidegate::store {

using Gid = std::array<std::byte, 16>;
using Epoch = std::array<std::byte, 16>;
using ViewId = std::uint64_t;
template <class T>
using Done = std::move_only_function<void(Result<T>)>;

struct ViewRow {  ///< one mailbox as seen by one actor; a user has one or more
  ViewId id = 0;
  std::string user, mailbox, actor;
  std::string site;
};

struct FolderRow {
  Gid gid{};
  Gid parent{};
  std::string backend;  ///< the ini section that serves it
  Bytes id, scope;      ///< the back-end's
  std::string name;
  Kind kind = Kind::mail;
  Role role = Role::none;
  std::uint32_t rights = 0;
  std::string color;  ///< "#RRGGBB" or empty
  std::uint64_t seq = 0;
  std::uint64_t items = 0;
  bool gone = false;
};

struct ItemRow {
  Gid gid{};
  std::vector<Gid> folders;
  std::string backend;
  Bytes id;  ///< the back-end's
  Bytes content_rev, state_rev;
  Kind kind = Kind::mail;
  std::int64_t received = 0;
  std::uint64_t size = 0;
  std::uint32_t flags = 0;
  std::vector<std::string> keywords;
  std::array<std::byte, 20> fingerprint{};
  std::uint64_t seq_added = 0, seq_body = 0, seq_meta = 0, seq_gone = 0;
  std::uint64_t seq_moved = 0;  ///< its folders changed then (0: never); seq_meta is no lower
  std::vector<Gid> moved_from;  ///< what its folders were before that
  std::uint64_t seq() const noexcept { return std::max(std::max(seq_added, seq_body), std::max(seq_meta, seq_gone)); }
};

struct Head {
  Epoch epoch{};
  std::uint64_t head = 0;   ///< highest seq given out and committed
  std::uint64_t floor = 0;  ///< positions below it must compare (tombstones were dropped)
};

/// A page from a back-end, to be applied with its anchor in one transaction.
struct ApplyPage {
  ViewId view = 0;
  std::string backend;
  Bytes scope;
  Bytes from;  ///< the anchor that was asked with; if the stored one differs by now, the page is refused (conflict)
  Page page;   ///< contents that came along are moved out into Applied
};
struct Applied {
  struct Change {
    Gid gid{};
    std::uint64_t seq = 0;
    std::optional<Bytes> content;  ///< came along
    Bytes content_rev;
  };
  std::uint64_t head = 0;
  std::vector<Change> changes;  ///< only what really changed
  bool folders_changed = false;
};

/// What a command of a device did to the back-end, for the log to know before the next page tells it: the user's other
/// devices hear at once, and the item keeps its gid.
struct Effect {
  enum class What : std::uint8_t {
    flags,
    moved,
    removed,
    created,
    updated,
    folder_made,
    folder_changed,
    folder_removed
  } what = What::flags;
  ViewId view = 0;
  Gid gid{};
  FlagDelta flags;
  Gid from{}, to{};            ///< moved: folders
  std::string backend;         ///< created, and all of folders
  Written written;             ///< moved, created: id empty where the back-end could not tell it; the next page will
  Bytes edited{};              ///< updated: the content_rev that was edited
  std::uint64_t size = 0;      ///< updated: octets, if the back-end kept them as they were given
  Folder folder{};             ///< folder_made, folder_changed: as the back-end has it now
  std::vector<Folder> tree{};  ///< folder_changed: all folders after it, so that those below keep their gids, too
};
struct Effected {
  Gid gid{};  ///< created: another than the one asked for if a page named the item first; folder_made: the folder's
  std::uint64_t seq = 0, head = 0;
  std::vector<Bytes> scopes{};  ///< of folders: to be listed next
};

/// What a gid stands for that no item of the log has: one that a device chose for what it created.
struct Chosen {
  Gid gid{};            ///< the item's own, if a page named the item first; else the chosen one
  std::string backend;  ///< empty: nothing is known of that gid
  Bytes id;
};

/// What disappeared and waits for somebody's word (law 10).
struct HoldRow {
  std::uint64_t number = 0;
  ViewId view = 0;
  std::string user;
  std::string what;  ///< "items of INBOX", "folders"
  std::uint64_t count = 0;
  std::int64_t since = 0;  ///< Unix seconds
};

struct BackfillQuery {
  Gid folder{};
  std::uint64_t snapshot = 0;
  std::int64_t below_received = INT64_MAX;
  Gid below_gid{};
  std::int64_t until = INT64_MIN;
};

struct Since {  ///< a part of a folder: what was received from then on
  Gid folder{};
  std::int64_t from = INT64_MIN;
};

struct Bucket {  ///< one (folder, month) for a compare
  Gid folder{};
  std::uint32_t month = 0;  ///< months since 1970-01, UTC, by received
  std::uint32_t count = 0;
  std::array<std::byte, 16> digest{};  ///< XOR of SHA-256(gid ‖ seq big-endian)[0..16)
};

struct Settings {
  std::string path;  ///< the database file
  std::size_t page_cache_mib = 64;
  std::size_t readers = 2;
  std::chrono::milliseconds group_window{20};
  std::chrono::hours device_keep{24 * 90};
  std::uint64_t tombstones_max = 1'000'000;
  unsigned hold_share = 50;  ///< percent of a folder that may disappear at once before somebody is asked; 0: never asks
  std::chrono::milliseconds limbo{3000};  ///< how long a removal waits for the other half of a move; 0: not at all
};

class Log {
 public:
  /// Opens or makes the database, migrates its schema, decides the epoch (new if the boot id changed without a clean
  /// stop), raises the start counter. Blocking; call before the reactor runs. Faults: unavailable, invalid (not ours,
  /// newer schema), denied.
  static Result<std::unique_ptr<Log>> open(sim::World&, const Settings&);
  virtual ~Log() = default;  ///< writes what is queued, marks a clean stop

  virtual std::uint64_t start_counter() const = 0;  ///< of this process, already durable

  /// Somebody's word that this gateway is the one, of two with the same identity: from now on, and for starts to come,
  /// its counter is beyond what the other can have reached. Durable when it answers.
  virtual void raise_start_counter(Done<std::uint64_t>) = 0;

  // --- views
  virtual void ensure_view(const std::string& user, const std::string& mailbox, const std::string& actor,
                           const std::string& site, Done<ViewRow>) = 0;
  virtual void views(const std::string& user, Done<std::vector<ViewRow>>) = 0;
  virtual void forget_user(const std::string& user, Done<void>) = 0;
  virtual void head(ViewId, Done<Head>) = 0;

  // --- the writing side (account)
  virtual void anchor(ViewId, const std::string& backend, View scope, Done<Bytes>) = 0;  ///< empty: none yet
  virtual void apply(ApplyPage, Done<Applied>) = 0;
  /// The back-end no longer knows the anchor: the next pages are a listing, matched by id, then by fingerprint. `why`
  /// regressed: what that listing misses, however little, waits under a hold (law 10).
  virtual void expire_anchor(ViewId, const std::string& backend, View scope, FaultKind why, Done<void>) = 0;
  /// A repeat has no further effect. An item that is not there (any more) is no fault.
  virtual void effect(Effect, Done<Effected>) = 0;
  /// Who hears of commits that no apply() answers for: removals that waited to see whether they were moves.
  virtual void on_settled(std::function<void(ViewId, std::uint64_t head)>) = 0;

  // --- what the guard holds back
  virtual void on_held(std::function<void(const HoldRow&)>) {}  ///< a hold that is new or grew
  virtual void holds(Done<std::vector<HoldRow>> done) { done(std::vector<HoldRow>{}); }
  /// Release: it was meant, and is removed. Else nothing is removed. Fault not_found.
  virtual void decide_hold(std::uint64_t number, bool, Done<void> done) {
    done(fault(FaultKind::not_found, "hold " + std::to_string(number), "There is no such hold."));
  }

  // --- the reading side (push)
  virtual void folders(ViewId, Done<std::vector<FolderRow>>) = 0;
  /// Rows whose seq() is above `above`, in order of seq(), at most `limit`.
  virtual void changes(ViewId, std::uint64_t above, std::size_t limit, Done<std::vector<ItemRow>>) = 0;
  /// Rows of a job, newest first (received, then gid, descending), at most `limit`; without what is gone and without
  /// what was added after the snapshot.
  virtual void backfill(ViewId, BackfillQuery, std::size_t limit, Done<std::vector<ItemRow>>) = 0;
  virtual void backfill_remaining(ViewId, BackfillQuery, Done<std::uint64_t>) = 0;
  virtual void items(ViewId, std::vector<Gid>, Done<std::vector<ItemRow>>) = 0;
  virtual void chosen(ViewId, const Gid&, Done<Chosen>) = 0;
  virtual void buckets(ViewId, std::vector<Since> folders, Done<std::vector<Bucket>>) = 0;
  virtual void bucket(ViewId, Gid folder, std::uint32_t month, Done<std::vector<ItemRow>>) = 0;

  /// A device's position as last acknowledged: holds the floor for tombstones, shows in status. The device's own word
  /// counts, this is only a memory of it.
  virtual void remember_position(const std::string& user, View device_id, ViewId, std::uint64_t live, Bytes encoded,
                                 Done<void>) = 0;

  /// Any database work of another room that shares this file (devices, commands, ledger): runs on the writer thread in
  /// a transaction of its own with synchronous=FULL; the result is posted back. `sqlite` is a sqlite3*.
  virtual void transact(std::move_only_function<Result<void>(void* sqlite)>, Done<void>) = 0;
  /// The same, but on the calling thread, which waits: durable when it returns. Not on the reactor thread (an Attempt's
  /// note is the use of it).
  virtual Result<void> transact_here(std::move_only_function<Result<void>(void* sqlite)>) {
    return fault(FaultKind::unsupported, "log", "This log has no database of its own.");
  }
  /// A question of another room to the database, on a reader thread.
  virtual void look(std::move_only_function<Result<void>(void* sqlite)>, Done<void> done) {
    done(fault(FaultKind::unsupported, "log", "This log has no database of its own."));
  }
  /// The same, at once on the calling thread; only before the reactor runs and before anything was asked of the log.
  virtual Result<void> transact_at_start(std::move_only_function<Result<void>(void* sqlite)>) {
    return fault(FaultKind::unsupported, "log", "This log has no database of its own.");
  }
};

}  // namespace tidegate::store
