// SPDX-License-Identifier: Apache-2.0
#include "device/outbox.hpp"

#include <algorithm>
#include <chrono>

#include "device/digest.hpp"
#include "device/names.hpp"
#include "device/scan.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::string_view title = "tidegate-outbox 1\n";
constexpr std::string_view suffix = ".mail";
constexpr std::uint64_t head_limit = std::uint64_t{512} << 10;

Gid random_gid(sim::World& world) {
  Gid gid{};
  world.reactor().random(gid);
  return gid;
}

std::int64_t unix_now(sim::World& world) {
  return std::chrono::duration_cast<std::chrono::seconds>(world.reactor().wall().time_since_epoch()).count();
}

}  // namespace

std::string outbox_path(const std::string& state) { return state + "/outbox"; }

Result<void> spool(sim::World& world, const std::string& state, const Letter& letter) {
  try {
    auto& files = world.files();
    const auto outbox = outbox_path(state);
    need(files.make_directories(outbox));
    // In the order of sending: a directory is read by name.
    const auto now = std::chrono::floor<std::chrono::microseconds>(world.reactor().wall().time_since_epoch());
    const auto name = std::to_string(1'000'000'000'000'000'000 + now.count()) + "-" + gid_text(random_gid(world));
    const auto draft = outbox + "/." + name + ".draft", path = outbox + "/" + name + std::string(suffix);
    Bytes whole(title);
    for (const auto& to : letter.recipients) whole += "to=" + to + "\n";
    whole += "\n" + letter.content;
    need(files.create(draft, whole, 0600));
    need(files.sync(draft));
    need(files.rename(draft, path));
    need(files.sync_directory(outbox));
    return {};
  } catch (const Trouble& trouble) {
    return std::unexpected(trouble.fault);
  }
}

void poke(sim::World& world, const std::string& state) {
  const auto path = outbox_path(state) + "/.look";
  // Only a hint: without it the next sweep looks.
  if (world.files().create(path, {})) (void)world.files().remove(path);
}

std::size_t Outbox::collect(Index& index, Journal& journal) {
  auto listed = files_.list(outbox_path(state_));
  if (!listed && listed.error().kind == FaultKind::not_found) return 0;
  auto found = need(std::move(listed));
  std::erase_if(found, [](const auto& file) { return file.name.starts_with('.') || !file.name.ends_with(suffix); });
  if (found.empty()) return 0;
  const auto views = index.views();
  if (views.empty()) return 0;  // until the gateway was heard of there is no mailbox to send from
  std::ranges::sort(found, {}, &sim::FileInfo::name);
  const auto leaving = index.leaving();
  const auto journaled = journal.paths();
  std::size_t count = 0;
  for (const auto& file : found) {
    const auto path = outbox_path(state_) + "/" + file.name;
    if (journaled.contains(path) || std::ranges::find(leaving, path) != leaving.end()) continue;
    count += take(index, journal, views.front().view, path) ? 1 : 0;
  }
  return count;
}

bool Outbox::take(Index& index, Journal& journal, std::uint64_t view, const std::string& path) {
  const auto head = need(files_.read(path, head_limit));
  CommandRow row;
  auto& said = row.command;
  std::string_view left = head;
  if (!left.starts_with(title)) return false;  // not from us
  left.remove_prefix(title.size());
  while (left.starts_with("to=")) {
    const auto end = left.find('\n');
    said.recipients.emplace_back(left.substr(3, end - 3));
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
  }
  if (!left.starts_with('\n')) return false;
  const auto info = need(files_.info(path));
  if (!info) return false;
  row.skip = head.size() - left.size() + 1;
  row.path = path;
  row.sha256 = hash_file(files_, path, row.skip);
  row.at_unix = unix_now(world_);
  said.view = view;
  said.verb = e2e::Verb::send;
  said.id.resize(16);
  world_.reactor().random(std::as_writable_bytes(std::span(said.id)));
  said.gid = random_gid(world_);
  said.received = row.at_unix;
  said.size = info->size - row.skip;
  Transaction change(index.database());
  journal.put(row);
  change.commit();
  return true;
}

void Outbox::sweep(Index& index, Journal& journal) {
  const auto listed = files_.list(outbox_path(state_));
  if (!listed) return;
  const auto journaled = journal.paths();
  const auto leaving = index.leaving();
  for (const auto& file : *listed) {
    const auto path = outbox_path(state_) + "/" + file.name;
    if (!file.name.ends_with(object_suffix) || journaled.contains(path)) continue;
    if (std::ranges::find(leaving, path) == leaving.end()) need(files_.remove(path));
  }
}

void Outbox::erase() {
  auto listed = files_.list(outbox_path(state_));
  if (!listed) return;
  for (const auto& file : *listed) (void)files_.remove(outbox_path(state_) + "/" + file.name);
}

}  // namespace tidegate::device
