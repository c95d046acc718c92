// SPDX-License-Identifier: Apache-2.0
#include "device/scan.hpp"

#include <algorithm>

#include "device/digest.hpp"
#include "device/names.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t fresh_limit = 256;  // new files a look: the next one tells the rest
constexpr std::uint64_t hash_part = std::uint64_t{256} << 10;

bool scanned(Kind kind) { return kind == Kind::mail || !vdir_suffix(kind).empty(); }

}  // namespace

Bytes hash_file(sim::Files& files, const std::string& path, std::uint64_t from) {
  Digest digest;
  for (std::uint64_t at = from;;) {
    const auto part = need(files.read_part(path, at, hash_part));
    digest.add(part);
    at += part.size();
    if (part.size() < hash_part) return digest.finish();
  }
}

void Scan::forget() {
  folders_.clear();
  missing_since_.clear();
  unknown_since_.clear();
  hashes_.clear();
  told_.clear();
}

Findings Scan::look(const ScanOrder& order, sim::Instant now, const PendingItems& pending, const std::set<Key>& held,
                    const std::function<bool(const std::string& path)>& ours) {
  order_ = &order, pending_ = &pending, held_ = &held, ours_ = &ours, now_ = now;
  findings_ = {};
  missing_.clear(), unknown_.clear(), by_size_.clear(), missing_in_.clear(), foreign_.reset();
  reads_.clear(), undecided_.clear();
  for (const auto& [key, folder] : tree_.all())
    if (scanned(folder.info.kind)) look_at(folder);
  match_missing();
  forget_gone();
  for (auto& unknown : unknown_)
    if (!unknown.taken && !ours(unknown.file.path)) settle(unknown);
  return std::move(findings_);
}

/// What is remembered never outgrows what is there to be decided.
void Scan::forget_gone() {
  auto paths = undecided_;
  for (const auto& unknown : unknown_)
    if (!unknown.taken) paths.insert(unknown.file.path);
  std::set<Key> keys;
  for (const auto& missing : missing_) keys.insert(missing.key);
  std::erase_if(hashes_, [&](const auto& known) { return !paths.contains(known.first); });
  std::erase_if(unknown_since_, [&](const auto& known) { return !paths.contains(known.first); });
  std::erase_if(told_, [&](const auto& known) { return !need(files_.info(known.first)); });
  std::erase_if(missing_since_, [&](const auto& known) { return !keys.contains(known.first); });
}

void Scan::look_at(const FolderRow& folder) {
  const auto path = tree_.path(folder);
  if (unchanged(folder, path)) return;
  auto listing = list(folder, path);
  compare(folder, listing);
}

/// Its directories are as they were when everything in them was explained.
bool Scan::unchanged(const FolderRow& folder, const std::string& path) {
  const auto mtime = [&](const char* part) {
    const auto info = need(files_.info(path + part));
    return info ? info->mtime_ns : 0;
  };
  auto& seen = folders_[{folder.view, folder.info.gid}];
  const bool mail = folder.info.kind == Kind::mail;
  const auto cur = mtime(mail ? "/cur" : ""), fresh = mail ? mtime("/new") : 0;
  if (cur != seen.cur || fresh != seen.fresh || seen.since == sim::Instant{}) seen = {cur, fresh, now_, false};
  const bool hinted = std::ranges::any_of(order_->deleted, [&](const auto& gone) { return gone.starts_with(path); }) ||
                      (!mail && order_->touched.contains(path));
  if (seen.settled && !order_->whole && !hinted) return true;
  seen.settled = now_ - seen.since >= settling;
  findings_.young |= !seen.settled;
  return false;
}

void Scan::unsettle(std::uint64_t view, const Gid& folder) {
  folders_[{view, folder}].settled = false;
  findings_.unsettled = true;
}

Scan::Listing Scan::list(const FolderRow& folder, const std::string& path) {
  Listing out;
  const bool mail = folder.info.kind == Kind::mail;
  const auto suffix = vdir_suffix(folder.info.kind);
  for (const auto& part : mail ? std::vector<std::string>{"new/", "cur/"} : std::vector<std::string>{""}) {
    std::string directory = path;
    directory.append("/").append(part);
    auto listed = files_.list(directory);
    if (!listed && listed.error().kind == FaultKind::not_found) continue;  // all of it is missing, then
    for (const auto& file : need(std::move(listed))) {
      if (file.directory || file.name.starts_with('.') || !file.name.ends_with(suffix)) continue;
      out.emplace(part + file.name, FoundFile{folder.view, folder.info.gid, directory + file.name, part + file.name,
                                              file.inode, file.size, file.mtime_ns});
    }
  }
  return out;
}

