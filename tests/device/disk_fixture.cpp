// SPDX-License-Identifier: Apache-2.0
#include "tests/device/disk_fixture.hpp"

#include <algorithm>
#include <set>

#include "device/digest.hpp"
#include "device/keywords.hpp"

namespace tidegate::device {

ScriptedLog::ScriptedLog() {
  epoch.fill(std::byte{7});
  const auto folder = [&](std::uint64_t number, const char* name, Role role, std::uint64_t parent, Kind kind) {
    e2e::FolderInfo info;
    info.gid = gid_of(1000 + number);
    if (parent != 0) info.parent = gid_of(1000 + parent);
    info.name = name;
    info.role = role;
    info.kind = kind;
    folders.push_back(info);
  };
  folder(1, "INBOX", Role::inbox, 0, Kind::mail);
  folder(2, "Work", Role::none, 0, Kind::mail);
  folder(3, "v1.2", Role::none, 2, Kind::mail);
  folder(4, "Home", Role::calendar, 0, Kind::event);
  folder(5, "Team", Role::none, 0, Kind::event);
  folder(6, "People", Role::contacts, 0, Kind::contact);
}

void ScriptedLog::add(std::uint64_t number, Bytes content, std::uint32_t flags, std::uint64_t folder, Kind kind) {
  Entry entry;
  entry.number = number;
  entry.seq_body = ++head;
  entry.content = std::move(content);
  entry.flags = flags;
  entry.folder = gid_of(1000 + folder);
  entry.received = 1'700'000'000 + static_cast<std::int64_t>(number) * 86'400 * 20;
  entry.kind = kind;
  entry.gid = gid_of(number);
  entries[number] = std::move(entry);
}
void ScriptedLog::flags(std::uint64_t number, std::uint32_t flags) {
  entries.at(number).flags = flags;
  entries.at(number).seq_meta = ++head;
}
void ScriptedLog::keywords(std::uint64_t number, std::set<std::string> words) {
  entries.at(number).keywords = std::move(words);
  entries.at(number).seq_meta = ++head;
}
void ScriptedLog::move(std::uint64_t number, std::uint64_t folder) {
  entries.at(number).folder = gid_of(1000 + folder);
  entries.at(number).seq_meta = ++head;
}
void ScriptedLog::body(std::uint64_t number, Bytes content) {
  entries.at(number).content = std::move(content);
  entries.at(number).seq_body = ++head;
}
void ScriptedLog::gone(std::uint64_t number) { entries.at(number).seq_gone = ++head; }

e2e::FolderInfo* ScriptedLog::folder(const Gid& gid) {
  const auto found = std::ranges::find(folders, gid, &e2e::FolderInfo::gid);
  return found == folders.end() ? nullptr : &*found;
}
void ScriptedLog::remove_folder(const Gid& gid) {
  for (auto& [number, entry] : entries)
    if (entry.folder == gid && entry.seq_gone == 0) entry.seq_gone = ++head;
  std::erase_if(folders, [&](const e2e::FolderInfo& info) { return info.gid == gid; });
}

std::optional<FaultKind> ScriptedLog::command_folder(const e2e::Command& said, Gid& gid) {
  const auto same = [&](const e2e::FolderInfo& info) {
    return info.parent == said.folder && info.name == said.name && info.kind == Kind::mail;
  };
  const auto there = std::ranges::find_if(folders, same);
  gid = said.gid;
  if (said.verb == e2e::Verb::make_folder) {
    if (there == folders.end()) {
      e2e::FolderInfo info;
      info.gid = gid_of(2000 + ++made);
      info.parent = said.folder;
      info.name = said.name;
      folders.push_back(info);
      gid = info.gid;
    } else {
      gid = there->gid;
    }
    return std::nullopt;
  }
  auto* info = folder(said.gid);
  if (info == nullptr) return FaultKind::not_found;
  if (said.verb == e2e::Verb::change_folder) {
    if (there != folders.end()) return FaultKind::exists;
    info->parent = said.folder;
    info->name = said.name;
    return std::nullopt;
  }
  for (const auto& [number, entry] : entries)
    if (entry.folder == said.gid && entry.seq_gone == 0) return FaultKind::conflict;
  remove_folder(said.gid);
  return std::nullopt;
}

e2e::HelloAck ScriptedLog::hello_ack(bool compare) const {
  e2e::HelloAck ack;
  ack.gateway = "scripted";
  e2e::ViewInfo info;
  info.view = view;
  info.name = "user@example.net";
  info.epoch = epoch;
  info.head = head;
  info.compare = compare;
  info.start = {.view = view, .epoch = epoch, .live = 0, .jobs = {}, .windows = windows};
  ack.views.push_back(info);
  return ack;
}

e2e::Folders ScriptedLog::tree() const { return {view, true, folders}; }

e2e::Item ScriptedLog::item(const Entry& entry, std::uint64_t job) const {
  e2e::Item item;
  item.view = view;
  item.job = job;
  item.seq = entry.seq();
  item.gid = entry.gid;
  item.folders = {entry.folder};
  item.kind = entry.kind;
  item.content_rev = entry.revision();
  item.received = entry.received;
  item.flags = entry.flags;
  item.keywords.assign(entry.keywords.begin(), entry.keywords.end());
  item.size = entry.content.size();
  item.fingerprint[0] = static_cast<std::byte>(entry.number);
  item.first = e2e::pack(entry.content, e2e::Compression::deflate);
  return item;
}

e2e::Mark ScriptedLog::mark(std::uint64_t live) const {
  return {.position = {.view = view, .epoch = epoch, .live = live, .jobs = {}, .windows = windows}, .remaining = {}};
}

std::vector<e2e::ToDevice> ScriptedLog::since(std::uint64_t live, std::size_t mark_every, std::size_t part) const {
  std::map<std::uint64_t, const Entry*> order;
  for (const auto& [number, entry] : entries)
    if (entry.seq() > live) order[entry.seq()] = &entry;
  std::vector<e2e::ToDevice> out;
  std::size_t count = 0;
  for (const auto& [seq, entry] : order) {
    if (entry->seq_gone > live) {
      out.emplace_back(e2e::Remove{view, seq, entry->gid});
    } else if (entry->seq_body > live) {
      auto whole = item(*entry);
      if (entry->content.size() > part) whole.first = {e2e::Compression::none, part, entry->content.substr(0, part)};
      out.emplace_back(whole);
      for (std::size_t at = part; at < entry->content.size(); at += part) {
        const auto octets = entry->content.substr(at, part);
        out.emplace_back(e2e::ItemPart{view,
                                       seq,
                                       entry->gid,
                                       at,
                                       {e2e::Compression::none, octets.size(), octets},
                                       at + part >= entry->content.size(),
                                       false});
      }
    } else {
      e2e::Meta meta{view, 0, seq, entry->gid, {entry->folder}, entry->flags, {}};
      meta.keywords.assign(entry->keywords.begin(), entry->keywords.end());
      out.emplace_back(std::move(meta));
    }
    if (++count % mark_every == 0) out.emplace_back(mark(seq));
  }
  out.emplace_back(mark(head));
  return out;
}

void DiskFixture::start(std::uint64_t dies_after) {
  cutter = std::make_unique<CuttingWorld>(host);
  cutter->cutting().until = dies_after;
  cutter->cutting().before_read = before_read;
  shelf = std::make_unique<Shelf>(*cutter, places, Bytes(16, 'd'), [this](Arrival a) {
    if (on_arrival) on_arrival(a);
    arrivals.push_back(std::move(a));
  });
  const auto opened = shelf->open();
  ASSERT_TRUE(opened) << opened.error().text << " " << opened.error().cause;
}

std::uint64_t DiskFixture::live() {
  std::uint64_t found = 0;
  EXPECT_TRUE(shelf->with_index([&](Index& index) {
    for (const auto& row : index.views())
      if (row.view == 1 && row.position) found = row.position->live;
  }));
  return found;
}

void DiskFixture::catch_up(const ScriptedLog& log, std::size_t batch) {
  std::vector<e2e::ToDevice> all{log.hello_ack(), log.tree()};
  for (auto& message : log.since(live())) all.push_back(std::move(message));
  for (std::size_t at = 0; at < all.size(); at += batch) {
    std::vector<e2e::ToDevice> some(all.begin() + static_cast<std::ptrdiff_t>(at),
                                    all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), at + batch)));
    const auto done = shelf->apply(std::move(some));
    ASSERT_TRUE(done) << done.error().text << " " << done.error().cause;
  }
}

