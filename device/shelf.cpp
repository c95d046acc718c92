// SPDX-License-Identifier: Apache-2.0
// Opening, sweeping up, erasing. Items: apply.cpp. Files whose names may have changed: where.cpp.
#include "device/shelf.hpp"

#include <chrono>

#include "device/group.hpp"
#include "device/names.hpp"
#include "device/policy.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr const char* root_mark = ".tidegate";
constexpr std::size_t probe_size = 65536;

template <class Body>
auto guarded(Body body) -> Result<decltype(body())> {
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      return {};
    } else {
      return body();
    }
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
}

}  // namespace

Shelf::Shelf(sim::World& world, Places places, Bytes device_id, std::function<void(Arrival)> arrived)
    : world_(world),
      files_(world.files()),
      places_(std::move(places)),
      device_id_(std::move(device_id)),
      arrived_(std::move(arrived)),
      outbox_(world, places_.state),
      group_(std::make_unique<Group>()) {}
Shelf::~Shelf() = default;

Result<void> Shelf::open() {
  return guarded([&] {
    need(files_.make_directories(outbox_path(places_.state)));
    index_ = std::make_unique<Index>(places_.state + "/device.db", world_.sqlite_vfs());
    tree_ = std::make_unique<Tree>(files_, *index_, places_);
    journal_ = std::make_unique<Journal>(index_->database());
    holds_ = std::make_unique<Holds>(index_->database());
    keywords_ = std::make_unique<Keywords>(files_);
    scan_ = std::make_unique<Scan>(files_, *index_, *tree_, *keywords_);
    outgoing_ = std::make_unique<Outgoing>(world_, *index_, *tree_, *keywords_);
    folder_scan_ = std::make_unique<FolderScan>(files_, *index_, *tree_);
    folder_changes_ = std::make_unique<FolderChanges>(world_, *index_, *tree_);
    lay_roots();
    if (index_->note("state") == "wiping") erase_account();
    tree_->load();
    load_windows();
    tree_->mask(journal_->folders());
    settle_delivering();
    finish_leaving();
    sweep(false);
  });
}

void Shelf::lay_roots() {
  const bool laid = !index_->note("laid").empty();
  check_root(places_.maildir, !laid);
  check_root(places_.vdir, !laid);
  if (laid) return;
  need(files_.sync_directory(places_.maildir));
  need(files_.sync_directory(places_.vdir));
  index_->note("laid", "yes");
}

void Shelf::check_root(const std::string& root, bool may_lay) {
  const auto mark = root + "/" + root_mark;
  const auto own = hex(device_id_) + "\n";
  if (need(files_.info(mark))) {
    if (need(files_.read(mark, 4096)) == own) return;
    // Ours, but cut off by a power cut before anything depended on it.
    if (may_lay && own.starts_with(need(files_.read(mark, 4096))))
      need(files_.remove(mark));
    else
      throw Trouble(
          Fault{FaultKind::denied,
                root,
                root + " belongs to another paired device: choose another directory, or mount the right disk.",
                {},
                {}});
  } else if (!may_lay) {
    throw Trouble(Fault{FaultKind::denied,
                        root,
                        mark + " is not there: this is the wrong disk, or it is not mounted. Mount it and start again; "
                               "nothing was changed.",
                        {},
                        {}});
  }
  need(files_.make_directories(root));
  need(files_.create(mark, own));
  need(files_.sync(mark));
}

/// `mends`: a directory that is missing is made again; else the next look decides what that means.
void Shelf::sweep(bool mends) {
  strays_.clear();
  for (const auto& [key, folder] : tree_->all()) {
    if (!need(files_.info(tree_->path(folder)))) {
      if (folder.info.kind == Kind::mail && !mends) continue;
      tree_->ensure(folder);
    }
    sweep_folder(folder);
  }
  if (need(files_.info(places_.vdir + "/.tmp")))
    for (const auto& file : need(files_.list(places_.vdir + "/.tmp")))
      need(files_.remove(places_.vdir + "/.tmp/" + file.name));
  settle_strays();
  settle_arriving();
  outbox_.sweep(*index_, *journal_);
  erase_parts();
}

