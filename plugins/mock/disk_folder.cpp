// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/disk_folder.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <unistd.h>

#include "plugins/mock/posix.hpp"

namespace tidegate::mock {
namespace {

constexpr std::uint64_t head_octets = 64 << 10;

std::chrono::sys_seconds received_of(std::int64_t second) {
  return std::chrono::sys_seconds(std::chrono::seconds(second));
}

}  // namespace

std::unexpected<Fault> no_item(View) { return fault(FaultKind::not_found, {}, "there is no such item (any more)"); }
Result<void> ItemFolder::keep() {
  return fault(FaultKind::unsupported, {}, "only a folder in memory is kept and restored; copy the directory instead");
}
Result<void> ItemFolder::restore() { return keep(); }

std::unexpected<Fault> no_folder(View name) {
  return fault(FaultKind::not_found, std::string(name), "there is no such folder (any more)");
}

DiskFolder::DiskFolder(std::string path, Kind kind, std::string epoch)
    : path_(std::move(path)), kind_(kind), epoch_(std::move(epoch)), letters_(path_) {}

// --- the index

void DiskFolder::note(Items::value_type& item) {
  if (item.second.number) journal_.erase(item.second.number);
  if (const auto old = removed_.find(item.first); old != removed_.end()) {
    journal_.erase(old->second);
    removed_.erase(old);
  }
  item.second.number = ++last_;
  journal_.emplace(last_, Change{&item.first, false});
}

void DiskFolder::forget(const Bytes& name) {
  const auto at = items_.find(name);
  journal_.erase(at->second.number);
  order_.erase(&*at);
  ++last_;
  const auto kept = removed_.insert_or_assign(name, last_).first;
  journal_.emplace(last_, Change{&kept->first, true});
  items_.erase(at);
  if (removed_.size() <= tombstones_max) return;
  const auto oldest = std::ranges::find_if(journal_, [](const auto& change) { return change.second.gone; });
  floor_ = oldest->first;
  const auto forgotten = removed_.find(*oldest->second.name);
  journal_.erase(oldest);
  removed_.erase(forgotten);
}

DiskFolder::Items::value_type* DiskFolder::find(View name) {
  const auto at = items_.find(Bytes(name));
  return at == items_.end() ? nullptr : &*at;
}

std::string DiskFolder::file_of(const Items::value_type& item) const {
  if (kind_ != Kind::mail) return item.first;
  return (item.second.fresh ? "new/" : "cur/") + item.first + item.second.tail;
}

std::vector<Noted> DiskFolder::after(std::uint64_t number, std::size_t limit) const {
  std::vector<Noted> found;
  for (auto at = journal_.upper_bound(number); at != journal_.end() && found.size() < limit; ++at)
    found.push_back({at->first, *at->second.name, at->second.gone});
  return found;
}

std::vector<Noted> DiskFolder::older(const Place* below, std::size_t limit) const {
  std::vector<Noted> found;
  auto at = below ? order_.lower_bound(NewestLast::Wanted(below->received.time_since_epoch().count(), below->name))
                  : order_.end();
  while (at != order_.begin() && found.size() < limit) {
    --at;
    found.push_back({(*at)->second.number, (*at)->first, false});
  }
  return found;
}

std::optional<Place> DiskFolder::place(View name) const {
  const auto at = items_.find(Bytes(name));
  if (at == items_.end()) return {};
  return Place{received_of(at->second.second()), at->first};
}

std::optional<Upsert> DiskFolder::upsert(View name, std::uint32_t inline_up_to) {
  auto* found = find(name);
  if (!found) return {};
  const auto* entry = &found->second;
  Upsert item{};
  item.kind = entry->kind;
  item.size = entry->size;
  item.received = received_of(entry->second());
  item.flags = entry->flags;
  const bool whole = entry->size <= inline_up_to;
  if (kind_ != Kind::mail) {
    item.content_rev = entry->pim->content_rev;
    item.fingerprint = entry->pim->fingerprint;
    if (!whole) return item;
  } else {
    item.content_rev = std::to_string(entry->rev);
    const auto other = parse_name(entry->tail).other;
    item.keywords = letters_.words(other);
    item.state_rev = suffix(entry->flags, other).substr(3);
  }
  auto content = open(name);
  if (!content) return {};
  auto text = head(**content, whole ? std::max<std::uint64_t>(head_octets, inline_up_to) : head_octets);
  if (!text) return {};
  found = find(name);  // open() may have scanned again
  if (!found) return {};
  if (kind_ == Kind::mail) item.fingerprint = mail_fingerprint(*text, item.received, item.size);
  // What comes along must be what the revision names: only if nothing was written meanwhile.
  if (whole && text->size() == item.size && (kind_ == Kind::mail || hex(digest(*text)) == item.content_rev))
    item.content = std::move(*text);
  return item;
}

// --- verbs

Result<std::unique_ptr<Content>> DiskFolder::open(View name) {
  for (int attempt = 0;; ++attempt) {
    const auto* entry = find(name);
    if (!entry) return no_item(name);
    auto content = open_content(full(file_of(*entry)));
    if (content || content.error().kind != FaultKind::not_found) return content;
    // Renamed by somebody (flags) since the last scan.
    if (attempt == 2) return no_item(name);
    stamps_[0] = stamps_[1] = {};
    if (auto done = refresh(); !done) return std::unexpected(done.error());
  }
}

Result<Bytes> DiskFolder::create(View wanted, const NewItem& item, Source& source) {
  auto name = Bytes(wanted);
  if (kind_ == Kind::event) name += ".ics";
  if (kind_ == Kind::contact) name += ".vcf";
  if (find(name)) return name;  // an earlier attempt got this far: law 5
  auto temporary = write(name, source, item.received);
  if (!temporary) return std::unexpected(temporary.error());
  auto file = name;
  if (kind_ == Kind::mail) {
    const auto letters = letters_.give(item.keywords, borne());
    if (!letters) return std::unexpected(letters.error());
    const bool marked = item.flags != 0 || !letters->empty();
    file = marked ? "cur/" + name + suffix(item.flags, *letters) : "new/" + name;
  }
  if (::rename(temporary->c_str(), full(file).c_str()) != 0) return failed(full(file), "store an item", errno);
  if (auto done = sync_directory(kind_ == Kind::mail ? full(file.substr(0, 3)) : path_); !done)
    return std::unexpected(done.error());
  stamps_[0] = stamps_[1] = {};
  if (auto done = refresh(); !done) return std::unexpected(done.error());
  return name;
}

Result<void> DiskFolder::replace(View name, View if_content_rev, Source& source) {
  if (kind_ == Kind::mail) return fault(FaultKind::unsupported, {}, "the octets of a mail never change");
  const auto* entry = find(name);
  if (!entry) return no_item(name);
  if (entry->second.pim->content_rev != if_content_rev)
    return fault(FaultKind::conflict, {}, "the item was changed meanwhile; read it again and merge");
  const auto file = full(file_of(*entry));
  auto temporary = write(Bytes(name), source, {});
  if (!temporary) return std::unexpected(temporary.error());
  if (::rename(temporary->c_str(), file.c_str()) != 0) return failed(file, "store an item", errno);
  if (auto done = sync_directory(path_); !done) return done;
  return refresh();
}

Result<void> DiskFolder::rename_to(const Bytes& name, const std::string& file) {
  for (int attempt = 0;; ++attempt) {
    const auto* entry = find(name);
    if (!entry) return no_item(name);
    if (::rename(full(file_of(*entry)).c_str(), full(file).c_str()) == 0) break;
    if (errno != ENOENT || attempt == 2) return failed(full(file), "rename an item", errno);
    stamps_[0] = stamps_[1] = {};
    if (auto done = refresh(); !done) return done;
  }
  stamps_[0] = stamps_[1] = {};
  return refresh();
}

/// Letters of any file, whatever they mean.
std::string DiskFolder::borne() const {
  std::string out;
  for (const auto& [name, entry] : items_)
    for (const char letter : parse_name(entry.tail).other)
      if (!out.contains(letter)) out += letter;
  return out;
}

Result<void> DiskFolder::set_flags(View name, const FlagDelta& delta) {
  if (kind_ != Kind::mail) return fault(FaultKind::unsupported, {}, "calendars and contacts have no flags");
  const auto* entry = find(name);
  if (!entry) return no_item(name);
  const auto flags = (entry->second.flags | delta.add) & ~delta.clear;
  const auto before = parse_name(entry->second.tail).other;
  auto letters = before;
  for (const char letter : letters_.known(delta.keywords_clear)) std::erase(letters, letter);
  if (!delta.keywords_add.empty()) {
    const auto given = letters_.give(delta.keywords_add, borne());
    if (!given) return std::unexpected(given.error());
    for (const char letter : *given)
      if (!letters.contains(letter)) letters += letter;
  }
  if (flags == entry->second.flags && letters == before) return {};
  return rename_to(Bytes(name), "cur/" + Bytes(name) + suffix(flags, letters));
}

Result<void> DiskFolder::remove(View name, View if_content_rev) {
  for (int attempt = 0;; ++attempt) {
    const auto* entry = find(name);
    if (!entry) return no_item(name);
    const auto rev = kind_ == Kind::mail ? std::to_string(entry->second.rev) : entry->second.pim->content_rev;
    if (!if_content_rev.empty() && rev != if_content_rev)
      return fault(FaultKind::conflict, {}, "the item was changed meanwhile; it was not removed");
    if (::unlink(full(file_of(*entry)).c_str()) == 0) break;
    if (errno != ENOENT || attempt == 2) return failed(full(file_of(*entry)), "remove an item", errno);
    stamps_[0] = stamps_[1] = {};
    if (auto done = refresh(); !done) return done;
  }
  stamps_[0] = stamps_[1] = {};
  return refresh();
}

Result<Bytes> DiskFolder::take(ItemFolder& other, View name) {
  auto* from = dynamic_cast<DiskFolder*>(&other);
  if (!from || from->kind_ != kind_)
    return fault(FaultKind::unsupported, {}, "items move only between folders of one kind");
  const auto* entry = from->find(name);
  if (!entry) return find(name) ? Result<Bytes>(name) : no_item(name);
  if (find(name)) return fault(FaultKind::exists, {}, "the other folder has an item of that name already");
  auto file = Bytes(name);
  if (kind_ == Kind::mail) {  // a letter means another word there
    const auto given = letters_.give(from->letters_.words(parse_name(entry->second.tail).other), borne());
    if (!given) return std::unexpected(given.error());
    file = "cur/" + file + suffix(entry->second.flags, *given);
  }
  if (::rename(from->full(from->file_of(*entry)).c_str(), full(file).c_str()) != 0)
    return failed(full(file), "move an item", errno);
  for (auto* folder : {from, this}) {
    folder->stamps_[0] = folder->stamps_[1] = {};
    if (auto done = folder->refresh(); !done) return std::unexpected(done.error());
  }
  return Bytes(name);
}

}  // namespace tidegate::mock
