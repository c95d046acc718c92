// SPDX-License-Identifier: Apache-2.0
// The mock in memory, its script and its faults, on virtual time.
#include "plugins/mock/memory.hpp"

#include <malloc.h>

#include "core/sim/virtual_world.hpp"
#include "plugins/mock/content.hpp"
#include "plugins/mock/paging.hpp"
#include "plugins/mock/script.hpp"
#include "tests/plugins/mock/box.hpp"

namespace tidegate::mock {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Counted final : Hints {
  void hint(View, const Hint&) noexcept override { ++hints; }
  void lost(View, const Fault&) noexcept override {}
  int hints = 0;
};

class Memory : public testing::Test {
 protected:
  void begin(std::map<std::string, std::string> settings, const std::string& script = {}) {
    settings["mode"] = "memory";
    if (!script.empty()) {
      std::ofstream(scratch_.path / "script") << script;
      settings["script"] = (scratch_.path / "script").string();
    }
    auto backend = make_backend(host_, settings);
    ASSERT_TRUE(backend) << backend.error().where << backend.error().text;
    backend_ = std::move(*backend);
  }
  std::unique_ptr<Session> open(const std::string& user) {
    auto session = backend_->open(call(), {user, user, user});
    EXPECT_TRUE(session) << session.error().text;
    return session ? std::move(*session) : nullptr;
  }
  Call call() { return {world_.now() + 60s, {}, 1}; }

