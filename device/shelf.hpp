// SPDX-License-Identifier: Apache-2.0
// Puts what the gateway sends onto the disk so that a kill or power cut at any step loses and doubles nothing (design:
// state, "Maildir and vdir on a device", rules 1-3 and 10):
//   * many items: tmp/ → fsync each → rename → fsync directories → one FULL transaction {rows, position} → answers;
//   * one live mail: renamed into place at once (then it is "on disk" for people), its fsync still comes before the
//     transaction and so before the acknowledgement;
//   * a mail's row is written before its file appears, in a transaction that outlives a kill (delivery.cpp);
//   * what lies in a vdir is recorded before it is renamed into place (table arriving): its name is its UID's and says
//     not whose it is;
//   * what goes is recorded first (table leaving), then the file goes; what a new position's windows do not cover goes
//   in
//     the transaction that brings the position.
// An item in several folders has one file, in the first of them that this device knows.
// All of it on the disk pool's one thread. A fault means: nothing of the batch may be acknowledged; end the session,
// call recover() until it succeeds, and let the gateway send again from the position on disk.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/pim/system_zones.hpp"
#include "core/sim/world.hpp"
#include "device/compare.hpp"
#include "device/digest.hpp"
#include "device/fetches.hpp"
#include "device/folder_changes.hpp"
#include "device/folder_scan.hpp"
#include "device/holds.hpp"
#include "device/index.hpp"
#include "device/journal.hpp"
#include "device/outbox.hpp"
#include "device/outgoing.hpp"
#include "device/scan.hpp"
#include "device/tree.hpp"
#include "device/upload.hpp"

namespace tidegate::device {

/// One item as it appeared in its folder.
struct Arrival {
  std::uint64_t view = 0;
  Gid gid{};
  std::string folder, subject, from;  ///< for people; subject and from of mails only
  std::uint64_t size = 0;
  Bytes sha256;
  std::string path;
  Kind kind = Kind::mail;
  bool live = true;             ///< false: back-fill or compare
  std::int64_t at_unix_us = 0;  ///< when it was renamed into its place
};

struct Applied {
  std::vector<e2e::ToGateway> answers;  ///< acknowledgements and what a compare asks for, in order
  std::vector<std::pair<std::uint64_t, e2e::Position>> started;  ///< first positions, from HelloAck; durable
  bool wiped = false;                        ///< account data are gone; say Wiped, then forget the keys
  bool greeted = false;                      ///< a HelloAck was among them: commands may go up
  std::optional<std::size_t> commands_left;  ///< live in the journal, if results were among them
  bool more_up = false;                      ///< a command was journaled
  std::vector<std::string> notes;            ///< sentences for the user: kept aside, refused …
  bool fetched = false;                      ///< a Range was among them: the next one may be asked for
  bool fetch_later = false;                  ///< but not now: the store cannot give it
};

/// What a look at the Maildir came to.
struct Scanned {
  std::size_t commands = 0;  ///< journaled now
  std::size_t waiting = 0;   ///< live in the journal
  bool unsettled = false;    ///< something is not certain yet
  bool again = false;        ///< look again in Scan::settling
  std::vector<std::string> notes;
  std::vector<e2e::ToGateway> asks;      ///< compares that became wanted
  std::vector<std::string> directories;  ///< to be watched
  e2e::Settings policy;                  ///< as it stands in device.db now
  std::size_t fetches = 0;               ///< stubs that are to come whole
};

struct NextFetch {
  std::optional<e2e::Fetch> fetch;
  std::size_t waiting = 0;  ///< with that one
};

class Shelf {
 public:
  /// `arrived` is called on the thread that calls apply().
  Shelf(sim::World&, Places, Bytes device_id, std::function<void(Arrival)> arrived);
  ~Shelf();

  /// Opens device.db and the directories, sweeps up after an earlier life. Faults: denied (wrong or unmounted disk:
  /// .tidegate is not there or another device's), quota, unavailable, invalid.
  Result<void> open();
  Result<Applied> apply(std::vector<e2e::ToDevice>);
  /// After a fault of apply(): forgets what was under way, tries whether the disk takes octets, sweeps.
  Result<void> recover();
  /// Erases what this device holds of the account: files, index. Repeated by open() if cut short.
  Result<void> wipe();

  /// What goes up next (device/upload.hpp).
  Result<UploadStep> upload(UploadCursor, std::size_t room);
  /// What is to be asked for now, so that a stub becomes whole; puts what is complete in its place.
  Result<NextFetch> next_fetch();
  /// Finds what was done to the Maildir since and journals it. Does nothing while apply()'s last fault is not mended.
  Result<Scanned> scan(const ScanOrder&);

  /// Work of others on the index (account, positions); Trouble becomes the Fault.
  Result<void> with_index(const std::function<void(Index&)>&);

 private:
  struct Put;
  struct Transfer;
  struct Group;
  struct Ended;
  struct Known;
  using Key = std::pair<std::uint64_t, Gid>;

