// SPDX-License-Identifier: Apache-2.0
// The plugin against a real Dovecot.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#endif

#include "tests/plugins/imap/dovecot/on_dovecot.hpp"

namespace tidegate::imap {
namespace {

TEST_F(OnDovecot, threeWaysToLogIn) {
  EXPECT_TRUE(open("ann"));
  EXPECT_TRUE(open("ann", {{"auth", "master"}}));
  const std::string passwords = server->directory() + "/passwords";
  host.passwords = {{"password/ann", "pw-ann"}, {"password/bob", "wrong"}};
  EXPECT_TRUE(open("ann", {{"auth", "password_dir"}, {"password_dir", passwords}}));
  EXPECT_TRUE(open("ann@example.com", {{"login", "local"}}));
  const auto wrong = open("bob", {{"auth", "password_dir"}, {"password_dir", passwords}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind, FaultKind::auth);
  const auto missing = open("eve", {{"auth", "password_dir"}, {"password_dir", passwords}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, FaultKind::auth);
}

TEST_F(OnDovecot, wrongPasswordUserAndCertificate) {
  host.password = "not-it";
  auto refused = open("ann");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::auth);
  EXPECT_EQ((refused.error().text + refused.error().cause + refused.error().where).find("not-it"), std::string::npos);
  host.password = "pw-gateway";
  EXPECT_EQ(open("nobody").error().kind, FaultKind::auth);
  const auto foreign = open("ann", {{"ca_file", server->foreign_ca_file()}});
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, FaultKind::denied) << foreign.error().text;
  const auto other_name = open("ann", {{"host", "ip6-localhost"}});
  ASSERT_FALSE(other_name) << "a certificate for another name";
  const auto plain_port = open("ann", {{"port", std::to_string(server->imap())}});
  ASSERT_FALSE(plain_port);
  EXPECT_EQ(plain_port.error().kind, FaultKind::invalid) << plain_port.error().text;
}

TEST_F(OnDovecot, starttlsAndPlaintext) {
  EXPECT_TRUE(open("ann", {{"tls", "starttls"}, {"port", std::to_string(server->imap())}}));
  EXPECT_EQ(
      open("ann",
           {{"tls", "starttls"}, {"port", std::to_string(server->imap())}, {"ca_file", server->foreign_ca_file()}})
          .error()
          .kind,
      FaultKind::denied);
  EXPECT_EQ(open("ann", {{"tls", "none"}, {"port", std::to_string(server->imap())}}).error().where, "tls")
      << "refused before it connects";
  EXPECT_TRUE(open("ann", {{"tls", "none"}, {"allow_plaintext", "yes"}, {"port", std::to_string(server->imap())}}));
}

TEST_F(OnDovecot, foldersInSeveralLanguages) {
  auto session = open("bob");
  ASSERT_TRUE(session) << session.error().text;
  Attempt attempt;
  for (const char* name : {"Rechnungen für März", "Отчёты", "请求", "R&D", "quote\"back\\slash", "🎉"}) {
    Folder like{};
    like.name = name;
    const auto made = (*session)->make_folder(within(), like, attempt);
    ASSERT_TRUE(made) << made.error().cause;
    EXPECT_EQ((*session)->make_folder(within(), like, attempt)->id, made->id) << "a repeat finds its own";
  }
  Folder child{};
  child.name = "2025";
  child.parent = "INBOX";
  Replica replica;
  EXPECT_EQ(replica.follow(**session, ""), 1);
  EXPECT_EQ(replica.listed, 1);
  for (const char* name : {"Rechnungen für März", "Отчёты", "请求", "R&D", "quote\"back\\slash", "🎉"}) {
    const auto found = std::ranges::find_if(replica.folders, [&](const auto& f) { return f.second.name == name; });
    ASSERT_NE(found, replica.folders.end()) << name;
    Replica inside;
    inside.follow(**session, found->second.scope);
    EXPECT_EQ(inside.listed, 1) << name;
  }
  EXPECT_EQ(replica.folders.at("INBOX").role, Role::inbox);
  EXPECT_EQ(replica.folders.at("Sent").role, Role::sent);
  EXPECT_EQ(replica.folders.at("Trash").role, Role::trash);
  const auto same = (*session)->changes(within(), "", replica.anchor, {});
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->changes.empty());
  Folder renamed = std::ranges::find_if(replica.folders, [](const auto& f) { return f.second.name == "R&D"; })->second;
  renamed.name = "R&E";
  const auto moved = (*session)->change_folder(within(), renamed);
  ASSERT_TRUE(moved) << moved.error().cause;
  ASSERT_TRUE((*session)->remove_folder(within(), moved->id));
  EXPECT_EQ((*session)->changes(within(), moved->id, "", {}).error().kind, FaultKind::not_found);
}

// Laws 1 and 2.
TEST_F(OnDovecot, listsAThousandNewestFirstWithLiveMailBetween) {
  auto session = open("cat");
  ASSERT_TRUE(session);
  append("cat", "INBOX", 0, 1000);
  auto other = open("cat");
  Replica replica;
  Want want;
  want.limit = 100;
  auto first = (*session)->changes(within(), "INBOX", "", want);
  ASSERT_TRUE(first) << first.error().text << first.error().cause;
  EXPECT_EQ(first->changes.size(), 100U);
  EXPECT_TRUE(first->more);
  replica.replay(std::move(*first));
  EXPECT_EQ(parse_item_id(replica.order.front())->uid, 1000U) << "newest first";
  server->deliver("cat", mail(5000));
  // Another connection takes over in the middle, as after a crash; the new mail is served before the rest.
  auto second = (*other)->changes(within(), "INBOX", replica.anchor, want);
  ASSERT_TRUE(second);
  ASSERT_FALSE(second->changes.empty());
  EXPECT_EQ(parse_item_id(std::get<Upsert>(second->changes.front()).id)->uid, 1001U);
  replica.replay(std::move(*second));
  server->doveadm("expunge -u cat mailbox INBOX uid 1:10");     // not told yet
  server->doveadm("expunge -u cat mailbox INBOX uid 990:991");  // told already
  server->doveadm("flags add -u cat '\\Flagged' mailbox INBOX uid 995");
  replica.follow(**session, "INBOX", want);
  EXPECT_EQ(replica.items.size(), 1001U - 12U);
  EXPECT_EQ(replica.listed, 1);
  const auto flagged =
      std::ranges::count_if(replica.items, [](const auto& i) { return (i.second.flags & Flag::flagged) != 0; });
  EXPECT_EQ(flagged, 1);
  const auto nothing = (*session)->changes(within(), "INBOX", replica.anchor, want);
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->changes.empty());
  EXPECT_FALSE(nothing->more);
}

