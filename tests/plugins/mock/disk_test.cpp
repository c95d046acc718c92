// SPDX-License-Identifier: Apache-2.0
// The mock over a directory: what others do there is told truly, with hints and without.
#include <algorithm>
#include <atomic>

#include "core/sim/real_world.hpp"
#include "tests/plugins/mock/box.hpp"

namespace tidegate::mock {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Heard final : Hints {
  void hint(View mailbox, const Hint& hint) noexcept override {
    for (const auto& scope : hint.scopes) scopes.push_back(std::string(mailbox) + ":" + scope);
    if (hint.all) scopes.push_back(std::string(mailbox) + ":*");
  }
  void lost(View, const Fault& why) noexcept override { scopes.push_back("lost " + why.text); }
  std::vector<std::string> scopes;
};

class Disk : public testing::Test {
 protected:
  void SetUp() override {
    scratch_.user("alice");
    auto backend = make_backend(host_, {{"root", scratch_.path.string()}});
    ASSERT_TRUE(backend) << backend.error().text;
    backend_ = std::move(*backend);
    auto session = backend_->open(call(), {"alice@example.com", "alice@example.com", "alice@example.com"});
    ASSERT_TRUE(session) << session.error().text;
    session_ = std::move(*session);
  }
  Call call() { return {Clock::now() + 60s, {}, 1}; }
  Page page(View scope, View anchor, std::uint32_t limit = 500, std::uint32_t inline_up_to = 0) {
    auto page = session_->changes(call(), scope, anchor, Want{limit, inline_up_to, {}});
    EXPECT_TRUE(page) << page.error().text;
    return page ? std::move(*page) : Page{};
  }
  /// The reactor runs until that word was heard.
  bool hear(const std::string& word) {
    return world_.run_until([&] { return std::ranges::find(heard_.scopes, word) != heard_.scopes.end(); }, 10s);
  }