  // shelf.cpp: opening and sweeping
  void lay_roots();
  void check_root(const std::string& root, bool may_lay);
  void sweep(bool mends);
  void sweep_folder(const FolderRow&);
  void settle_strays();
  void settle_arriving();
  void finish_leaving();
  void erase_account();
  std::vector<std::string> watched() const;
  FolderName folder_name() const;
  // apply.cpp: items
  void take(const e2e::HelloAck&);
  void take(const e2e::Folders&);
  void take(e2e::Item&);
  void take(const e2e::ItemPart&);
  void take(const e2e::Meta&);
  void take_gone(std::uint64_t view, std::uint64_t seq, const Gid&);
  void let_go(ItemRow&);
  void take(const e2e::Mark&);
  void take(const e2e::CompareDigests&);
  void take(const e2e::ComparePage&);
  void take(const e2e::CompareEnd&);
  // fetching.cpp: the whole in the place of a stub
  void take(const e2e::Range&);
  std::string parts_of(std::uint64_t view, const Gid&) const;
  void resume(FetchRow&);
  bool put_whole(FetchRow, ItemRow);
  void replaced(const ItemRow&, const std::string& stub);
  void forget_fetch(const FetchRow&);
  bool settle_fetched(ItemRow, const std::string& path);
  void erase_parts();
  void whole_item(const e2e::Item&, const Known&, View content, const std::string& written, Bytes hash);
  void place(Put&, const Known& before, View content);
  void make_draft(const std::string& path, View content);
  void rename_put(Put&);
  void sync_put(Put&);
  void sync_files();
  void touch(std::uint64_t view, const Gid&);
  void flush();
  // delivery.cpp: rows before files
  void announce_mails(bool (*which)(const Put&));
  void announce_objects();
  void show_live();
  void settle_delivering();
  bool settle_delivered(const ItemRow&, const std::string& path);
  // windows.cpp: what this device wants no longer
  void load_windows();
  void keep_within(std::uint64_t view, const std::vector<e2e::Window>&);
  void leave_if_outside(std::uint64_t view, const Gid&);
  bool nothing_happens(const ItemRow&);
  // keep.cpp: files that are here already, and what was done to them meanwhile
  bool keep_or_adopt(const e2e::Item&, const std::optional<ItemRow>& row, const Bytes& hash);
  bool adopt_stray(const e2e::Item&, const Bytes& hash);
  bool adopt_made_here(const e2e::Item&, const Bytes& hash);
  const FolderRow& home(const ItemRow&, const Pending&);
  struct Stored;
  void restate(ItemRow&, const Stored&, const Pending& before, const Pending& after);
  std::uint32_t merged(const ItemRow& recorded, ItemRow& found, const Gid& to, const Stored& told, const Stored& now);
  void put_at(ItemRow&, const Gid& folder, std::uint32_t marks);
  void rename_item(ItemRow&, const Gid& gid);
  bool edited(const ItemRow&, const std::string& path);
  bool ours_unrecorded(const std::string& path);
  void drop_unrecorded(std::uint64_t view, const Gid&, const std::string& but = {});
  void keep_aside(const Gid&, Kind, const std::string& path);
  // results.cpp: what the gateway answers to commands
  void take(const e2e::CommandResult&);
  void settle_flags(Ended&, const e2e::CommandResult&);
  void settle_move(Ended&, const e2e::CommandResult&);
  void settle_remove(Ended&, const e2e::CommandResult&);
  void settle_create(Ended&, const e2e::CommandResult&);
  void settle_update(Ended&, const e2e::CommandResult&);
  void make_again(Ended&, ItemRow);
  void settle_send(Ended&, const e2e::CommandResult&);
  void end_command(const Ended&);
  void want_compare(std::uint64_t view);
  void compared(std::uint64_t view, std::uint64_t wish);
  void tell_refusals();
  void rename_commands(std::uint64_t view, const Gid& from, const Gid& to);
  // folders.cpp: what is done to directories, and what becomes of it
  void scan_folders(const ScanOrder&, Scanned&);
  void leave_gone_folders();
  void leave_to_itself(const ItemRow&);
  void take_folder_result(CommandRow, const e2e::CommandResult&);
  void make_ready(const FolderRow&);
  // where.cpp: finding files whose names a user may have changed
  std::string path_of(const ItemRow&) const;
  std::optional<std::string> locate(ItemRow&);
  std::string free_vdir_name(const FolderRow&, const Gid&, Kind, View content);
  void describe(ItemRow&);

  sim::World& world_;
  sim::Files& files_;
  Places places_;
  Bytes device_id_;
  std::function<void(Arrival)> arrived_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Tree> tree_;
  std::unique_ptr<Keywords> keywords_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Holds> holds_;
  std::unique_ptr<Scan> scan_;
  std::unique_ptr<Outgoing> outgoing_;
  std::unique_ptr<FolderScan> folder_scan_;
  std::unique_ptr<FolderChanges> folder_changes_;
  Outbox outbox_;
  std::set<std::uint64_t> asked_;  ///< views whose compare was asked for on this session, and has not ended
  std::unique_ptr<Group> group_;
  std::map<Key, Transfer> transfers_;
  std::map<Key, std::vector<std::string>> strays_;   ///< files named by a gid that no row has: paths
  std::map<std::string, Index::Arriving> arriving_;  ///< of an earlier life, in a vdir: no row is known to be theirs
  std::map<std::uint64_t, Compare> compares_;
  pim::SystemZones zones_;
  std::map<std::uint64_t, std::vector<e2e::Window>> windows_;  ///< of each view's position on disk
  std::vector<std::string> left_;  ///< gone for good; their `leaving` rows go with the next transaction
  Applied applied_;
  std::map<std::pair<std::string, std::string>, std::size_t> refused_;  ///< of one apply(): what, why; how many
  bool sound_ = true;  ///< disk and index agree; false between a fault and recover()
};

}  // namespace tidegate::device