/// Explains files by rows: by the whole name first, then by what stays of a name when flags change.
void Scan::compare(const FolderRow& folder, Listing& listing) {
  std::vector<PlaceRow> left;
  index_.each_in(folder.view, folder.info.gid, [&](PlaceRow& row) {
    const auto file = listing.find(row.name);
    if (file == listing.end() || !found(folder, row, file->second))
      left.push_back(std::move(row));
    else
      listing.erase(file);
  });
  std::unordered_map<std::string, std::vector<std::string>> by_base;
  if (!left.empty() && folder.info.kind == Kind::mail)
    for (const auto& [name, file] : listing) by_base[std::string(base_of(name))].push_back(name);
  for (auto& row : left) {
    bool matched = false;
    if (const auto names = by_base.find(std::string(base_of(row.name))); names != by_base.end())
      for (const auto& name : names->second) {
        const auto file = listing.find(name);
        if (file == listing.end() || !found(folder, row, file->second)) continue;
        listing.erase(file);
        matched = true;
        break;
      }
    if (!matched) missing_.push_back({{folder.view, row.gid}, std::move(row), &folder});
  }
  for (auto& [name, file] : listing) {
    if (file.size == 0) continue;  // about to be written, or nothing at all
    by_size_.emplace(file.size, unknown_.size());
    unknown_.push_back({std::move(file)});
  }
}

/// Whether this file is this row's; what differs is noted.
bool Scan::found(const FolderRow& folder, const PlaceRow& row, const FoundFile& file) {
  const Key key{folder.view, row.gid};
  const bool touched = file.inode != row.inode || file.mtime_ns != row.mtime_ns;
  if (file.size == 0 && row.size != 0) {  // nobody empties a mail to remove it: damage here must not reach the store
    unsettle(folder.view, folder.info.gid);
    return true;
  }
  if (folder.info.kind != Kind::mail && (touched || file.size != row.size)) return found_object(folder, row, file);
  if (file.size != row.size) return false;
  if (touched) {
    const auto whole = index_.item(folder.view, row.gid);
    if (!whole || hash(file) != whole->sha256) return false;
  }
  missing_since_.erase(key);
  if (held_->contains(key)) findings_.returned.push_back(key);
  const bool mail = folder.info.kind == Kind::mail;
  if (touched || file.name != row.name || (mail && shows_other_marks(folder, row, file)))
    findings_.placed.push_back({row.gid, file});
  return true;
}

/// A vdir's file that was written since. Another UID makes it another object.
bool Scan::found_object(const FolderRow& folder, const PlaceRow& row, const FoundFile& file) {
  const Key key{folder.view, row.gid};
  const auto whole = index_.item(folder.view, row.gid);
  const auto& now = read(file);
  if (!whole) return false;
  const bool same = now.sha256 == whole->sha256;
  if (!same && now.object.wrong.empty() && !whole->uid.empty() && now.object.uid != whole->uid) return false;
  missing_since_.erase(key);
  if (held_->contains(key)) findings_.returned.push_back(key);
  if (same)
    findings_.placed.push_back({row.gid, file});
  else
    edited(row.gid, file, now);
  return true;
}

void Scan::edited(const Gid& gid, const FoundFile& file, const Read& now) {
  undecided_.insert(file.path);
  if ((*ours_)(file.path)) return;  // written by an earlier life: it is delivered again
  if (now.sha256.empty() || !stands_still(file)) return unsettle(file.view, file.folder);
  if (!now.object.wrong.empty()) return broken(file, now.object.wrong);
  folders_[{file.view, file.folder}].settled = false;  // it may have to wait, and be found again
  findings_.edited.push_back({gid, file, now.sha256, now.object});
}

void Scan::broken(const FoundFile& file, const std::string& why) {
  const auto [told, first] = told_.try_emplace(file.path, file);
  if (!first && told->second.same_stamp(file)) return;
  told->second = file;
  findings_.broken.push_back({file, why});
}

/// It is as it was `settling` ago.
bool Scan::stands_still(const FoundFile& file) {
  auto [known, first] = unknown_since_.try_emplace(file.path, file, now_);
  if (!first && !known->second.first.same_stamp(file)) known->second = {file, now_};
  return now_ - known->second.second >= settling;
}