TEST_F(OnDovecot, aDeliveryWakesTheParkedConnection) {
  auto session = open("dan");
  ASSERT_TRUE(session);
  Replica replica;
  Want want;
  want.inline_up_to = 64 * 1024;
  replica.follow(**session, "INBOX", want);
  for (int i = 0; i < 3; ++i) {
    auto parking = (*session)->park(within());
    ASSERT_TRUE(parking) << parking.error().text;
    server->deliver("dan", mail(i, "dots\r\n.\r\n..\r\nend\r\n"));
    ASSERT_TRUE(wakes(*parking));
    auto hint = (*session)->unpark(within());
    ASSERT_TRUE(hint) << hint.error().cause;
    ASSERT_EQ(hint->scopes, std::vector<Bytes>{"INBOX"});
    auto page = (*session)->changes(within(), "INBOX", replica.anchor, want);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->changes.size(), 1U);
    const Upsert& item = std::get<Upsert>(page->changes[0]);
    ASSERT_TRUE(item.content);
    EXPECT_TRUE(item.content->ends_with(mail(i, "dots\r\n.\r\n..\r\nend\r\n")));
    EXPECT_EQ(item.flags & Flag::seen, 0U);
    replica.replay(std::move(*page));
    replica.follow(**session, "INBOX", want);
    EXPECT_EQ(replica.upserts, i + 1) << "nothing is told twice";
  }
  // A flag set elsewhere while parked.
  auto parking = (*session)->park(within());
  ASSERT_TRUE(parking);
  server->doveadm("flags add -u dan '\\Seen \\Flagged work' mailbox INBOX uid 2");
  ASSERT_TRUE(wakes(*parking));
  ASSERT_TRUE((*session)->unpark(within()));
  replica.follow(**session, "INBOX", want);
  const Upsert& touched = replica.items.at(replica.order[1]);
  EXPECT_EQ(touched.flags, Flag::seen | Flag::flagged);
  EXPECT_EQ(touched.keywords, std::vector<std::string>{"work"});
  // An expunge while parked.
  parking = (*session)->park(within());
  server->doveadm("expunge -u dan mailbox INBOX uid 1");
  ASSERT_TRUE(wakes(*parking));
  ASSERT_TRUE((*session)->unpark(within()));
  replica.follow(**session, "INBOX", want);
  EXPECT_EQ(replica.removed, 1);
  EXPECT_EQ(replica.items.size(), 2U);
  // IMAP-20, a swap: one goes, one comes, the count stays.
  parking = (*session)->park(within());
  server->doveadm("expunge -u dan mailbox INBOX uid 2");
  server->deliver("dan", mail(9));
  ASSERT_TRUE(wakes(*parking));
  ASSERT_TRUE((*session)->unpark(within()));
  replica.follow(**session, "INBOX", want);
  EXPECT_EQ(replica.removed, 2);
  EXPECT_EQ(replica.items.size(), 2U);
}