void Shelf::sweep_folder(const FolderRow& folder) {
  if (folder.info.kind != Kind::mail) return;  // a vdir's files have names of their own; see apply.cpp, place()
  const auto base = tree_->path(folder);
  for (const char* part : {"/tmp", "/new", "/cur"})
    if (!need(files_.info(base + part))) need(files_.make_directories(base + part));
  for (const auto& file : need(files_.list(base + "/tmp")))
    if (parse_mail_name(file.name) || file.name == Keywords::file_name) need(files_.remove(base + "/tmp/" + file.name));
  for (const std::string part : {"new/", "cur/"})
    for (const auto& file : need(files_.list(base + "/" + part))) {
      const auto name = parse_mail_name(file.name);
      if (!name) continue;  // not one of ours
      if (index_->named(folder.view, folder.info.gid, part + file.name)) continue;
      strays_[{folder.view, name->gid}].push_back(base + "/" + part + file.name);
    }
}

/// A kill between a rename and its transaction, or a mail program that set flags, left files where no row points.
void Shelf::settle_strays() {
  Transaction change(index_->database());
  for (auto it = strays_.begin(); it != strays_.end();) {
    auto row = index_->item(it->first.first, it->first.second);
    if (!row) {  // adopted when it is delivered again, if its octets fit
      ++it;
      continue;
    }
    std::erase_if(it->second, [&](const std::string& path) { return settle_fetched(*row, path); });
    row = index_->item(it->first.first, it->first.second);
    const bool present = need(files_.info(path_of(*row))).has_value();
    for (const auto& path : it->second) {
      const bool same_size = parse_mail_name(last_of(path))->size == row->size;
      const auto folder = row->folder;
      if (!present && same_size && locate(*row) && row->folder == folder) {
        index_->put(*row);
        break;
      }
      row->folder = folder;  // moved by a mail program: the next look sends that
    }
    for (const auto& path : it->second) {
      if (path == path_of(*row)) continue;
      const auto octets = files_.read(path);
      // Renamed by a mail program since it was listed: the next look finds it under its new name.
      if (!octets && octets.error().kind == FaultKind::not_found) continue;
      if (sha256(need(octets)) != row->sha256) index_->leave(path);
    }
    it = strays_.erase(it);
  }
  change.commit();
  finish_leaving();
}

/// A kill between a rename in a vdir and its transaction: what was delivered comes again, and is ours until then.
void Shelf::settle_arriving() {
  arriving_.clear();
  Transaction change(index_->database());
  for (auto& file : index_->arriving()) {
    const auto row = index_->item(file.view, file.gid);
    const auto there = need(files_.info(file.path));
    const auto found = there ? hash_file(files_, file.path) : Bytes();
    // Not renamed yet, or taken away since: the row, if there is one, tells all there is.
    if (!there || (row && row->sha256 == found))
      index_->arrived(file.path);
    else
      arriving_.emplace(file.path, std::move(file));
  }
  change.commit();
}

void Shelf::finish_leaving() {
  std::set<std::string> directories;
  for (const auto& path : index_->leaving()) {
    bool claimed = false;  // by a row: something came back to that very name
    auto gone = path;
    for (const auto& [key, folder] : tree_->all()) {
      const auto root = tree_->path(folder) + "/";
      if (path.starts_with(root) && index_->named(folder.view, folder.info.gid, path.substr(root.size())))
        claimed = true;
    }
    if (!claimed && need(files_.info(gone))) {
      if (const auto done = files_.remove(gone); !done && done.error().kind != FaultKind::not_found)
        throw Trouble(done.error());
      directories.insert(directory_of(gone));
    }
    left_.push_back(path);
  }
  for (const auto& directory : directories) need(files_.sync_directory(directory));
}

Result<void> Shelf::recover() {
  return guarded([&] {
    transfers_.clear();
    compares_.clear();
    *group_ = {};
    applied_ = {};
    left_.clear();
    const auto probe = places_.state + "/probe";
    if (need(files_.info(probe))) need(files_.remove(probe));
    need(files_.create(probe, Bytes(probe_size, '\0')));
    need(files_.sync(probe));
    need(files_.remove(probe));
    index_->note("probed", "yes");
    check_root(places_.maildir, false);
    check_root(places_.vdir, false);
    tree_->load();
    load_windows();
    tree_->mask(journal_->folders());
    settle_delivering();
    finish_leaving();
    sweep(true);
    scan_->forget();
    folder_scan_->forget();
    sound_ = true;
  });
}

