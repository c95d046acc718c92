// SPDX-License-Identifier: Apache-2.0
// What was done to the files of a vdir: objects edited and made. What goes up is a copy (device/outgoing.hpp).
#include <algorithm>

#include "device/digest.hpp"
#include "device/names.hpp"
#include "device/outbox.hpp"
#include "device/outgoing.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {

/// Before the transaction that speaks of them. A kill in between leaves copies that nobody names; the next start
/// removes them.
void Outgoing::copy_objects(const Findings& findings) {
  copies_.clear();
  const auto keep = [&](const FoundFile& file, const Bytes& sha256) {
    if (auto made = copy(file, sha256))
      copies_[file.path] = std::move(*made);
    else
      done_.waits = true;  // written or taken away at this moment
  };
  for (const auto& found : findings.edited) {
    const auto row = index_.item(found.file.view, found.gid);
    if (!row || row->canonical == found.object.canonical) continue;
    if (revision_awaited(*row))
      done_.waits = true;
    else
      keep(found.file, found.sha256);
  }
  for (const auto& found : findings.fresh)
    if (found.object && fileable(found.file.view, found.file.folder)) keep(found.file, found.sha256);
  if (!copies_.empty()) need(files_.sync_directory(outbox_path(tree_.places().state)));
}

std::optional<std::string> Outgoing::copy(const FoundFile& file, const Bytes& sha256) {
  const auto octets = files_.read(file.path);
  if (!octets && octets.error().kind == FaultKind::not_found) return std::nullopt;
  if (device::sha256(need(octets)) != sha256) return std::nullopt;
  Gid name{};
  world_.reactor().random(name);
  const auto path = outbox_path(tree_.places().state) + "/" + gid_text(name) + std::string(object_suffix);
  need(files_.create(path, *octets, 0600));
  need(files_.sync(path));
  return path;
}

/// The last command that brings its content, if that has no result yet.
std::optional<CommandRow> Outgoing::content_of(const ItemRow& row) {
  auto all = journal_.of(row.view, row.gid);
  const auto last = std::find_if(all.rbegin(), all.rend(), [](const CommandRow& each) { return each.has_content(); });
  return last == all.rend() ? std::nullopt : std::optional(std::move(*last));
}

/// The store has, or is about to have, a content of ours under a revision that has not come yet.
bool Outgoing::revision_awaited(const ItemRow& row) {
  const auto content = content_of(row);
  if (content && content->state == CommandRow::State::sent) return true;
  return row.origin != Origin::local && row.content_rev.empty();
}

void Outgoing::edited(const Findings::Edited& found) {
  const auto& file = found.file;
  auto row = index_.item(file.view, found.gid);
  if (!row) return;
  const bool same = row->canonical == found.object.canonical;
  auto copy = copies_.extract(file.path);
  if (!same && copy.empty()) return;  // waits
  row->name = file.name;
  row->size = file.size;
  row->sha256 = found.sha256;
  row->inode = file.inode;
  row->mtime_ns = file.mtime_ns;
  row->canonical = found.object.canonical;
  row->uid = found.object.uid;
  index_.put(*row);
  if (!same) content_command(*row, copy.mapped());
}

/// What has not left yet never need leave. What was made here is made in the folder in which it lies now.
void Outgoing::content_command(const ItemRow& row, const std::string& copy) {
  const bool known = row.origin != Origin::local;
  for (const auto& waiting : journal_.of(row.view, row.gid))
    if (waiting.state == CommandRow::State::waiting && (waiting.has_content() || !known)) forget_content(waiting);
  for (const auto& failed : journal_.failed_of(row.view, row.gid))
    if (failed.has_content()) forget_content(failed);
  if (known)
    return command({.view = row.view,
                    .verb = e2e::Verb::update,
                    .gid = row.gid,
                    .content_rev = row.content_rev,
                    .kind = row.kind,
                    .size = row.size},
                   row.sha256, copy);
  command({.view = row.view,
           .verb = e2e::Verb::create,
           .gid = row.gid,
           .folder = row.folder,
           .kind = row.kind,
           .received = row.received,
           .size = row.size},
          row.sha256, copy);
}

void Outgoing::forget_content(const CommandRow& row) {
  journal_.erase(row.number);
  if (row.path.empty()) return;
  index_.leave(row.path);
  done_.leaves = true;
}

/// An object that a program put here. Its file keeps the name that the program knows it by.
void Outgoing::fresh_object(const Findings::Fresh& found) {
  const auto& file = found.file;
  auto copy = copies_.extract(file.path);
  if (copy.empty()) return;
  ItemRow row;
  row.view = file.view;
  world_.reactor().random(row.gid);
  row.folders = {file.folder};
  row.folder = file.folder;
  row.name = file.name;
  row.kind = found.object->kind;
  row.size = file.size;
  row.sha256 = found.sha256;
  row.inode = file.inode;
  row.mtime_ns = file.mtime_ns;
  row.received = now_unix();
  row.origin = Origin::local;
  row.uid = found.object->uid;
  row.canonical = found.object->canonical;
  const auto twins = index_.with_uid(row.view, row.folder, row.uid);
  index_.put(row);
  content_command(row, copy.mapped());
  if (twins.empty()) return;
  // RFC 4791 §4.1, RFC 6352 §5.1: a UID is in a collection once.
  const auto command = content_of(row);
  const auto text = "It has the same UID as " + twins.front().name + " in that collection: give it one of its own.";
  journal_.fail(command->number, CommandRow::State::failed, text);
  --done_.commands;
  done_.notes.push_back("Not done: " + file.path + ". " + text);
}

}  // namespace tidegate::device