TEST_F(OnDovecot, otherFoldersArePolledBesideTheParkedInbox) {
  auto session = open("eve");
  ASSERT_TRUE(session);
  Replica inbox, sent;
  inbox.follow(**session, "INBOX");
  sent.follow(**session, "Sent");
  ASSERT_TRUE((*session)->park(within()));
  append("eve", "Sent", 0, 3);
  sent.follow(**session, "Sent");
  EXPECT_EQ(sent.items.size(), 3U);
  server->deliver("eve", mail(1));  // while Sent is selected: nobody tells us
  auto parking = (*session)->park(within());
  ASSERT_TRUE(parking);
  if (parking->wake_by > Clock::now()) ASSERT_TRUE(wakes(*parking));
  auto hint = (*session)->unpark(within());
  ASSERT_TRUE(hint);
  EXPECT_EQ(hint->scopes, std::vector<Bytes>{"INBOX"});
  inbox.follow(**session, "INBOX");
  EXPECT_EQ(inbox.items.size(), 1U);
}

TEST_F(OnDovecot, renumberingExpiresAnchorsAndNames) {
  auto session = open("fay");
  ASSERT_TRUE(session);
  append("fay", "INBOX", 0, 2);
  Replica replica;
  replica.follow(**session, "INBOX");
  const auto old = replica.items;
  session->reset();
  server->doveadm("mailbox update -u fay --uid-validity 424242 INBOX");
  session = open("fay");
  ASSERT_TRUE(session);
  EXPECT_EQ((*session)->changes(within(), "INBOX", replica.anchor, {}).error().kind, FaultKind::anchor_expired);
  EXPECT_EQ((*session)->read(within(), old.begin()->first, {}, [](Octets) { return true; }).error().kind,
            FaultKind::anchor_expired)
      << "it may be there under another number";
  EXPECT_EQ((*session)->remove(within(), old.begin()->first, "INBOX", "1").error().kind, FaultKind::not_found);
  Replica again;
  again.follow(**session, "INBOX");
  ASSERT_EQ(again.items.size(), 2U);
  auto before = old.begin();
  for (const auto& [id, item] : again.items) {
    EXPECT_NE(id, before->first);
    EXPECT_EQ(item.fingerprint, before->second.fingerprint) << "the core matches by this";
    ++before;
  }
}

