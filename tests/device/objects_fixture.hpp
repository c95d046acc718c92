// SPDX-License-Identifier: Apache-2.0
// A Shelf whose vdir is worked on by calendar and address book programs, against a scripted store.
#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/device/comparing.hpp"
#include "tests/device/upward_fixture.hpp"

namespace tidegate::device {

inline std::string event(const std::string& uid, const std::string& summary) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\nSUMMARY:" + summary +
         "\r\nDTSTART:20260101T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}
inline std::string card(const std::string& uid, const std::string& name) {
  return "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:" + uid + "\r\nFN:" + name + "\r\nEND:VCARD\r\n";
}

struct Objects : Upward {
  static constexpr std::uint64_t home = 4, team = 5, people = 6;  ///< folders
  /// Events 1 to `events` with UIDs uid-N in Home, one card in People.
  explicit Objects(std::uint64_t seed, int events = 3) : Upward(seed, 0) {
    for (int n = 1; n <= events; ++n)
      log.add(static_cast<std::uint64_t>(n), event("uid-" + std::to_string(n), "as it was"), 0, home, Kind::event);
    log.add(50, card("uid-50", "Bob"), 0, people, Kind::contact);
    catch_up(log);
    look();
  }
  static std::string directory(std::uint64_t folder) {
    return folder == people ? "/pim/contacts/People" : folder == team ? "/pim/calendars/Team" : "/pim/calendars/Home";
  }
  static std::string file(int number) { return directory(home) + "/uid-" + std::to_string(number) + ".ics"; }
  sim::Files& files() { return host.files(); }
  /// As khal, khard and todoman write: another file, renamed over it. Durable, as far as the program cares.
  void save(const std::string& path, const std::string& octets) {
    const auto draft = directory_of(path) + "/tmp" + std::to_string(++drafts);
    ASSERT_TRUE(files().create(draft, octets));
    ASSERT_TRUE(files().sync(draft));
    ASSERT_TRUE(files().rename(draft, path));
    ASSERT_TRUE(files().sync_directory(directory_of(path)));
  }
  std::string read(const std::string& path) { return files().read(path).value_or("nothing"); }
  /// What is in that directory, without what is there for people.
  std::multiset<std::string> objects(const std::string& path) {
    std::multiset<std::string> out;
    const auto listed = files().list(path);
    if (!listed) return out;
    for (const auto& each : *listed)
      if (!each.directory && each.name != "displayname" && each.name != "color")
        out.insert(read(path + "/" + each.name));
    return out;
  }
  std::multiset<std::string> aside() { return objects("/pim/Conflicts"); }
  const ScriptedLog::Entry* in_store(const std::string& uid) const {
    for (const auto& [number, entry] : log.entries)
      if (entry.seq_gone == 0 && entry.content.find("UID:" + uid + "\r\n") != Bytes::npos) return &entry;
    return nullptr;
  }
  /// Up, down and, where it was asked for, compared, until nothing is left to do; then files = store.
  void converge_objects() {
    for (int turn = 0; turn < 6; ++turn) {
      settle();
      ASSERT_TRUE(send());
      catch_up(log);
      if (wished()) compare(*this, log);
    }
    EXPECT_EQ(settle(), 0U) << "what was sent, or came, is taken for a change";
    EXPECT_EQ(waiting(), 0U);
    EXPECT_FALSE(wished()) << "compares without an end";
    expect_equal_objects();
  }
  bool wished() {
    std::uint64_t wish = 0;
    EXPECT_TRUE(shelf->with_index([&](Index& index) { wish = index.compare_wish(1); }));
    return wish != 0;
  }
  void expect_equal_objects() {
    std::map<std::string, std::multiset<std::string>> wanted;
    for (const auto& [number, entry] : log.entries)
      if (entry.seq_gone == 0)
        for (const auto folder : {home, team, people})
          if (entry.folder == gid_of(1000 + folder)) wanted[directory(folder)].insert(entry.content);
    for (const auto folder : {home, team, people}) EXPECT_EQ(objects(directory(folder)), wanted[directory(folder)]);
    EXPECT_TRUE(files().list("/pim/.tmp")->empty());
    for (const auto& each : *files().list("/state/outbox")) ADD_FAILURE() << "left behind: " << each.name;
  }
  int drafts = 0;
};

}  // namespace tidegate::device
