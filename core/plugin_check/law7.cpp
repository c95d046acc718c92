// SPDX-License-Identifier: Apache-2.0
// Law 7: faults have the right kind; transient and permanent are never confused; public text and private cause are
// apart.
#include <algorithm>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law7 : public Law {
 protected:
  void one_sentence(const Fault& fault) {
    EXPECT_FALSE(fault.text.empty()) << "a fault without a word";
    EXPECT_EQ(fault.text.find_first_of("\r\n"), std::string::npos) << "more than one line: " << fault.text;
    EXPECT_LE(fault.text.size(), 400U) << "more than a sentence: " << fault.text;
    for (const auto* secret : {"password=", "Message-ID:", "Authorization:", "AUTH PLAIN"})
      EXPECT_FALSE(fault.text.contains(secret)) << "private matter in a public text: " << fault.text;
  }
  void is(const Fault& fault, std::initializer_list<FaultKind> kinds) {
    EXPECT_TRUE(std::ranges::find(kinds, fault.kind) != kinds.end())
        << "the kind is " << to_string(fault.kind) << ": " << fault.text;
    one_sentence(fault);
  }
  static const std::vector<Bytes>& odd_ids() {
    static const std::vector<Bytes> ids{Bytes("no such thing"), Bytes("../../../../etc/passwd"),
                                        Bytes("INBOX/../../x"), Bytes("\0\1\2\xff", 4),
                                        Bytes(4000, 'x'),       Bytes("a\r\nb")};
    return ids;
  }
};

TEST_F(Law7, UnknownItemsAreNotFound) {
  for (const auto& id : odd_ids()) {
    SCOPED_TRACE(shown(id));
    auto read = session_->read(call(), id, {}, [](Octets) { return true; });
    ASSERT_FALSE(read);
    is(read.error(), {FaultKind::not_found, FaultKind::invalid});
    if (can(can_set_flags)) {
      auto flags = session_->set_flags(call(), id, FlagDelta{seen, 0, {}, {}});
      ASSERT_FALSE(flags);
      is(flags.error(), {FaultKind::not_found, FaultKind::invalid});
    }
    if (can(can_remove)) {
      auto gone = session_->remove(call(), id, {}, {});
      ASSERT_FALSE(gone);
      is(gone.error(), {FaultKind::not_found, FaultKind::invalid});
    }
  }
}

TEST_F(Law7, UnknownFoldersAreNotFound) {
  for (const auto& id : odd_ids()) {
    SCOPED_TRACE(shown(id));
    auto page = session_->changes(call(), id, {}, Want{});
    ASSERT_FALSE(page);
    // Unsupported: a name that no folder of this server can ever have.
    is(page.error(), {FaultKind::not_found, FaultKind::invalid, FaultKind::unsupported});
    if (!can(can_create)) continue;
    Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
    auto made = session_->create(call(), id, NewItem{Kind::mail, 4, 0, {}, {}}, source_of("x\r\n\r"), attempt);
    ASSERT_FALSE(made);
    is(made.error(), {FaultKind::not_found, FaultKind::invalid, FaultKind::unsupported});
  }
}

TEST_F(Law7, UnknownUsersAreRefusedForGood) {
  for (const auto* name : {"nobody-of-that-name-here", "../..", "", "a/b"}) {
    const std::string user = name;
    SCOPED_TRACE(user);
    auto session = subject().backend().open(call(), {user, user, user});
    if (session) {  // a lazy connection may find out at its first verb
      auto page = (*session)->changes(call(), {}, {}, Want{});
      ASSERT_FALSE(page) << "a user nobody knows has folders";
      is(page.error(), {FaultKind::not_found, FaultKind::auth, FaultKind::denied, FaultKind::invalid});
    } else {
      is(session.error(), {FaultKind::not_found, FaultKind::auth, FaultKind::denied, FaultKind::invalid});
    }
  }
}

TEST_F(Law7, VerbsNotOfferedAreUnsupported) {
  const auto want_unsupported = [&](Verb verb, const char* name, auto&& work) {
    if (can(verb)) return;
    SCOPED_TRACE(name);
    auto result = work();
    ASSERT_FALSE(result) << "not among the capabilities, and works?";
    EXPECT_EQ(result.error().kind, FaultKind::unsupported) << result.error().text;
  };
  Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
  auto& session = *session_;
  want_unsupported(can_create, "create", [&] {
    return session.create(call(), "x", NewItem{Kind::mail, 1, 0, {}, {}}, source_of("x"), attempt);
  });
  want_unsupported(can_update, "update", [&] { return session.update(call(), "x", "y", source_of("x")); });
  want_unsupported(can_set_flags, "set_flags", [&] { return session.set_flags(call(), "x", {}); });
  want_unsupported(can_move, "move", [&] { return session.move(call(), "x", "y", "z", attempt); });
  want_unsupported(can_remove, "remove", [&] { return session.remove(call(), "x", "y", {}); });
  want_unsupported(can_make_folder, "make_folder", [&] { return session.make_folder(call(), Folder{}, attempt); });
  want_unsupported(can_change_folder, "change_folder", [&] { return session.change_folder(call(), Folder{}); });
  want_unsupported(can_remove_folder, "remove_folder", [&] { return session.remove_folder(call(), "x"); });
  want_unsupported(can_send, "send", [&] { return session.send(call(), Envelope{}, source_of("x"), {}, attempt); });
  want_unsupported(can_respond, "respond", [&] { return session.respond(call(), "x", Reply{}, attempt); });
  want_unsupported(can_search, "search", [&] { return session.search(call(), "x", "y", {}); });
  want_unsupported(can_resolve, "resolve", [&] { return session.resolve(call(), "x", 10); });
  if (!can_.parks) {
    auto parked = session.park(call());
    ASSERT_FALSE(parked);
    EXPECT_EQ(parked.error().kind, FaultKind::unsupported);
  }
}

TEST_F(Law7, ARemovedItemIsNotFoundAndNotTransient) {
  NEEDS(can_create, "create()");
  NEEDS(can_remove, "remove()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto id = put(*session_, folder, mail(71));
  ASSERT_TRUE(session_->remove(call(), id, folder, {}));
  auto read = session_->read(call(), id, {}, [](Octets) { return true; });
  ASSERT_FALSE(read);
  is(read.error(), {FaultKind::not_found});
  auto gone = session_->remove(call(), id, folder, {});
  ASSERT_FALSE(gone);
  is(gone.error(), {FaultKind::not_found});
}

}  // namespace
}  // namespace tidegate::check
