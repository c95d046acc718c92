// SPDX-License-Identifier: Apache-2.0
// The order of steps that makes a kill at any of them harmless; see device/shelf.hpp.
#include <algorithm>
#include <chrono>

#include "device/group.hpp"
#include "device/mail_header.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t group_limit = 256;    // files (design: state, rule 2)
constexpr std::size_t worth_one_flush = 8;  // files; fewer are no burden, and wait for nobody else's writes

template <class... F>
struct Overload : F... {
  using F::operator()...;
};

[[noreturn]] void broken(const char* what) {
  throw Trouble(
      Fault{FaultKind::invalid, "gateway", "The gateway sent what makes no sense here; connecting again.", what, {}});
}

/// Whether a job at that position has passed this item (newest first, gids descending).
bool passed(const e2e::Job& job, const e2e::Item& item) {
  return job.done || item.received > job.below_received ||
         (item.received == job.below_received && item.gid >= job.below_gid);
}

}  // namespace

Result<Applied> Shelf::apply(std::vector<e2e::ToDevice> messages) {
  applied_ = {};
  refused_.clear();
  sound_ = false;  // until all of it is on disk
  try {
    for (auto& message : messages) {
      std::visit(Overload{[&](e2e::HelloAck& m) { take(m); }, [&](e2e::Folders& m) { take(m); },
                          [&](e2e::Item& m) { take(m); }, [&](e2e::ItemPart& m) { take(m); },
                          [&](e2e::Meta& m) { take(m); }, [&](e2e::Remove& m) { take_gone(m.view, m.seq, m.gid); },
                          [&](e2e::DropHere& m) { take_gone(m.view, m.seq, m.gid); }, [&](e2e::Mark& m) { take(m); },
                          [&](e2e::CompareDigests& m) { take(m); }, [&](e2e::ComparePage& m) { take(m); },
                          [&](e2e::CompareEnd& m) { take(m); }, [&](e2e::CommandResult& m) { take(m); },
                          [&](e2e::Range& m) { take(m); }, [](auto&) {}},
                 message);
      if (std::holds_alternative<e2e::Wipe>(message)) {
        if (auto done = wipe(); !done) throw Trouble(done.error());
        applied_.wiped = true;
        sound_ = true;
        return std::move(applied_);
      }
    }
    flush();
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
  tell_refusals();
  sound_ = true;
  return std::move(applied_);
}

void Shelf::take(const e2e::HelloAck& message) {
  flush();
  for (const auto& [key, transfer] : transfers_) (void)files_.remove(transfer.draft);  // of an earlier session
  transfers_.clear();
  compares_.clear();
  const auto known = index_->views();
  Transaction change(index_->database());
  for (const auto& view : message.views) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& v) { return v.view == view.view; });
    const bool first = known.empty() && &view == message.views.data();
    const auto name = view.name.empty() ? "view" + std::to_string(view.view) : view.name;
    index_->put_view(view.view, view.name, first ? std::string() : folder_component(name));
    if (view.compare)
      compares_.emplace(view.view, Compare(view.view, index_->compare_wish(view.view)));
    else if (found == known.end() || !found->position) {
      index_->put_position(view.start);
      windows_[view.view] = view.start.windows;
      applied_.started.emplace_back(view.view, view.start);
    }
  }
  change.commit();
  asked_.clear();
  for (const auto view : index_->wanted_compares())
    if (!compares_.contains(view) && asked_.insert(view).second) applied_.answers.emplace_back(e2e::CompareAsk{view});
  applied_.greeted = true;
}

void Shelf::take(const e2e::Folders& message) {
  flush();
  tree_->mask(journal_->folders());
  tree_->apply(message);
}

/// An item is in a group once, so that a group's order among items does not matter.
void Shelf::touch(std::uint64_t view, const Gid& gid) {
  if (group_->puts.size() >= group_limit || group_->touched.contains({view, gid})) flush();
  group_->touched.insert({view, gid});
}