Result<Scanned> Shelf::scan(const ScanOrder& order) {
  if (!sound_) return Scanned{};
  auto done = guarded([&] {
    check_root(places_.maildir, false);
    check_root(places_.vdir, false);
    Scanned out;
    scan_folders(order, out);
    const auto pending = journal_->pending();
    std::set<std::string> ours;
    for (const auto& path : index_->leaving()) ours.insert(path);
    for (const auto& [key, paths] : strays_) ours.insert(paths.begin(), paths.end());
    for (const auto& [path, file] : arriving_) ours.insert(path);
    auto findings = scan_->look(order, world_.reactor().now(), pending, holds_->items(),
                                [&](const std::string& path) { return ours.contains(path); });
    check_root(places_.maildir, false);  // it may have been unmounted meanwhile: then all of that is untrue
    check_root(places_.vdir, false);
    auto taken = outgoing_->take(findings, pending);
    if (taken.leaves) finish_leaving();
    out.commands += taken.commands + outbox_.collect(*index_, *journal_);
    for (const auto view : index_->wanted_compares())
      if (!compares_.contains(view) && asked_.insert(view).second) out.asks.emplace_back(e2e::CompareAsk{view});
    out.waiting = journal_->live();
    out.unsettled |= findings.unsettled || taken.waits;
    out.again |= out.unsettled || findings.young;
    for (const auto& held : taken.held)
      out.notes.push_back(std::to_string(held.items) + (held.mail ? " messages" : " files") + " are missing in " +
                          held.folder +
                          " at once: nothing is removed before you say so, see `tidegate-device hold list`.");
    for (auto& note : taken.notes) out.notes.push_back(std::move(note));
    for (const auto& file : findings.broken)
      out.notes.push_back(file.file.path + " cannot go to the mailbox as it is: " + file.why + ".");
    out.directories = watched();
    out.policy = read_policy(*index_);
    out.fetches = Fetches(index_->database()).waiting().size();
    return out;
  });
  if (!done) sound_ = false;
  return done;
}

FolderName Shelf::folder_name() const {
  return [this](std::uint64_t view, const Gid& gid) {
    const auto* folder = tree_->find(view, gid);
    return folder == nullptr ? std::string() : tree_->shown(*folder);
  };
}

Result<UploadStep> Shelf::upload(UploadCursor cursor, std::size_t room) {
  if (!sound_) return UploadStep{};
  return guarded([&] {
    Upload upload(files_, *index_, *journal_, holds_->items(), [this](const ItemRow& row) {
      auto found = row;
      return locate(found);
    });
    return upload.step(std::move(cursor), room);
  });
}

std::vector<std::string> Shelf::watched() const {
  std::vector<std::string> out{outbox_path(places_.state), places_.maildir};
  for (const auto& [key, folder] : tree_->all()) {
    if (folder.info.kind != Kind::mail) {
      out.push_back(tree_->path(folder));
      continue;
    }
    out.push_back(tree_->path(folder) + "/cur");
    out.push_back(tree_->path(folder) + "/new");
  }
  return out;
}

void Shelf::erase_account() {
  tree_->load();
  for (const auto& view : index_->views())
    index_->each(view.view, [&](const ItemRow& row) {
      auto found = row;
      if (tree_->find(row.view, row.folder) == nullptr) return;
      if (const auto path = locate(found)) need(files_.remove(*path));
    });
  sweep(true);
  for (const auto& [key, paths] : strays_)
    for (const auto& path : paths) (void)files_.remove(path);
  strays_.clear();
  for (const auto& [key, folder] : tree_->all()) tree_->remove_directory(folder);
  need(files_.sync_directory(places_.maildir));
  need(files_.sync_directory(places_.vdir));
  index_->erase_everything();
  erase_parts();
  outbox_.erase();
  tree_->clear();
}

Result<void> Shelf::wipe() {
  return guarded([&] {
    transfers_.clear();
    compares_.clear();
    *group_ = {};
    index_->note("state", "wiping");  // before the first file goes: a kill meanwhile is finished by the next start
    erase_account();
  });
}

Result<void> Shelf::with_index(const std::function<void(Index&)>& work) {
  return guarded([&] { work(*index_); });
}

}  // namespace tidegate::device