/// Once a look, in one piece: hash and object are of the same octets.
Scan::Read& Scan::read(const FoundFile& file) {
  const auto [known, first] = reads_.try_emplace(file.path);
  auto& out = known->second;
  if (!first) return out;
  const auto* folder = tree_.find(file.view, file.folder);
  if (file.size > object_limit) {
    out.sha256 = hash(file);
    out.object.wrong = "it is larger than any store takes";
    return out;
  }
  const auto octets = files_.read(file.path, object_limit + hash_part);
  if (!octets && octets.error().kind == FaultKind::not_found) return out;
  out.sha256 = sha256(need(octets));
  out.object = read_object(*octets, folder->info.kind);
  return out;
}

/// Other flags and keywords than the store has or is about to hear of.
bool Scan::shows_other_marks(const FolderRow& folder, const PlaceRow& row, const FoundFile& file) {
  const auto mask = pending_->find({folder.view, row.gid});
  const auto pending = mask == pending_->end() ? Pending() : mask->second;
  const auto shows = flags_of_name(file.name), flags = pending.flags(row.base_flags) & shown_flags;
  if ((shows & shown_flags) != flags) return true;
  const auto words = pending.keywords(row.keywords);
  if (words.empty() && (shows & ~shown_flags) == 0) return false;
  const auto path = tree_.path(folder);
  const MarkChange change(keywords_.marks(path, flags, words), row.shown, shows);
  return ((change.set | change.cleared) & keywords_.known(path)) != 0;
}

void Scan::match_missing() {
  std::vector<const Missing*> lost;
  for (const auto& missing : missing_) {
    if (match(missing)) {
      missing_since_.erase(missing.key);
      if (held_->contains(missing.key)) findings_.returned.push_back(missing.key);
      continue;
    }
    // Whoever misses a file is looked at every time: it may turn up in another folder.
    folders_[{missing.key.first, missing.folder->info.gid}].settled = false;
    if (held_->contains(missing.key)) continue;
    ++missing_in_[{missing.key.first, missing.folder->info.gid}];
    lost.push_back(&missing);
  }
  std::map<Key, Findings::Gone> gone;
  for (const auto* missing : lost) confirm(*missing, gone);
  for (auto& [key, some] : gone) {
    some.view = key.first, some.folder = key.second;
    some.missing = missing_in_[key];
    some.rows = static_cast<std::size_t>(index_.count_in(key.first, key.second));
    findings_.gone.push_back(std::move(some));
  }
}

/// Its file under another name or in another folder: by our own name, by (inode, size, mtime), by its octets.
bool Scan::match(const Missing& missing) {
  const auto same_size = by_size_.equal_range(missing.row.size);
  const auto take = [&](auto fits) {
    for (auto at = same_size.first; at != same_size.second; ++at) {
      auto& unknown = unknown_[at->second];
      if (unknown.taken || unknown.file.view != missing.key.first || !may_lie_in(*missing.folder, unknown.file) ||
          !fits(unknown.file))
        continue;
      unknown.taken = true;
      unknown_since_.erase(unknown.file.path);
      findings_.placed.push_back({missing.row.gid, unknown.file});
      return true;
    }
    return false;
  };
  if (same_size.first == same_size.second) return match_by_uid(missing);
  if (take([&](const FoundFile& file) {
        return file.inode == missing.row.inode && file.mtime_ns == missing.row.mtime_ns;
      }))
    return true;
  const auto row = index_.item(missing.key.first, missing.row.gid);
  if (!row) return false;
  const auto base = mail_base(missing.row.gid, missing.row.size);
  if (take([&](const FoundFile& file) { return base_of(file.name) == base && hash(file) == row->sha256; })) return true;
  return take([&](const FoundFile& file) { return hash(file) == row->sha256; }) || match_by_uid(missing);
}

/// What belongs into that folder may have been moved to where this file is: mails among mails, cards among cards.
bool Scan::may_lie_in(const FolderRow& folder, const FoundFile& file) const {
  const auto* there = tree_.find(file.view, file.folder);
  return there != nullptr && vdir_collection(there->info.kind) == vdir_collection(folder.info.kind);
}

/// A program wrote it anew under another name.
bool Scan::match_by_uid(const Missing& missing) {
  if (missing.folder->info.kind == Kind::mail) return false;
  const auto row = index_.item(missing.key.first, missing.row.gid);
  if (!row || row->uid.empty()) return false;
  for (auto& unknown : unknown_) {
    const auto& file = unknown.file;
    if (unknown.taken || file.view != row->view || file.folder != missing.folder->info.gid) continue;
    const auto& now = read(file);
    if (now.object.uid != row->uid) continue;
    unknown.taken = true;
    edited(row->gid, file, now);
    return true;
  }
  return false;
}

