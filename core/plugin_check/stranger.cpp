// SPDX-License-Identifier: Apache-2.0
#include "core/plugin_check/stranger.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace tidegate::check {
namespace {

constexpr std::uint32_t watched_flags = seen | flagged | answered;

Attempt first_attempt() {
  return {Subject::get().token(), {}, [](View) { return Result<void>{}; }};
}

}  // namespace

void Stranger::found(std::size_t folder, const Replay& listing) {
  for (const auto& [id, item] : listing.items) items_[id] = {folder, item.flags & watched_flags, {}};
}

void Stranger::create(std::size_t folder, const std::string& octets) {
  auto attempt = first_attempt();
  auto made =
      session_.create(call(), folders_[folder], NewItem{Subject::get().options().kind, octets.size(), 0, {}, {}},
                      source_of(octets), attempt);
  ASSERT_TRUE(made) << "create: " << made.error().text;
  ASSERT_FALSE(made->id.empty()) << "the back-end does not say what it made, so nothing can be compared";
  items_[made->id] = {folder, 0, octets};
}

void Stranger::flag() {
  if (items_.empty()) return;
  auto& [id, known] = pick();
  const FlagDelta delta{dice_() % 2 ? seen : flagged, dice_() % 2 ? answered : 0U, {}, {}};
  auto done = session_.set_flags(call(), id, delta);
  ASSERT_TRUE(done) << "set_flags: " << done.error().text;
  EXPECT_EQ(done->id, id) << "flags must not change an item's id";
  known.flags = (known.flags | delta.add) & ~delta.clear;
}

void Stranger::remove() {
  if (items_.size() < 3) return;
  const auto& [id, known] = pick();
  auto done = session_.remove(call(), id, folders_[known.folder], {});
  ASSERT_TRUE(done) << "remove: " << done.error().text;
  items_.erase(Bytes(id));
}

void Stranger::move() {
  if (items_.empty() || folders_.size() < 2) return;
  const auto& [id, known] = pick();
  auto moved = known;
  moved.folder = 1 - known.folder;
  auto attempt = first_attempt();
  auto done = session_.move(call(), id, folders_[known.folder], folders_[moved.folder], attempt);
  ASSERT_TRUE(done) << "move: " << done.error().text;
  ASSERT_FALSE(done->id.empty()) << "the back-end does not say where it moved to, so nothing can be compared";
  items_.erase(Bytes(id));
  items_[done->id] = std::move(moved);
}

void Stranger::compare(std::size_t folder, const Replay& replay) const {
  for (const auto& [id, known] : items_) {
    if (known.folder != folder) continue;
    const auto at = replay.items.find(id);
    if (at == replay.items.end()) {
      ADD_FAILURE() << shown(id) << " is there, but the pages didn't say so";
      continue;
    }
    const auto& item = at->second;
    EXPECT_EQ(item.flags & watched_flags, known.flags) << shown(id) << " has other flags";
    EXPECT_TRUE(std::ranges::find(item.folders, folders_[folder]) != item.folders.end()) << shown(id);
    if (item.content && !known.octets.empty())
      EXPECT_TRUE(item.kind == Kind::mail ? *item.content == known.octets
                                          : lost_properties(known.octets, *item.content).empty())
          << shown(id) << " came along with other octets";
  }
  for (const auto& [id, item] : replay.items) {
    const auto at = items_.find(id);
    EXPECT_TRUE(at != items_.end() && at->second.folder == folder) << shown(id) << " is gone, but the pages kept it";
  }
}

namespace {

/// Unfolded, in order of the alphabet, but for those that a server may rewrite.
std::vector<std::string> properties(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (!lines.empty() && (line.starts_with(' ') || line.starts_with('\t')))
      lines.back() += line.substr(1);
    else if (!line.empty())
      lines.push_back(std::move(line));
  }
  for (auto& line : lines)  // names are of no case (RFC 5545 §1.3, RFC 6350 §3.3)
    std::transform(line.begin(),
                   line.begin() + static_cast<std::ptrdiff_t>(std::min(line.find_first_of(":;"), line.size())),
                   line.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  std::erase_if(lines, [](const std::string& line) {
    for (const auto* own : {"PRODID", "DTSTAMP", "CREATED", "LAST-MODIFIED", "SEQUENCE", "REV"})
      if (line.starts_with(own)) return true;
    return false;
  });
  for (auto& line : lines)  // components of a name that are empty at its end say nothing (RFC 6350 §6.2.2)
    if (line.starts_with("N:")) line.erase(line.find_last_not_of(';') + 1);
  std::ranges::sort(lines);
  return lines;
}

}  // namespace

std::vector<std::string> lost_properties(const std::string& written, const std::string& read) {
  std::vector<std::string> lost;
  std::ranges::set_difference(properties(written), properties(read), std::back_inserter(lost));
  return lost;
}

}  // namespace tidegate::check
