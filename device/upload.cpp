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
  const auto due = [this](const auto& passed) { return !held_.contains(passed.second); };
  out.more = out.cursor.offset != 0 || journal_.next(out.cursor.up_to) || std::ranges::any_of(out.cursor.passed, due);
  return out;
}

/// What was passed over and is held no more comes first: something of the same item may be behind it.
std::optional<CommandRow> Upload::next(UploadCursor& cursor) {
  for (auto passed = cursor.passed.begin(); passed != cursor.passed.end();) {
    if (held_.contains(passed->second)) {
      ++passed;
      continue;
    }
    const auto number = passed->first;
    passed = cursor.passed.erase(passed);
    auto row = journal_.next(number - 1);
    if (row && row->number == number) return row;
  }
  return journal_.next(cursor.up_to);
}

/// Nobody else's change waits for a file that may never come back, nor for the answer to a hold.
bool Upload::passes(UploadCursor& cursor, const CommandRow& row) {
  const Holds::Key key{row.command.view, row.command.gid};
  if (!held_.contains(key)) return false;
  const bool unsent = row.command.verb == e2e::Verb::create && row.path.empty();
  const auto same = [&](const auto& passed) { return passed.second == key; };
  if (!unsent && std::ranges::none_of(cursor.passed, same)) return false;
  cursor.passed.emplace(row.number, key);
  cursor.up_to = std::max(cursor.up_to, row.number);
  return true;
}

void Upload::count(UploadStep& out, const CommandRow& row) {
  out.cursor.number = row.number;
  out.cursor.up_to = std::max(out.cursor.up_to, row.number);
  out.begun.push_back(row.command.id);
}

void Upload::begin_next(UploadStep& out, std::size_t room) {
  std::vector<std::uint64_t> leaving;
  while (room > 0 && !out.blocked) {
    const auto row = next(out.cursor);
    if (!row) break;
    if (passes(out.cursor, *row)) continue;
    if (row->has_content() && !begin(out, *row)) {
      if (out.blocked && row->number <= out.cursor.up_to)  // it was passed over before
        out.cursor.passed.emplace(row->number, Holds::Key{row->command.view, row->command.gid});
      continue;
    }
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
  count(out, row);
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
  count(out, row);
  out.cursor.offset = all ? 0 : first->size();
  out.cursor.digest = all ? nullptr : std::move(digest);
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
