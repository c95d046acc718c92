// SPDX-License-Identifier: Apache-2.0
#include "device/outgoing.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "core/e2e/stub_mark.hpp"
#include "device/names.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {

std::int64_t Outgoing::now_unix() const {
  return std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
}

Outgoing::Done Outgoing::take(const Findings& findings, const PendingItems& pending) {
  pending_ = &pending;
  renames_.clear();
  moves_.clear();
  done_ = {};
  sync(findings);
  copy_objects(findings);
  {
    Transaction change(index_.database());
    for (const auto& key : findings.returned) holds_.free(key);
    for (const auto& placed : findings.placed) place(placed);
    for (const auto& file : findings.edited) edited(file);
    for (const auto& file : findings.fresh) file.object ? fresh_object(file) : fresh(file);
    for (const auto& [path, copy] : copies_) index_.leave(copy), done_.leaves = true;  // not needed after all
    release();
    for (const auto& some : findings.gone) gone(some);
    // First: a row in the new folder whose file still bore the letters of the old one would give them other meanings.
    rename(moves_);
    change.commit();
  }
  rename(renames_);
  return std::move(done_);
}

/// False: one was taken away since. The next look misses its row's file, and decides anew.
bool Outgoing::rename(const std::vector<Rename>& renames) {
  std::set<std::string> directories;
  bool all = true;
  for (const auto& [from, to] : renames) {
    if (!files_.rename(from, to)) {
      all = false;
      continue;
    }
    directories.insert(directory_of(from));
    directories.insert(directory_of(to));
  }
  for (const auto& directory : directories) need(files_.sync_directory(directory));
  return all;
}

/// A row means "was durably there": mail programs do not always sync what they write.
void Outgoing::sync(const Findings& findings) {
  std::set<std::string> directories;
  const auto sync_file = [&](const FoundFile& file) {
    const auto done = files_.sync(file.path);
    if (!done && done.error().kind != FaultKind::not_found) throw Trouble(done.error());
    directories.insert(directory_of(file.path));
  };
  for (const auto& placed : findings.placed) directories.insert(directory_of(placed.file.path));
  for (const auto& file : findings.fresh) sync_file(file.file);
  for (const auto& file : findings.edited) sync_file(file.file);
  for (const auto& directory : directories) need(files_.sync_directory(directory));
}

/// "Unfiled" is here only: the store has no such folder. One that it has removed is made again for what is new in it.
bool Outgoing::fileable(std::uint64_t view, const Gid& folder) const {
  const auto* found = tree_.find(view, folder);
  return found != nullptr && !Tree::unfiled(*found) && !tree_.gone({view, folder});
}

Gid Outgoing::told_folder(const ItemRow& row, const Pending& pending) {
  if (pending.folder()) return *pending.folder();
  if (row.origin != Origin::store) return row.folder;
  return tree_.home(row.view, row.folders, row.kind).info.gid;
}

void Outgoing::place(const Findings::Placed& placed) {
  const auto& file = placed.file;
  auto row = index_.item(file.view, placed.gid);
  if (!row) return;
  const auto mask = pending_->find({file.view, placed.gid});
  const auto pending = mask == pending_->end() ? Pending() : mask->second;
  const auto* there = tree_.find(file.view, file.folder);
  const bool mail = there->info.kind == Kind::mail;
  const auto directory = tree_.path(*there);
  const auto told = keywords_.marks(directory, pending.flags(row->base_flags), pending.keywords(row->keywords));
  auto shows = flags_of_name(file.name);
  const bool moved = file.folder != row->folder;
  // In another folder a letter means another word: what goes with the file is what was told.
  if (moved) shows = (shows & shown_flags) | (told & ~shown_flags);
  MarkChange marks(told, row->shown, shows);
  marks.set &= mail ? keywords_.known(directory) : 0;
  const bool unknown = row->origin == Origin::local && !pending.creating();  // to the store: it stays here alone
  if (unknown) {
    row->folders = {file.folder};
    row->base_flags = shows & shown_flags;
    row->keywords = keywords_.words(directory, shows);
  } else if (const auto from = told_folder(*row, pending); from != file.folder && fileable(file.view, file.folder)) {
    if (mail && !moved && row->origin == Origin::store) return bring_home(std::move(*row), file, from, pending);
    e2e::Command move{.view = file.view, .verb = e2e::Verb::move, .gid = placed.gid, .folder = from, .to = file.folder};
    command(std::move(move));
  }
  if (mail && !unknown && (marks.set | marks.cleared) != 0)
    command({.view = file.view,
             .verb = e2e::Verb::set_flags,
             .gid = placed.gid,
             .flags_add = marks.set & shown_flags,
             .flags_clear = marks.cleared & shown_flags,
             .keywords_add = keywords_.words(directory, marks.set),
             .keywords_clear = keywords_.words(directory, marks.cleared)});
  row->folder = file.folder;
  row->name = mail ? renamed_for(file.name, mail_base(row->gid, row->size), shows) : file.name;
  row->shown = shows & ~shown_flags;
  row->inode = file.inode;
  row->mtime_ns = file.mtime_ns;
  index_.put(*row);
  if (row->name != file.name) (moved ? moves_ : renames_).push_back({file.path, directory + "/" + row->name});
}