std::vector<std::string> DiskFixture::mails(const std::string& part) {
  std::vector<std::string> out;
  std::vector<std::string> directories{"/mail"};
  for (const auto& found : *host.files().list("/mail"))
    if (found.directory && found.name.starts_with(".")) directories.push_back("/mail/" + found.name);
  for (const auto& directory : directories) {
    const auto listed = host.files().list(directory + "/" + part);
    if (!listed) continue;
    for (const auto& file : *listed) out.push_back(directory + "/" + part + "/" + file.name);
  }
  return out;
}

void DiskFixture::expect_equal(const ScriptedLog& log) {
  std::map<std::string, const ScriptedLog::Entry*> wanted;
  std::map<Gid, std::string> directories;
  for (const auto& info : log.folders) {
    if (info.kind != Kind::mail) continue;
    auto name = folder_component(info.name);
    for (auto above = info.parent; above != Gid{};) {
      const auto parent = std::ranges::find(log.folders, above, &e2e::FolderInfo::gid);
      if (parent == log.folders.end()) break;
      name = folder_component(parent->name) + "." + name;
      above = parent->parent;
    }
    directories[info.gid] = info.role == Role::inbox ? "/mail" : "/mail/." + name;
    EXPECT_TRUE(host.files().info(directories[info.gid] + "/cur")->has_value()) << "no directory for " << name;
  }
  const std::set<std::string> apart{"/mail/.Conflicts", "/mail/.Unfiled"};
  for (const auto& found : *host.files().list("/mail"))
    if (const auto path = "/mail/" + found.name;
        found.directory && found.name[0] == '.' && !apart.contains(path) && *host.files().info(path + "/cur"))
      EXPECT_EQ(std::ranges::count_if(directories, [&](const auto& each) { return each.second == path; }), 1) << path;
  std::size_t events = 0;
  for (const auto& [number, entry] : log.entries) {
    if (entry.seq_gone != 0) continue;
    if (entry.kind != Kind::mail) {
      ++events;
      EXPECT_EQ(host.files().read("/pim/calendars/Home/uid-" + std::to_string(number) + ".ics").value_or("missing"),
                entry.content);
      continue;
    }
    wanted[gid_text(entry.gid)] = &entry;
  }
  std::map<std::string, int> seen_files;
  for (const char* part : {"new", "cur"})
    for (const auto& path : mails(part)) {
      const auto name = parse_mail_name(path.substr(path.rfind('/') + 1));
      if (!name) continue;
      const auto gid = gid_text(name->gid);
      ++seen_files[gid];
      const auto found = wanted.find(gid);
      ASSERT_NE(found, wanted.end()) << "too much: " << path;
      EXPECT_EQ(*host.files().read(path), found->second->content) << path;
      EXPECT_TRUE(path.starts_with(directories.at(found->second->folder) + "/" + part)) << path;
      const auto marks = flags_of_letters(name->letters.value_or(""));
      EXPECT_EQ(marks & shown_flags, found->second->flags) << path;
      Keywords letters(host.files());
      const auto directory = directory_of(directory_of(path));
      const auto& all = found->second->keywords;
      EXPECT_EQ(letters.words(directory, marks),
                letters.words(directory, letters.marks(directory, 0, {all.begin(), all.end()})))
          << path;
    }
  for (const auto& [gid, entry] : wanted) EXPECT_EQ(seen_files[gid], 1) << "item " << entry->number;
  const auto calendar = host.files().list("/pim/calendars/Home");
  if (calendar) {
    EXPECT_EQ(calendar->size(), events + 1) << "files beside displayname";
  }
  EXPECT_TRUE(mails("tmp").empty());
}

void DiskFixture::expect_sound(const ScriptedLog& log) {
  const auto position = live();
  for (const auto& [number, entry] : log.entries) {
    if (entry.seq() > position || entry.seq_gone != 0 || entry.kind != Kind::mail) continue;
    std::size_t found = 0;
    for (const char* part : {"new", "cur"})
      for (const auto& path : mails(part)) {
        const auto name = parse_mail_name(path.substr(path.rfind('/') + 1));
        if (name && name->gid == entry.gid && *host.files().read(path) == entry.content) ++found;
      }
    EXPECT_EQ(found, 1U) << "item " << number << " is claimed by position " << position;
  }
}

}  // namespace tidegate::device