void Shelf::take(e2e::Item& item) {
  touch(item.view, item.gid);
  if (const auto old = transfers_.find({item.view, item.gid}); old != transfers_.end()) {
    (void)files_.remove(old->second.draft);
    transfers_.erase(old);
  }
  if (const auto compare = compares_.find(item.view); compare != compares_.end()) compare->second.came(item.gid);
  const Known known{index_->item(item.view, item.gid), journal_->pending(item.view, item.gid)};
  const auto& [row, pending] = known;
  if (row && item.seq <= row->seq) return;  // we have that or newer
  // Removed here, and the store does not know it yet. Another revision: the edit wins over the removal.
  if (!row && pending.removed() && (*pending.removed() == item.content_rev || !item.sha256.empty())) {
    group_->ignored.emplace_back(Key{item.view, item.gid}, item.seq);  // it may be back since: the result tells
    return;
  }
  if (row && pending.updating() && *pending.updating() == item.content_rev) {  // what was edited here; the edit goes up
    auto kept = *row;
    restate(kept, {item.folders, item.flags, item.keywords}, pending, pending);
    kept.seq = item.seq;
    group_->rows.push_back(std::move(kept));
    return;
  }
  if (!item.sha256.empty()) {  // made here, and not sent again; if it is not here any more it must be
    if (!keep_or_adopt(item, row, item.sha256)) group_->wanted.insert(item.view);
    return;
  }
  auto content = need(e2e::unpack(item.first));
  item.first = {};
  if (item.stub) item.size = content.size();  // of the file that it is here
  if (content.size() > item.size) broken("content longer than its size");
  if (content.size() == item.size) {
    whole_item(item, known, content, {}, sha256(content));
    return;
  }
  const auto& folder = tree_->home(item.view, item.folders, item.kind);
  make_ready(folder);
  Transfer transfer{item, tree_->drafts(folder) + "/" + mail_base(item.gid, item.size), {}, content.size(), {}};
  transfer.digest.add(content);
  transfer.head = content.substr(0, header_limit);
  make_draft(transfer.draft, content);
  transfers_.insert_or_assign(Key{item.view, item.gid}, std::move(transfer));
}

void Shelf::take(const e2e::ItemPart& part) {
  const auto found = transfers_.find({part.view, part.gid});
  if (found == transfers_.end() || found->second.item.seq != part.seq) return;  // of an item that was ignored
  auto& transfer = found->second;
  if (part.failed) {
    (void)files_.remove(transfer.draft);
    transfers_.erase(found);
    return;
  }
  const auto content = need(e2e::unpack(part.octets));
  if (part.offset != transfer.at || content.size() > transfer.item.size - transfer.at) broken("a part out of place");
  need(files_.append(transfer.draft, content));
  transfer.digest.add(content);
  if (transfer.head.size() < header_limit) transfer.head += content.substr(0, header_limit - transfer.head.size());
  transfer.at += content.size();
  if (!part.last) return;
  if (transfer.at != transfer.item.size) broken("content shorter than its size");
  auto whole = std::move(transfer);
  transfers_.erase(found);
  touch(part.view, part.gid);
  const Known known{index_->item(part.view, part.gid), journal_->pending(part.view, part.gid)};
  if (known.row && whole.item.seq <= known.row->seq) return need(files_.remove(whole.draft));
  whole_item(whole.item, known, whole.head, whole.draft, whole.digest.finish());
}

/// `content`: all of it, or its beginning if the whole is in the file `written`.
void Shelf::whole_item(const e2e::Item& item, const Known& known, View content, const std::string& written,
                       Bytes hash) {
  const auto& row = known.row;
  if (keep_or_adopt(item, row, hash)) {
    if (!written.empty()) need(files_.remove(written));
    return;
  }
  if (row && known.pending.updating()) {  // the result tells what became of both
    group_->ignored.emplace_back(Key{item.view, item.gid}, item.seq);
    if (!written.empty()) need(files_.remove(written));
    return;
  }
  Put put;
  put.row = row.value_or(ItemRow{});
  put.first = !row;
  put.row.take(item);
  put.row.sha256 = std::move(hash);
  put.live = item.job == 0 && !compares_.contains(item.view);
  put.draft = written;
  place(put, known, content);
  group_->puts.push_back(std::move(put));
}