  Scratch scratch_;
  sim::RealWorld world_;
  Heard heard_;
  plugin::HostImpl host_{world_, "backend:mock", {}, {}};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Session> session_;
};

TEST_F(Disk, WhatOthersDoIsToldWithoutAnyHint) {
  scratch_.deliver("alice", "one", "Message-ID: <1@x>\n\nhello");
  auto now = page("INBOX", "");
  EXPECT_EQ(told(now), (Words{"+INBOX/one 0", "listed"}));
  EXPECT_TRUE(page("INBOX", now.anchor).changes.empty());

  scratch_.deliver("alice", "two", "Message-ID: <2@x>\n\nhello");
  now = page("INBOX", now.anchor);
  EXPECT_EQ(told(now), (Words{"+INBOX/two 0"}));

  const auto inbox = scratch_.path / "alice";
  fs::rename(inbox / "new/one", inbox / "cur/one:2,FS");  // mutt reads and flags it
  now = page("INBOX", now.anchor);
  EXPECT_EQ(told(now), (Words{"+INBOX/one 5"}));

  fs::remove(inbox / "cur/one:2,FS");
  now = page("INBOX", now.anchor);
  EXPECT_EQ(told(now), (Words{"-INBOX/one"}));
  EXPECT_TRUE(page("INBOX", now.anchor).changes.empty());
}

TEST_F(Disk, ContentComesAlongAndSizesAreExact) {
  const std::string octets("Message-ID: <3@x>\r\n\r\nbinary \0\xff", 30);
  scratch_.deliver("alice", "three", octets);
  const auto now = page("INBOX", "", 10, 100);
  const auto& item = std::get<Upsert>(now.changes.at(0));
  EXPECT_EQ(item.size, octets.size());
  ASSERT_TRUE(item.content);
  EXPECT_EQ(*item.content, octets);
  EXPECT_FALSE(std::get<Upsert>(page("INBOX", "", 10, 29).changes.at(0)).content);
}

TEST_F(Disk, AFlagSetBehindItsBackDoesNotLoseTheMail) {
  scratch_.deliver("alice", "four", "x");
  const auto anchor = page("INBOX", "").anchor;
  fs::rename(scratch_.path / "alice/new/four", scratch_.path / "alice/cur/four:2,");
  std::string octets;
  auto read = session_->read(call(), "INBOX/four", {}, [&](Octets some) {
    octets.append(reinterpret_cast<const char*>(some.data()), some.size());
    return true;
  });
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(octets, "x");
  fs::rename(scratch_.path / "alice/cur/four:2,", scratch_.path / "alice/cur/four:2,R");
  auto flags = session_->set_flags(call(), "INBOX/four", FlagDelta{seen, 0, {}, {}});
  ASSERT_TRUE(flags) << flags.error().text;
  EXPECT_TRUE(fs::exists(scratch_.path / "alice/cur/four:2,RS"));
  EXPECT_EQ(told(page("INBOX", anchor)), (Words{"+INBOX/four 3"}));
}

TEST_F(Disk, KeywordsAreLettersOfDovecotsTable) {
  const auto inbox = scratch_.path / "alice";
  std::ofstream(inbox / "dovecot-keywords") << "0 Work\n2 Later\n";
  scratch_.deliver("alice", "one", "Message-ID: <1@x>\n\n", "cur");
  fs::rename(inbox / "cur/one", inbox / "cur/one:2,Sacx");
  auto now = page("INBOX", "");
  EXPECT_EQ(std::get<Upsert>(now.changes.at(0)).keywords, (Words{"Later", "Work"}));
  auto done = session_->set_flags(call(), "INBOX/one", FlagDelta{0, 0, {"New one"}, {"Work", "unheard of"}});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_TRUE(fs::exists(inbox / "cur/one:2,Sbcx")) << "what a letter means to others stays";
  now = page("INBOX", now.anchor);
  EXPECT_EQ(std::get<Upsert>(now.changes.at(0)).keywords, (Words{"Later", "New one"}));
  EXPECT_EQ(std::get<Upsert>(now.changes.at(0)).state_rev, done->state_rev);
  ASSERT_TRUE(session_->set_flags(call(), "INBOX/one", FlagDelta{0, 0, {"New one"}, {}}));
  EXPECT_TRUE(page("INBOX", now.anchor).changes.empty());

  fs::create_directories(inbox / ".Sub/cur");  // a letter means another word there
  std::ofstream(inbox / ".Sub/dovecot-keywords") << "1 Other\n";
  Attempt attempt{"token", {}, {}};
  ASSERT_TRUE(session_->move(call(), "INBOX/one", "INBOX", ".Sub", attempt));
  const auto there = page(".Sub", "");
  EXPECT_EQ(std::get<Upsert>(there.changes.at(0)).keywords, (Words{"Later", "New one"}));

  std::vector<std::string> many;
  for (int n = 0; n < 30; ++n) many.push_back("word" + std::to_string(n));
  auto refused = session_->set_flags(call(), ".Sub/one", FlagDelta{seen, 0, many, {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::unsupported);
  EXPECT_FALSE(session_->set_flags(call(), ".Sub/one", FlagDelta{0, 0, {"two\n5 lines"}, {}}));
}

TEST_F(Disk, AMailIsMadeWithItsKeywords) {
  Attempt attempt{"token", {}, {}};
  const NewItem item{Kind::mail, 1, 0, {"Work"}, {}};
  ASSERT_TRUE(session_->create(call(), "INBOX", item, source_of("x"), attempt));
  EXPECT_EQ(std::get<Upsert>(page("INBOX", "").changes.at(0)).keywords, (Words{"Work"}));
}

TEST_F(Disk, AMailCopiedStraightIntoNewIsToldAgainWhenComplete) {
  std::ofstream(scratch_.path / "alice/new/slow", std::ios::binary) << "Message-ID: <s";
  auto now = page("INBOX", "");
  std::ofstream(scratch_.path / "alice/new/slow", std::ios::binary | std::ios::app) << "@x>\n\nwhole";
  const auto whole = fs::file_size(scratch_.path / "alice/new/slow");
  const auto later = page("INBOX", now.anchor);
  ASSERT_EQ(later.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(later.changes[0]).size, whole);
  EXPECT_NE(std::get<Upsert>(later.changes[0]).content_rev, std::get<Upsert>(now.changes[0]).content_rev);
}

TEST_F(Disk, FoldersOfAllKindsAreFound) {
  for (const auto* box :
       {".Sent/cur", ".Archive/new", ".Archive.2024/cur", "calendars/work", "contacts/default", ".notes"})
    fs::create_directories(scratch_.path / "alice" / box);
  auto tree = page("", "");
  EXPECT_EQ(told(tree), (Words{"folder INBOX", "folder .Archive", "folder .Archive.2024", "folder .Sent",
                               "folder calendars/work", "folder contacts/default", "listed"}));
  EXPECT_EQ(std::get<FolderUpsert>(tree.changes[2]).folder.parent, ".Archive");
  EXPECT_EQ(std::get<FolderUpsert>(tree.changes[2]).folder.name, "2024");
  EXPECT_EQ(std::get<FolderUpsert>(tree.changes[3]).folder.role, Role::sent);
  EXPECT_TRUE(page("", tree.anchor).changes.empty());
  fs::remove_all(scratch_.path / "alice/.Sent");
  EXPECT_EQ(told(page("", tree.anchor)).back(), "listed");
}

TEST_F(Disk, ACalendarsColourIsInAFile) {
  const auto work = scratch_.path / "alice/calendars/work";
  fs::create_directories(work);
  const auto color = [&](const Page& tree) { return std::get<FolderUpsert>(tree.changes[1]).folder.color; };
  auto tree = page("", "");
  EXPECT_EQ(color(tree), "");
  for (const auto* said : {"#ff8800\n", "#00FF00", "red"}) {
    std::ofstream(work / "color") << said;
    const auto now = page("", tree.anchor);
    ASSERT_FALSE(now.changes.empty()) << said;
    EXPECT_EQ(color(now), said[0] == '#' ? std::string(said, 7) : "");
    tree = now;
  }
  auto watch = backend_->watch(heard_);
  watch->add("alice@example.com");
  std::ofstream(work / "color") << "#112233";
  EXPECT_TRUE(hear("alice@example.com:"));
}

TEST_F(Disk, CalendarFilesChangeByTheirOctets) {
  const auto file = scratch_.path / "alice/calendars/work/a.ics";
  fs::create_directories(file.parent_path());
  std::ofstream(file) << "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nEND:VTODO\nEND:VCALENDAR\n";
  std::ofstream(file.parent_path() / "ignored.txt") << "x";
  auto now = page("calendars/work", "");
  ASSERT_EQ(now.changes.size(), 2U);
  const auto first = std::get<Upsert>(now.changes[0]);
  EXPECT_EQ(first.kind, Kind::task);
  // Same size, same second: only the octets tell.
  std::ofstream(file) << "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:2\nEND:VTODO\nEND:VCALENDAR\n";
  now = page("calendars/work", now.anchor);
  ASSERT_EQ(now.changes.size(), 1U);
  EXPECT_NE(std::get<Upsert>(now.changes[0]).content_rev, first.content_rev);
  auto stale = session_->update(call(), first.id, first.content_rev, source_of("x"));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().kind, FaultKind::conflict);
  fs::last_write_time(file, fs::file_time_type::clock::now());  // touched, not changed
  EXPECT_TRUE(page("calendars/work", now.anchor).changes.empty());
}

TEST_F(Disk, DeliveriesAreHintedByInotify) {
  auto watch = backend_->watch(heard_);
  ASSERT_TRUE(watch);
  watch->add("alice@example.com");
  scratch_.deliver("alice", "five", "x");
  EXPECT_TRUE(hear("alice@example.com:INBOX"));
  // A folder that came later is watched too, and what was in it already is not forgotten.
  heard_.scopes.clear();
  fs::create_directories(scratch_.path / "alice/.Later/new");
  EXPECT_TRUE(hear("alice@example.com:*"));
  heard_.scopes.clear();
  std::ofstream(scratch_.path / "alice/.Later/new/six") << "x";
  EXPECT_TRUE(hear("alice@example.com:.Later"));
  // Dropped: quiet, though what happens later elsewhere is heard.
  scratch_.user("bob");
  watch->add("bob");
  watch->drop("alice@example.com");
  heard_.scopes.clear();
  scratch_.deliver("alice", "seven", "x");
  scratch_.deliver("bob", "seven", "x");
  EXPECT_TRUE(hear("bob:INBOX"));
  for (const auto& heard : heard_.scopes) EXPECT_TRUE(heard.starts_with("bob:")) << heard;
}

TEST_F(Disk, RemovalsForgottenExpireTheAnchor) {
  scratch_.deliver("alice", "a", "x");
  const auto anchor = page("INBOX", "").anchor;
  auto wrong = session_->changes(call(), "INBOX", "D 0123 1", Want{});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, FaultKind::anchor_expired);
  // The folder made anew is another one: its numbers mean something else.
  fs::create_directories(scratch_.path / "alice/.X/new");
  const auto old = page(".X", "").anchor;
  fs::remove_all(scratch_.path / "alice/.X");
  EXPECT_EQ(session_->changes(call(), ".X", old, Want{}).error().kind, FaultKind::not_found);
  fs::create_directories(scratch_.path / "alice/.X/new");
  EXPECT_EQ(session_->changes(call(), ".X", old, Want{}).error().kind, FaultKind::anchor_expired);
}

TEST_F(Disk, NamesDoNotLeadOutOfTheUsersDirectory) {
  for (const auto* user : {"../alice", "", ".", "a/b", "nobody"})
    EXPECT_FALSE(backend_->open(call(), {user, user, user})) << user;
  for (const auto* scope : {"../alice", "calendars/../..", "..", ".", "/etc", "calendars/"})
    EXPECT_FALSE(session_->changes(call(), scope, "", Want{})) << scope;
}

}  // namespace
}  // namespace tidegate::mock