/// Nobody here has moved it: the store did, while its file was not to be found. What its name shows is looked at there.
void Outgoing::bring_home(ItemRow row, const FoundFile& file, const Gid& home, const Pending& pending) {
  const auto* folder = tree_.find(row.view, home);
  if (folder == nullptr) return;
  const auto directory = tree_.path(*folder);
  const auto marks =
      keywords_.give_marks(directory, flags_of_name(file.name) & shown_flags, pending.keywords(row.keywords));
  row.folder = home;
  row.name = renamed_for(file.name, mail_base(row.gid, row.size), marks);
  row.shown = marks & ~shown_flags;
  row.inode = 0;
  // First, and only if it is so: a row that says what is not would make a move of it.
  if (rename({{file.path, directory + "/" + row.name}})) index_.put(row);
}

/// A mail that a program put here, or a copy of one. Its flags go along with it.
void Outgoing::fresh(const Findings::Fresh& found) {
  const auto& file = found.file;
  if (!fileable(file.view, file.folder)) return;
  ItemRow row;
  row.view = file.view;
  world_.reactor().random(row.gid);
  row.folders = {file.folder};
  row.folder = file.folder;
  row.size = file.size;
  row.sha256 = found.sha256;
  row.inode = file.inode;
  row.mtime_ns = file.mtime_ns;
  const auto marks = flags_of_name(file.name);
  row.base_flags = marks & shown_flags;
  row.keywords = keywords_.words(tree_.path(*tree_.find(file.view, file.folder)), marks);
  row.shown = marks & ~shown_flags;
  row.name = renamed_for(file.name, mail_base(row.gid, row.size), marks);
  row.received = now_unix();
  row.origin = Origin::local;
  renames_.push_back({file.path, tree_.path(*tree_.find(row.view, row.folder)) + "/" + row.name});
  if (const auto of = stub_of(file)) return refuse_stub(row, *of);
  index_.put(row);
  command({.view = row.view,
           .verb = e2e::Verb::create,
           .gid = row.gid,
           .folder = row.folder,
           .flags_add = row.base_flags,
           .keywords_add = row.keywords,
           .kind = row.kind,
           .received = row.received,
           .size = row.size},
          row.sha256);
}

std::optional<Gid> Outgoing::stub_of(const FoundFile& file) {
  const auto content = files_.read_part(file.path, 0, stub_mark_within);
  if (!content && content.error().kind != FaultKind::not_found) throw Trouble(content.error());
  const auto gids = content ? e2e::stub_gids(*content) : std::vector<Gid>();
  for (const auto& gid : gids)
    if (index_.item(file.view, gid)) return gid;
  return gids.empty() ? std::nullopt : std::optional(gids.front());
}

/// A copy of a stub, or an edited one, is no message: it stays here, and the mailbox never gets it.
void Outgoing::refuse_stub(ItemRow& row, const Gid& of) {
  row.stub = true;
  row.fingerprint.assign(reinterpret_cast<const char*>(of.data()), of.size());
  index_.put(row);
  const auto* folder = tree_.find(row.view, row.folder);
  done_.notes.push_back("A file in " + (folder == nullptr ? std::string() : tree_.shown(*folder)) +
                        " is a copy of a message that is here only in part: it was not sent. `tidegate-device fetch " +
                        gid_text(of) + "` gets the message whole; then copy it again.");
}

/// A stub whose file is gone, and of which there is a copy: moved by copying (then the message moves), or edited (then
/// the stub comes again; the edited text stays where it is). Never a removal: all there would be left is a part.
bool Outgoing::kept_as_copy(ItemRow& row) {
  const View gid{reinterpret_cast<const char*>(row.gid.data()), row.gid.size()};
  for (const auto& copy : index_.stub_copies(row.view)) {
    const bool same = copy.sha256 == row.sha256;
    if (copy.gid == row.gid || (copy.fingerprint != gid && !same)) continue;
    if (!same) {
      index_.erase(row.view, row.gid);
      index_.want_compare(row.view);
      return true;
    }
    const auto mask = pending_->find({row.view, row.gid});
    const auto from = told_folder(row, mask == pending_->end() ? Pending() : mask->second);
    if (from != copy.folder)
      command({.view = row.view, .verb = e2e::Verb::move, .gid = row.gid, .folder = from, .to = copy.folder});
    const auto folder = tree_.path(*tree_.find(copy.view, copy.folder)) + "/";
    const auto was = copy.name;
    row.folder = copy.folder;
    const auto told = keywords_.marks(tree_.path(*tree_.find(copy.view, copy.folder)), 0, row.keywords);
    row.name = renamed_for(copy.name, mail_base(row.gid, row.size), (flags_of_name(copy.name) & shown_flags) | told);
    row.shown = told;
    row.inode = copy.inode;
    row.mtime_ns = copy.mtime_ns;
    index_.erase(copy.view, copy.gid);
    index_.put(row);
    moves_.push_back({folder + was, folder + row.name});
    return true;
  }
  return false;
}