/// Writes the draft (unless it is there) and settles where it will go.
void Shelf::place(Put& put, const Known& known, View content) {
  auto& row = put.row;
  const auto& [before, pending] = known;
  auto old = before;
  const auto old_path = old ? locate(*old) : std::nullopt;
  // A copy: making "Unfiled" may move the tree's rows.
  const auto folder = home(row, pending);
  put.folder = tree_->shown(folder);
  row.folder = folder.info.gid;
  make_ready(folder);
  if (row.kind == Kind::mail) {
    const Stored now{row.folders, row.base_flags, row.keywords};
    const auto base = mail_base(row.gid, row.size);
    const auto given = keywords_->give_marks(tree_->path(folder), now.flags, now.keywords);
    row.name = mail_name(base, given);
    row.shown = given & ~shown_flags;
    if (old_path) {
      const Stored was{before->folders, before->base_flags, before->keywords};
      row.name = renamed_for(old->name, base, merged(*before, *old, row.folder, was.with(pending), now.with(pending)));
      row.shown = old->shown;
    }
    const auto header = read_mail_header(content);
    put.subject = header.subject;
    put.from = header.from;
  } else if (!old || old->folder != row.folder) {
    row.name = free_vdir_name(folder, row.gid, row.kind, content);
  }
  put.target = tree_->path(folder) + "/" + row.name;
  if (old_path && edited(*before, *old_path))
    keep_aside(row.gid, row.kind, *old_path);
  else if (old_path && *old_path != put.target)
    group_->leaves.push_back(*old_path);
  if (row.kind != Kind::mail) {
    const auto whole = put.draft.empty() ? Bytes(content) : need(files_.read_part(put.draft, 0, object_limit));
    const auto object = read_object(whole, row.kind);
    row.uid = object.uid;
    row.canonical = object.canonical;
  }
  if (row.kind != Kind::mail && !old_path && need(files_.info(put.target)) && !ours_unrecorded(put.target) &&
      sha256(need(files_.read(put.target))) != row.sha256) {
    // Not ours, and not to be lost (a double UID would break khal).
    keep_aside(row.gid, row.kind, put.target);
  }
  drop_unrecorded(row.view, row.gid, put.target);
  if (!put.draft.empty()) return;
  put.draft = tree_->drafts(folder) + "/" + mail_base(row.gid, row.size);
  make_draft(put.draft, content);
}

/// Over what an earlier life left.
void Shelf::make_draft(const std::string& path, View content) {
  auto made = files_.create(path, content);
  if (!made && made.error().kind == FaultKind::exists) {
    need(files_.remove(path));
    made = files_.create(path, content);
  }
  need(std::move(made));
}