// Laws 5, 6: read back to the octet; a repeated create takes effect once.
TEST_F(OnDovecot, createReadRepeatMoveRemove) {
  auto session = open("gus");
  ASSERT_TRUE(session);
  const std::string odd =
      "Subject: \x80\xff broken \x01\r\nMessage-ID: <odd@test>\r\n\r\nbare\nnewline, {5}\r\n)\r\n* 1 EXISTS\r\n\r\n";
  Bytes noted;
  Attempt first;
  first.before = [&](View note) -> Result<void> { return noted = note, Result<void>{}; };
  auto written = create(**session, "INBOX", odd, std::move(first));
  ASSERT_TRUE(written) << written.error().text << written.error().cause;
  EXPECT_FALSE(noted.empty());
  std::string back;
  auto read = (*session)->read(within(), written->id, {}, [&](Octets part) {
    back.append(reinterpret_cast<const char*>(part.data()), part.size());
    return true;
  });
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(*read, back.size());
  EXPECT_TRUE(back == odd || back.size() == odd.size() + 1) << "a bare LF may be stored as CRLF by the server";
  Attempt repeat;
  repeat.note = noted;
  if (back == odd) {
    auto again = create(**session, "INBOX", odd, std::move(repeat));
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->id, written->id);
  }
  const std::string plain = mail(77);
  Attempt second;
  second.before = [&](View note) -> Result<void> { return noted = note, Result<void>{}; };
  auto other = create(**session, "INBOX", plain, std::move(second));
  Attempt once_more;
  once_more.note = noted;
  EXPECT_EQ(create(**session, "INBOX", plain, std::move(once_more))->id, other->id);
  // Ranges.
  std::string part;
  auto ranged = (*session)->read(within(), other->id, {5, 7}, [&](Octets octets) {
    part.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    return true;
  });
  ASSERT_TRUE(ranged);
  EXPECT_EQ(part, plain.substr(5, 7));
  // Flags.
  auto flagged = (*session)->set_flags(within(), other->id,
                                       FlagDelta{Flag::flagged | Flag::forwarded, Flag::seen, {"todo"}, {"label"}});
  ASSERT_TRUE(flagged) << flagged.error().text;
  Replica replica;
  replica.follow(**session, "INBOX");
  EXPECT_EQ(replica.items.at(other->id).flags, Flag::flagged | Flag::forwarded);
  EXPECT_EQ(replica.items.at(other->id).keywords, std::vector<std::string>{"todo"});
  // Move, remove.
  Attempt moving;
  auto moved = (*session)->move(within(), other->id, "INBOX", "Trash", moving);
  ASSERT_TRUE(moved) << moved.error().text;
  EXPECT_EQ(parse_item_id(moved->id)->folder, "Trash");
  ASSERT_TRUE((*session)->remove(within(), moved->id, "Trash", "1"));
  EXPECT_EQ((*session)->read(within(), moved->id, {}, [](Octets) { return true; }).error().kind, FaultKind::not_found);
  EXPECT_EQ((*session)->set_flags(within(), moved->id, FlagDelta{Flag::seen, 0, {}, {}}).error().kind,
            FaultKind::not_found);
  replica.follow(**session, "INBOX");
  EXPECT_EQ(replica.items.size(), 1U);
}

std::uint64_t resident_kib() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * 4;
}

/// What the process holds of its heap; a sanitizer keeps what was freed for long.
std::uint64_t held_kib() {
#if __has_feature(address_sanitizer)
  return __sanitizer_get_current_allocated_bytes() / 1024;
#else
  return resident_kib();
#endif
}

TEST_F(OnDovecot, aBigBodyIsStreamed) {
  auto session = open("ann");
  ASSERT_TRUE(session);
  std::string line(76, 'x');
  std::string body;
  for (int i = 0; body.size() < 20U * 1024 * 1024; ++i) body += fmt::format("{:06}{}\r\n", i, line);
  auto written = create(**session, "INBOX", mail(1, body));
  ASSERT_TRUE(written) << written.error().text;
  const std::uint64_t before = held_kib();
  std::uint64_t chunks = 0, octets = 0, peak = 0;
  std::size_t longest = 0;
  auto read = (*session)->read(within(), written->id, {}, [&](Octets part) {
    longest = std::max(longest, part.size());
    octets += part.size();
    if (++chunks % 50 == 0) peak = std::max(peak, held_kib());
    return true;
  });
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(octets, mail(1, body).size());
  EXPECT_LE(longest, 256U * 1024);
  EXPECT_LT(peak - std::min(peak, before), 4096U) << "KiB more while 20 MiB went through";
  RecordProperty("chunks", static_cast<int>(chunks));
}