void Outgoing::gone(const Findings::Gone& found) {
  auto some = found;
  if (!index_.stub_copies(some.view).empty())  // rare: they are looked for by a walk over all rows
    std::erase_if(some.gids, [&](const Gid& gid) {
      auto row = index_.item(some.view, gid);
      return row && row->origin != Origin::local && kept_as_copy(*row);
    });
  some.missing -= found.gids.size() - some.gids.size();
  std::erase_if(some.gids, [&](const Gid& gid) {
    const auto row = index_.item(some.view, gid);
    // What was made here is ours to remove, whatever its revision.
    if (!row || row->kind == Kind::mail || row->origin != Origin::store || !revision_awaited(*row)) return false;
    return done_.waits = true;
  });
  if (some.gids.empty()) return;
  const auto holds = holds_.list();
  const bool asked = std::ranges::any_of(holds, [&](const HoldRow& hold) {
    return hold.view == some.view && hold.folder == some.folder && !hold.released;
  });
  if (!asked && some.missing <= removal_limit(some.rows)) {
    for (const auto& gid : some.gids)
      if (const auto row = index_.item(some.view, gid)) remove(*row);
    return;
  }
  const auto number = holds_.hold(some.view, some.folder, some.gids, now_unix());
  const auto* folder = tree_.find(some.view, some.folder);
  done_.held.push_back({number, folder == nullptr ? std::string() : tree_.shown(*folder), holds_.items(number).size(),
                        folder == nullptr || folder->info.kind == Kind::mail});
}

/// Each saving of a draft takes the one before away: nobody needs to hear of those that never left.
bool Outgoing::is_draft(const ItemRow& row) const {
  const auto* folder = tree_.find(row.view, row.folder);
  return (row.base_flags & draft) != 0 || (folder != nullptr && folder->info.role == Role::drafts);
}

void Outgoing::remove(const ItemRow& row) {
  const auto mask = pending_->find({row.view, row.gid});
  const auto from = told_folder(row, mask == pending_->end() ? Pending() : mask->second);
  bool known = row.origin != Origin::local;  // to the store, or perhaps
  const bool spoken_of = row.kind == Kind::mail && !is_draft(row);
  for (const auto& waiting : journal_.of(row.view, row.gid)) {
    if (row.kind != Kind::mail && waiting.has_content() && waiting.state == CommandRow::State::waiting)
      forget_content(waiting);
    else if (waiting.command.verb == e2e::Verb::create && waiting.state == CommandRow::State::waiting && spoken_of)
      journal_.fail(waiting.number, CommandRow::State::failed,
                    "The file was taken away again before it was sent: nothing was done.");
    else if (!known && waiting.state == CommandRow::State::waiting)
      journal_.erase(waiting.number);  // changes of what never was there
    else
      known = true;
  }
  for (const auto& failed : journal_.failed_of(row.view, row.gid))
    if (row.kind != Kind::mail)
      forget_content(failed);
    else if (failed.command.verb == e2e::Verb::create && failed.state == CommandRow::State::failed &&
             row.origin == Origin::local)
      journal_.fail(failed.number, CommandRow::State::failed, failed.text + " The file is gone.");
  if (known)
    command(
        {.view = row.view, .verb = e2e::Verb::remove, .gid = row.gid, .folder = from, .content_rev = row.content_rev});
  index_.erase(row.view, row.gid);
  holds_.free({row.view, row.gid});
}

/// What a person said was meant.
void Outgoing::release() {
  for (const auto& hold : holds_.list()) {
    if (!hold.released) continue;
    for (const auto& gid : holds_.items(hold.number))
      if (const auto row = index_.item(hold.view, gid)) remove(*row);
    holds_.erase(hold.number);
  }
}

void Outgoing::command(e2e::Command what, Bytes sha256, std::string copy) {
  what.id.resize(16);
  world_.reactor().random(std::as_writable_bytes(std::span(what.id)));
  CommandRow row;
  row.command = std::move(what);
  row.sha256 = std::move(sha256);
  row.path = std::move(copy);
  row.at_unix = now_unix();
  journal_.put(row);
  ++done_.commands;
}

}  // namespace tidegate::device