void Shelf::rename_put(Put& put) {
  need(files_.rename(put.draft, put.target));
  put.renamed = true;
  const auto now = world_.reactor().wall().time_since_epoch();
  Arrival arrival{put.row.view,
                  put.row.gid,
                  put.folder,
                  put.subject,
                  put.from,
                  put.row.size,
                  put.row.sha256,
                  put.target,
                  put.row.kind,
                  put.live,
                  std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
  if (arrived_) arrived_(std::move(arrival));
  group_->directories.insert(directory_of(put.target));
}

void Shelf::sync_put(Put& put) {
  if (!put.renamed) return need(files_.sync(put.draft));
  const auto synced = files_.sync(put.target);
  if (synced) return;
  if (synced.error().kind != FaultKind::not_found) throw Trouble(synced.error());
  // A mail program was faster and has taken it from new/ to cur/ (or away, which a scan finds later).
  auto& row = put.row;
  const auto place = std::make_pair(row.folder, row.name);
  if (const auto path = locate(row)) {
    need(files_.sync(*path));
    group_->directories.insert(directory_of(*path));
  }
  if (row.folder != place.first) std::tie(row.folder, row.name) = place;  // the next look finds that move out
}

void Shelf::take(const e2e::Meta& meta) {
  touch(meta.view, meta.gid);
  if (const auto transfer = transfers_.find({meta.view, meta.gid}); transfer != transfers_.end()) {
    auto& item = transfer->second.item;  // still on its way: it will be filed so
    item.folders = meta.folders, item.flags = meta.flags, item.keywords = meta.keywords;
  }
  auto row = index_->item(meta.view, meta.gid);
  const auto pending = journal_->pending(meta.view, meta.gid);
  if (!row) {
    if (pending.removed())
      group_->ignored.emplace_back(Key{meta.view, meta.gid}, meta.seq);
    else if (!transfers_.contains({meta.view, meta.gid}) && !compares_.contains(meta.view))
      group_->wanted.insert(meta.view);  // the gateway takes it for ours, and it is not here
    return;
  }
  if (meta.seq <= row->seq) return;
  restate(*row, {meta.folders, meta.flags, meta.keywords}, pending, pending);
  row->seq = meta.seq;
  row->origin = Origin::store;
  group_->rows.push_back(std::move(*row));
}

void Shelf::take_gone(std::uint64_t view, std::uint64_t seq, const Gid& gid) {
  touch(view, gid);
  if (const auto transfer = transfers_.find({view, gid}); transfer != transfers_.end()) {
    (void)files_.remove(transfer->second.draft);
    transfers_.erase(transfer);
  }
  if (auto row = index_->item(view, gid)) {
    if (seq < row->seq) return;
    if (journal_->pending(view, gid).updating()) {  // an edit wins over a removal
      group_->ignored.emplace_back(Key{view, gid}, seq);
      return;
    }
    let_go(*row);
  }
  drop_unrecorded(view, gid);
  if (const auto strays = strays_.find({view, gid}); strays != strays_.end()) {
    for (auto& path : strays->second) group_->leaves.push_back(std::move(path));
    strays_.erase(strays);
  }
}

/// Row and file go, but not what somebody made of the file.
void Shelf::let_go(ItemRow& row) {
  if (const auto path = locate(row)) {
    if (edited(row, *path))
      keep_aside(row.gid, row.kind, *path);
    else
      group_->leaves.push_back(*path);
  }
  group_->erased.push_back({row.view, row.gid});
}

void Shelf::take(const e2e::Mark& mark) {
  const auto view = mark.position.view;
  if (compares_.contains(view)) return;  // only CompareEnd's position counts
  for (const auto& [key, transfer] : transfers_) {
    if (key.first != view) continue;
    const auto& item = transfer.item;
    const auto job = std::find_if(mark.position.jobs.begin(), mark.position.jobs.end(),
                                  [&](const e2e::Job& j) { return j.id == item.job; });
    const bool included =
        item.job == 0 ? item.seq <= mark.position.live : job == mark.position.jobs.end() || passed(*job, item);
    if (included) broken("a mark before the last part");
  }
  keep_within(view, mark.position.windows);
  group_->positions[view] = mark.position;
}

/// One flush of the disk for all of a large group: each fsync is one of its own.
void Shelf::sync_files() {
  auto& group = *group_;
  if (group.puts.size() + group.syncs.size() >= worth_one_flush) {
    const bool mail = std::ranges::any_of(group.puts, [](const Put& put) { return put.row.kind == Kind::mail; });
    const bool rest = std::ranges::any_of(group.puts, [](const Put& put) { return put.row.kind != Kind::mail; });
    const bool adopted = !group.syncs.empty();
    if ((!(mail || adopted) || need(files_.sync_everything(places_.maildir))) &&
        (!(rest || adopted) || need(files_.sync_everything(places_.vdir))))
      return;
  }
  for (auto& put : group.puts) sync_put(put);
  for (const auto& path : group.syncs) need(files_.sync(path));
}

void Shelf::flush() {
  auto& group = *group_;
  show_live();
  sync_files();
  announce_mails([](const Put& put) { return put.row.kind == Kind::mail; });
  announce_objects();
  for (auto& put : group.puts)
    if (!put.renamed) rename_put(put);
  for (const auto& directory : group.directories) need(files_.sync_directory(directory));
  if (!group.empty()) {
    Transaction change(index_->database());
    for (const auto& path : left_) index_->left(path);
    for (auto& put : group.puts) {
      if (put.row.kind != Kind::mail)
        index_->arrived(put.target);
      else if (!put.recorded)  // else it is as it was announced, whatever a mail program did meanwhile
        describe(put.row);
      if (put.recorded != put.row) index_->put(put.row);
    }
    if (!group.puts.empty()) index_->delivered();
    for (const auto& key : group.erased) {
      index_->erase(key.first, key.second);
      holds_->free(key);
    }
    for (auto& row : group.rows) index_->put(row);
    for (const auto& [view, from, to] : group.renamed) rename_commands(view, from, to);
    for (const auto& ended : group.ended) end_command(ended);
    for (const auto& path : group.unrecorded) index_->arrived(path);
    for (const auto& path : group.leaves) index_->leave(path);
    for (const auto& [view, position] : group.positions) index_->put_position(position);
    for (const auto& [view, wish] : group.compared) compared(view, wish);
    for (const auto& [key, seq] : group.ignored) journal_->ignored(key.first, key.second, seq);
    for (const auto view : group.wanted) want_compare(view);
    change.commit();
    left_.clear();
  }
  if (!group.ended.empty()) applied_.commands_left = journal_->live();
  for (const auto& ended : group.ended) applied_.answers.emplace_back(e2e::CommandStored{ended.command.command.id});
  for (const auto& [view, position] : group.positions) applied_.answers.emplace_back(e2e::Ack{position});
  const bool leaving = !group.leaves.empty();
  group = {};
  if (leaving) finish_leaving();
}

void Shelf::take(const e2e::CompareDigests& message) {
  flush();
  auto& compare = compares_.try_emplace(message.view, message.view, index_->compare_wish(message.view)).first->second;
  compare.digests(message);
  if (!message.last) return;
  index_->each(message.view, [&](const ItemRow& row) {
    if (row.origin != Origin::local) compare.ours(row.gid, row.folders, row.received, row.seq);
  });
  for (auto& want : compare.wants()) applied_.answers.emplace_back(std::move(want));
}

void Shelf::take(const e2e::ComparePage& page) {
  flush();
  const auto found = compares_.find(page.view);
  if (found == compares_.end()) return;
  Transaction change(index_->database());
  for (const auto& entry : page.entries) {
    auto row = index_->item(page.view, entry.gid);
    const auto held = row ? std::optional(Compare::Held{row->seq, row->fingerprint, row->content_rev}) : std::nullopt;
    if (!found->second.entry(entry, held) || !row) continue;
    row->seq = 0;  // numbers of another epoch do not compare: what comes next for it is right
    index_->put(*row);
  }
  change.commit();
  for (auto& want : found->second.page_done(page)) applied_.answers.emplace_back(std::move(want));
}

void Shelf::take(const e2e::CompareEnd& message) {
  flush();
  const auto view = message.position.view;
  const auto found = compares_.find(view);
  if (found == compares_.end() || !found->second.complete()) broken("the end of a compare that is not complete");
  std::vector<ItemRow> absent;
  // Of what was made here, absence says nothing before the store has it.
  const auto views = index_->views();
  const auto known = std::ranges::find(views, view, &ViewRow::view);
  const bool same_numbers = known != views.end() && known->position && known->position->epoch == message.position.epoch;
  index_->each(view, [&](const ItemRow& row) {
    const bool was_there = row.origin == Origin::store || (row.origin == Origin::confirmed && same_numbers &&
                                                           row.seq != 0 && row.seq < message.position.live);
    if (was_there && !found->second.named(row.gid)) absent.push_back(row);
  });
  for (auto& row : absent) {
    if (journal_->pending(view, row.gid).updating())
      group_->ignored.emplace_back(Key{view, row.gid}, message.position.live);
    else
      let_go(row);
  }
  std::vector<Gid> unrecorded;
  for (const auto& [path, file] : arriving_)
    if (file.view == view && !found->second.named(file.gid)) unrecorded.push_back(file.gid);
  for (const auto& gid : unrecorded) drop_unrecorded(view, gid);
  windows_[view] = message.position.windows;
  for (auto it = strays_.begin(); it != strays_.end();) {
    if (it->first.first != view || found->second.named(it->first.second)) {
      ++it;
      continue;
    }
    for (auto& path : it->second) group_->leaves.push_back(std::move(path));
    it = strays_.erase(it);
  }
  group_->compared[view] = found->second.wish();
  compares_.erase(found);
  group_->positions[view] = message.position;
  flush();
}

}  // namespace tidegate::device