  Scratch scratch_;
  sim::VirtualWorld world_{3};
  std::vector<std::string> said_;
  plugin::HostImpl host_{
      world_.host("h"), "backend:m", {}, [this](int, std::string_view line) { said_.emplace_back(line); }};
  std::unique_ptr<Backend> backend_;
};

TEST_F(Memory, MadeUpMailIsExactAndAlwaysTheSame) {
  begin({{"users", "3"}, {"items", "5"}, {"item_size", "700"}});
  auto session = open("user2@example.com");
  auto page = session->changes(call(), "INBOX", "", Want{3, 700, {}});
  ASSERT_TRUE(page);
  EXPECT_EQ(told(*page), (Words{"+INBOX/m4 0", "+INBOX/m3 0", "+INBOX/m2 0"}));
  for (const auto& change : page->changes) EXPECT_EQ(std::get<Upsert>(change).content->size(), 700U);
  const auto again = made_message("user2", "INBOX", 4, 700, std::get<Upsert>(page->changes[0]).received);
  EXPECT_EQ(*std::get<Upsert>(page->changes[0]).content, again);
  EXPECT_EQ(mail_fingerprint(again, std::get<Upsert>(page->changes[0]).received, 700),
            std::get<Upsert>(page->changes[0]).fingerprint);
  EXPECT_FALSE(backend_->open(call(), {"user3", "user3", "user3"}));
}

TEST_F(Memory, TenThousandUsersWeighLittle) {
  begin({{"users", "10000"}, {"items", "10"}});
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.reserve(10'000);
  const auto before = ::mallinfo2().uordblks;
  for (int i = 0; i < 10'000; ++i) sessions.push_back(open("user" + std::to_string(i)));
  const auto each = (::mallinfo2().uordblks - before) / 10'000;  // a sanitizer's allocator says 0
  EXPECT_LT(each, 1024U) << "octets a user with an open session";
  auto page = sessions[9'999]->changes(call(), "INBOX", "", Want{});
  EXPECT_EQ(page->changes.size(), 11U);
}

TEST_F(Memory, ARateMakesMailOnVirtualTime) {
  begin({{"users", "2"}, {"items", "0"}, {"rate", "100"}});
  Counted hints;
  auto watch = backend_->watch(hints);
  watch->add("user0");
  watch->add("user1");
  world_.run_for(10s);
  auto page = open("user0")->changes(call(), "INBOX", "", Want{10'000, 0, {}});
  EXPECT_NEAR(static_cast<double>(page->changes.size()), 501, 3);
  EXPECT_GT(hints.hints, 100);
  watch.reset();
  const auto before = hints.hints;
  world_.run_for(1s);
  EXPECT_EQ(hints.hints, before) << "no hint after the watch is gone";
}

TEST_F(Memory, AScriptRunsOnTime) {
  std::ofstream(scratch_.path / "sample.eml") << "Message-ID: <s@x>\n\nsample";
  begin({{"items", "2"}},
        "; a comment\nat 2s add user0 INBOX sample.eml\nat 3s flag user0 INBOX newest +seen\n"
        "at 4s remove user0 INBOX oldest   # gone\nevery 1s x3 add user1 INBOX\nat 5s add nobody INBOX\n");
  auto session = open("user0");
  auto anchor = session->changes(call(), "INBOX", "", Want{})->anchor;
  const auto next = [&] {
    auto page = session->changes(call(), "INBOX", anchor, Want{});
    anchor = page->anchor;
    return *page;
  };
  world_.run_for(1900ms);
  EXPECT_TRUE(next().changes.empty());
  world_.run_for(200ms);
  auto page = next();
  ASSERT_EQ(page.changes.size(), 1U);
  EXPECT_EQ(std::get<Upsert>(page.changes[0]).size, 25U);
  world_.run_for(1s);
  page = next();
  EXPECT_EQ(std::get<Upsert>(page.changes.at(0)).flags, seen);
  world_.run_for(1s);
  EXPECT_EQ(told(next()), (Words{"-INBOX/m0"}));
  EXPECT_EQ(open("user1")->changes(call(), "INBOX", "", Want{})->changes.size(), 2U + 3 + 1);
  world_.run_for(5s);
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_TRUE(said_[0].contains("line 6 came to nothing")) << said_[0];
}

TEST_F(Memory, KeywordsAreKeptThroughMoves) {
  begin({}, "");
  auto session = open("user0");
  const auto words = [&](View folder, View id) {
    auto page = session->changes(call(), folder, "", Want{});
    for (const auto& change : page->changes)
      if (const auto* item = std::get_if<Upsert>(&change); item != nullptr && item->id == id) return item->keywords;
    return Words{"it is not there"};
  };
  auto done = session->set_flags(call(), "INBOX/m1", FlagDelta{0, 0, {"b", "a", "b"}, {}});
  ASSERT_TRUE(done) << done.error().text;
  EXPECT_EQ(words("INBOX", "INBOX/m1"), (Words{"a", "b"}));
  const auto anchor = session->changes(call(), "INBOX", "", Want{})->anchor;
  ASSERT_TRUE(session->set_flags(call(), "INBOX/m1", FlagDelta{0, 0, {"a"}, {"unheard of"}}));
  EXPECT_TRUE(session->changes(call(), "INBOX", anchor, Want{})->changes.empty());
  ASSERT_TRUE(session->set_flags(call(), "INBOX/m1", FlagDelta{0, 0, {}, {"b"}}));
  Attempt attempt{"token", {}, {}};
  auto moved = session->move(call(), "INBOX/m1", "INBOX", ".Archive", attempt);
  ASSERT_TRUE(moved) << moved.error().text;
  EXPECT_EQ(words(".Archive", moved->id), Words{"a"});
  auto made = session->create(call(), "INBOX", NewItem{Kind::mail, 1, 0, {"c"}, {}}, source_of("x"), attempt);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(words("INBOX", made->id), Words{"c"});
}

TEST_F(Memory, ScriptedFaultsAreCountedOff) {
  begin({}, "at 1s fault changes throttled 500ms x2\nat 2s anchor_expired once\nat 3s lose hints 10s\n");
  auto session = open("user0");
  const auto kind = [&] {
    auto page = session->changes(call(), "INBOX", "", Want{});
    return page ? std::string("fine") : std::string(to_string(page.error().kind));
  };
  EXPECT_EQ(kind(), "fine");
  world_.run_for(1100ms);
  auto page = session->changes(call(), "INBOX", "", Want{});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().retry_after, 500ms);
  EXPECT_EQ(kind(), "throttled");
  EXPECT_EQ(kind(), "fine");
  world_.run_for(1s);
  EXPECT_EQ(kind(), "anchor expired");
  EXPECT_EQ(kind(), "fine");
  Counted hints;
  auto watch = backend_->watch(hints);
  watch->add("user0");
  world_.run_for(1s);
  Attempt attempt{"token", {}, {}};
  ASSERT_TRUE(session->create(call(), "INBOX", NewItem{Kind::mail, 1, 0, {}, {}}, source_of("x"), attempt));
  EXPECT_EQ(hints.hints, 0) << "the script loses this hint";
  world_.run_for(11s);
  attempt.token = "other";
  ASSERT_TRUE(session->create(call(), "INBOX", NewItem{Kind::mail, 1, 0, {}, {}}, source_of("x"), attempt));
  EXPECT_EQ(hints.hints, 1);
}

TEST(Script, FaultsNameTheLine) {
  const char* wrong[] = {"add alice INBOX",       "at soon add a INBOX",   "at 1s frob",
                         "at 1s fault changes x", "at 1s fault frob auth", "at 1s slow read",
                         "at 1s lose sight 1s",   "at 1s flag a INBOX x",  "at 1s flag a INBOX x +odd",
                         "every 0s x3 add a b",   "every 1s add a b",      "at 1s remove a INBOX",
                         "at 1s add a b c d"};
  for (const auto* line : wrong) {
    auto steps = parse_script("s", std::string("\n\n") + line + "\n");
    ASSERT_FALSE(steps) << line;
    EXPECT_EQ(steps.error().where, "s:3") << line;
  }
  EXPECT_EQ(parse_script("s", "at 1s fault any quota x9 ; c\n# c\n\nat 1m add a b\n")->size(), 2U);
}

TEST(Settings, WrongOnesNameTheirKey) {
  sim::VirtualWorld world(1);
  plugin::HostImpl host(world.host("h"), "backend:m", {}, {});
  const auto text = [&](const std::map<std::string, std::string>& given) {
    auto backend = make_backend(host, given);
    return backend ? std::string("fine") : backend.error().text;
  };
  EXPECT_TRUE(text({}).starts_with("root must be given"));
  EXPECT_TRUE(text({{"mode", "cloud"}}).starts_with("mode must be"));
  EXPECT_TRUE(text({{"mode", "memory"}, {"item_size", "10"}}).starts_with("item_size must be"));
  EXPECT_TRUE(text({{"mode", "memory"}, {"script", "/nonexistent/x"}}).starts_with("script must be"));
  EXPECT_EQ(text({{"mode", "memory"}}), "fine");
}

TEST(Content, NamesAndFlagsOfMaildir) {
  const auto name = parse_name("123.M4P5.host,S=7:2,FSab");
  EXPECT_EQ(name.base, "123.M4P5.host,S=7");
  EXPECT_EQ(name.flags, unsigned{flagged | seen});
  EXPECT_EQ(name.other, "ab");
  EXPECT_EQ(suffix(name.flags | answered, name.other), ":2,FRSab");
  EXPECT_EQ(parse_name("plain").flags, 0U);
  EXPECT_EQ(suffix(0, ""), ":2,");
}

TEST(Content, HeadersFoldAndEnd) {
  EXPECT_EQ(header("message-id :\r\n <a@b>\r\nX: y\r\n\r\nMessage-ID: <no>", "Message-ID"), "<a@b>");
  EXPECT_EQ(header("X: y\n\nMessage-ID: <no>", "Message-ID"), "");
  EXPECT_EQ(header("", "Message-ID"), "");
}

TEST(Content, FingerprintsSurviveWhatTheyMust) {
  const std::chrono::sys_seconds when{1h};
  EXPECT_EQ(mail_fingerprint("Message-ID: <1>\n\nx", when, 9), mail_fingerprint("X: y\nMessage-ID: <1>\n\nz", when, 9));
  EXPECT_NE(mail_fingerprint("Message-ID: <1>\n\nx", when, 9), mail_fingerprint("Message-ID: <1>\n\nx", when, 8));
  EXPECT_EQ(pim_fingerprint("UID:a\n b\nX:1"), pim_fingerprint("X:2\nuid;VALUE=text:ab\n"));
  EXPECT_NE(pim_fingerprint("UID:a"), pim_fingerprint("UID:b"));
}

TEST(Anchor, SurvivesItsText) {
  const Anchor at{"beef", 12, true, 9, Place{std::chrono::sys_seconds{-5s}, "name with blanks"}};
  const auto back = decode_anchor(encode(at));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->number, 12U);
  EXPECT_EQ(back->start, 9U);
  EXPECT_EQ(back->below->received, at.below->received);
  EXPECT_EQ(back->below->name, at.below->name);
  for (const auto* wrong : {"", "D", "D x", "D x y", "L x 1", "L x 1 2 z", "Q x 1", "D x 1 2"})
    EXPECT_FALSE(decode_anchor(wrong)) << wrong;
}

}  // namespace
}  // namespace tidegate::mock
