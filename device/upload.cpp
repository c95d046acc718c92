// SPDX-License-Identifier: Apache-2.0
#include "device/upload.hpp"

#include <algorithm>

#include "device/trouble.hpp"

namespace tidegate::device {

UploadStep Upload::step(UploadCursor cursor, std::size_t room) {
  UploadStep out;
  out.cursor = std::move(cursor);
  if (out.cursor.offset != 0) {
    const auto row = journal_.next(out.cursor.number - 1);
    if (row && row->number == out.cursor.number)
      go_on(out, *row);
    else  // refused before all of it was sent
      out.cursor.offset = 0;
  } else {
    begin_next(out, room);
  }
  out.more = out.cursor.offset != 0 || journal_.next(out.cursor.number).has_value();
  return out;
}

void Upload::begin_next(UploadStep& out, std::size_t room) {
  std::vector<std::uint64_t> leaving;
  while (room > 0 && !out.blocked) {
    const auto row = journal_.next(out.cursor.number);
    if (!row) break;
    if (row->has_content() && !begin(out, *row)) continue;
    if (!row->has_content()) whole(out, *row);
    if (row->state == CommandRow::State::waiting) leaving.push_back(row->number);
    if (row->has_content()) break;
    --room;
  }
  if (leaving.empty()) return;
  // Before it leaves: what may be with the gateway is never forgotten silently.
  Transaction change(index_.database());
  for (const auto number : leaving) journal_.sent(number);
  change.commit();
}

void Upload::whole(UploadStep& out, const CommandRow& row) {
  out.cursor.number = row.number;
  out.begun.push_back(row.command.id);
  out.messages.emplace_back(row.command);
}

std::optional<Upload::Source> Upload::source(UploadStep& out, const CommandRow& row) {
  Source found{row.path, row.skip};
  if (row.path.empty()) {
    const auto item = index_.item(row.command.view, row.command.gid);
    if (!item || item->stub || item->sha256 != row.sha256) return std::nullopt;
    const auto path = locate_(*item);
    if (!path) {
      out.blocked = true;
      return std::nullopt;
    }
    found.path = *path;
  }
  const auto info = need(files_.info(found.path));
  if (!info) return std::nullopt;
  if (info->size != found.skip + row.command.size) {
    out.blocked = row.path.empty();
    return std::nullopt;
  }
  return found;
}

/// The command and the first part of its content. False: it cannot be sent (now: `blocked`; ever: it was dropped).
bool Upload::begin(UploadStep& out, const CommandRow& row) {
  const auto from = source(out, row);
  std::optional<Bytes> first;
  if (from)
    first = need(
        files_.read_part(from->path, from->skip, std::min<std::uint64_t>(row.command.size, e2e::max_content_part)));
  auto digest = std::make_shared<Digest>();
  const bool all = first && first->size() == row.command.size;
  if (first) digest->add(*first);
  if (all && digest->finish() != row.sha256) {
    out.blocked = row.path.empty();
    first.reset();
  }
  if (!first) {
    if (!out.blocked) drop(out, row);
    return false;
  }
  auto command = row.command;
  command.content = e2e::pack(*first, e2e::Compression::deflate);
  out.cursor.number = row.number;
  out.cursor.offset = all ? 0 : first->size();
  out.cursor.digest = all ? nullptr : std::move(digest);
  out.begun.push_back(command.id);
  out.messages.emplace_back(std::move(command));
  return true;
}

/// Its file is gone for good: said, not retried.
void Upload::drop(UploadStep& out, const CommandRow& row) {
  const auto item = index_.item(row.command.view, row.command.gid);
  if (row.command.verb == e2e::Verb::create && item && item->origin == Origin::store)
    return journal_.erase(row.number);  // it has come back from there: done
  const std::string text = row.state == CommandRow::State::sent
                               ? "The file was taken away before it was certain that it had arrived."
                               : "The file was taken away before it was sent.";
  journal_.fail(row.number, CommandRow::State::failed, text);
  out.notes.push_back("Not done: " + in_words(row) + ". " + text);
}

/// The next part. What changed underneath is noticed before the last one is sent.
void Upload::go_on(UploadStep& out, const CommandRow& row) {
  auto& cursor = out.cursor;
  const auto from = source(out, row);
  Bytes part;
  if (from)
    part = need(files_.read_part(from->path, from->skip + cursor.offset,
                                 std::min<std::uint64_t>(row.command.size - cursor.offset, e2e::max_content_part)));
  cursor.digest->add(part);
  const bool last = cursor.offset + part.size() == row.command.size;
  if (part.empty() || (last && cursor.digest->finish() != row.sha256)) {
    out.broken = true;
    return;
  }
  out.messages.emplace_back(
      e2e::CommandPart{row.command.id, cursor.offset, e2e::pack(part, e2e::Compression::deflate), last});
  cursor.offset = last ? 0 : cursor.offset + part.size();
  if (last) cursor.digest.reset();
}

}  // namespace tidegate::device