void Scan::confirm(const Missing& missing, std::map<Key, Findings::Gone>& gone) {
  const Key folder{missing.key.first, missing.folder->info.gid};
  const auto since = missing_since_.try_emplace(missing.key, now_).first->second;
  const auto& seen = folders_[folder];
  const bool mail = missing.folder->info.kind == Kind::mail;
  // Editors take a file away to write it anew: what happened to one in a vdir only time tells.
  const bool deleted = mail && order_->deleted.contains(tree_.path(*missing.folder) + "/" + missing.row.name);
  // Missed twice while the directory stood still: its last change came before the first of the two looks.
  const bool certain = (deleted || (now_ - since >= settling && seen.since <= since)) && !may_have_a_copy(missing);
  if (!certain) {
    if (seen.since > since) missing_since_[missing.key] = now_;
    return unsettle(folder.first, folder.second);
  }
  const auto mask = pending_->find(missing.key);
  const bool unsent = mask != pending_->end() && mask->second.creating();  // its command would wait for it for ever
  if (mail && !unsent && lies_elsewhere(missing)) {
    ++findings_.elsewhere;
    return;
  }
  missing_since_.erase(missing.key);
  gone[folder].gids.push_back(missing.row.gid);
}

/// What becomes of a stub is decided when every new file has been looked at: one of them may be what it was copied or
/// edited to.
bool Scan::may_have_a_copy(const Missing& missing) {
  const auto row = index_.item(missing.key.first, missing.row.gid);
  if (!row || !row->stub) return false;
  return std::ranges::any_of(unknown_, [&](const Unknown& unknown) {
    return !unknown.taken && unknown.file.view == missing.key.first && !(*ours_)(unknown.file.path);
  });
}

/// A mail program made a new directory and moved it there. That is no removal.
bool Scan::lies_elsewhere(const Missing& missing) {
  if (!foreign_) {
    foreign_.emplace();
    std::set<std::string> own;
    for (const auto& [key, folder] : tree_.all()) own.insert(tree_.path(folder));
    const auto& root = tree_.places().maildir;
    for (const auto& found : need(files_.list(root))) {
      const auto path = root + "/" + found.name;
      if (!found.directory || own.contains(path) || found.name == "cur" || found.name == "new" || found.name == "tmp")
        continue;
      FolderRow foreign;
      foreign.view = missing.key.first;
      for (auto& [name, file] : list(foreign, path)) foreign_->push_back(std::move(file));
    }
  }
  std::optional<ItemRow> row;
  return std::ranges::any_of(*foreign_, [&](const FoundFile& file) {
    if (file.size != missing.row.size) return false;
    if (file.inode == missing.row.inode && file.mtime_ns == missing.row.mtime_ns) return true;
    if (!row) row = index_.item(missing.key.first, missing.row.gid);
    return row && hash_file(files_, file.path) == row->sha256;
  });
}

void Scan::settle(Unknown& unknown) {
  const auto& file = unknown.file;
  if (!stands_still(file) || findings_.fresh.size() >= fresh_limit) return unsettle(file.view, file.folder);
  const bool mail = tree_.find(file.view, file.folder)->info.kind == Kind::mail;
  Findings::Fresh fresh{file, mail ? hash(file) : read(file).sha256, {}};
  if (fresh.sha256.empty()) return unsettle(file.view, file.folder);
  if (!mail) fresh.object = read(file).object;
  if (!mail && !fresh.object->wrong.empty()) return broken(file, fresh.object->wrong);
  if (!mail) folders_[{file.view, file.folder}].settled = false;  // the same
  findings_.fresh.push_back(std::move(fresh));
  unknown_since_.erase(file.path);
}

/// Empty: it was taken away or replaced meanwhile; the next look sees what is there then.
const Bytes& Scan::hash(const FoundFile& file) {
  auto& known = hashes_[file.path];
  if (!known.second.empty() && known.first.same_stamp(file)) return known.second;
  known = {file, {}};
  try {
    known.second = hash_file(files_, file.path);
  } catch (const Trouble& trouble) {
    if (trouble.fault.kind != FaultKind::not_found) throw;
  }
  return known.second;
}

}  // namespace tidegate::device