// Law 2: whatever order changes and calls come in, replaying the pages gives the server's present state.
TEST_F(OnDovecot, anyInterleavingEndsInThePresentState) {
  auto watcher = open("fay"), actor = open("fay");
  ASSERT_TRUE(watcher && actor);
  std::mt19937 random(20260201);
  Replica replica;
  Want want;
  want.limit = 7;
  want.inline_up_to = 100;
  std::vector<Bytes> alive;
  int number = 10'000;
  for (int step = 0; step < 250; ++step) {
    switch (random() % 6) {
      case 0:
      case 1: {
        auto made = create(**actor, "Junk", mail(++number, std::string(random() % 200, 'z')));
        ASSERT_TRUE(made) << made.error().text;
        alive.push_back(made->id);
        break;
      }
      case 2: {
        if (alive.empty()) break;
        const auto at = alive.begin() + static_cast<std::ptrdiff_t>(random() % alive.size());
        ASSERT_TRUE((*actor)->remove(within(), *at, "Junk", "1"));
        alive.erase(at);
        break;
      }
      case 3: {
        if (alive.empty()) break;
        FlagDelta delta;
        (random() % 2 == 0 ? delta.add : delta.clear) = Flag::flagged | Flag::answered;
        ASSERT_TRUE((*actor)->set_flags(within(), alive[random() % alive.size()], delta));
        break;
      }
      case 4: {  // a page is lost, as when the core dies before it commits
        ASSERT_TRUE((*watcher)->changes(within(), "Junk", replica.anchor, want));
        break;
      }
      default: {
        auto page = (*watcher)->changes(within(), "Junk", replica.anchor, want);
        ASSERT_TRUE(page) << page.error().text << page.error().cause;
        replica.replay(std::move(*page));
        if (random() % 5 == 0) watcher = open("fay");
        ASSERT_TRUE(watcher);
      }
    }
  }
  replica.follow(**watcher, "Junk", want);
  Replica listed;
  auto fresh = open("fay");
  listed.follow(**fresh, "Junk");
  ASSERT_EQ(replica.items.size(), listed.items.size());
  EXPECT_EQ(listed.items.size(), alive.size());
  for (const auto& [id, item] : listed.items) {
    ASSERT_TRUE(replica.items.contains(id));
    EXPECT_EQ(replica.items.at(id).flags, item.flags) << item.state_rev;
    EXPECT_EQ(replica.items.at(id).state_rev, item.state_rev);
    EXPECT_EQ(replica.items.at(id).fingerprint, item.fingerprint);
  }
}

// What an idle user costs in this process: plugin, libetpan and OpenSSL together.
TEST_F(OnDovecot, anIdleSessionOverTlsIsSmall) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's own memory would be measured";
#endif
#endif
  append("gus", "INBOX", 100, 150);
  auto settings = parse_settings(Values{{"host", "localhost"},
                                        {"port", std::to_string(server->imaps())},
                                        {"ca_file", server->ca_file()},
                                        {"admin", "gateway"}});
  ASSERT_TRUE(settings);
  ImapBackend backend(host, *settings);
  std::vector<std::unique_ptr<Session>> sessions;
  const auto more = [&](int how_many) {
    for (int i = 0; i < how_many; ++i) {
      auto session = backend.open(within(), Mailbox{"gus", "", ""});
      ASSERT_TRUE(session) << session.error().text;
      Replica replica;  // a back-fill with bodies before the rest begins
      Want want;
      want.inline_up_to = 64 * 1024;
      replica.follow(**session, "INBOX", want);
      ASSERT_TRUE((*session)->park(within()));
      sessions.push_back(std::move(*session));
    }
  };
  more(20);
  const std::uint64_t before = resident_kib();
  more(60);
  const double each = static_cast<double>(resident_kib() - before) / 60;
  std::cout << "KiB an idle session: " << each << '\n';
  RecordProperty("kib_per_session", std::to_string(each));
  EXPECT_LT(each, 30.0);
}

}  // namespace
}  // namespace tidegate::imap
