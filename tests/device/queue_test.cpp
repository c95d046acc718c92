// SPDX-License-Identifier: Apache-2.0
// Spooled mails, the queue and the holds as a person sees and decides them.
#include "device/queue.hpp"

#include "device/display.hpp"
#include "tests/device/scripted_store.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

struct Queue : testing::Test {
  void SetUp() override { disk.catch_up(log); }
  void spool_one(const std::string& to, std::size_t size = 0) {
    Letter letter{{to, "b@example.net"}, "To: " + to + "\r\n\r\nhello\r\n"};
    while (letter.content.size() < size) letter.content += "more\r\n";
    const auto done = spool(disk.host, "/state", letter);
    ASSERT_TRUE(done) << done.error().text;
  }
  std::size_t look() {
    const auto done = disk.shelf->scan({});
    EXPECT_TRUE(done) << done.error().text;
    return done ? done->commands : 0;
  }
  void send() {
    UploadCursor cursor;
    for (bool more = true; more;) {
      const auto step = disk.shelf->upload(cursor, unanswered_limit);
      ASSERT_TRUE(step);
      for (const auto& message : step->messages)
        for (auto& answer : store.hear(message)) {
          std::vector<e2e::ToDevice> one{std::move(answer)};
          const auto done = disk.shelf->apply(std::move(one));
          ASSERT_TRUE(done);
          for (const auto& said : done->answers) (void)store.hear(said);
        }
      cursor = step->cursor;
      more = step->more && !step->blocked;
    }
  }
  template <class Work>
  void index(Work work) {
    const auto done = disk.shelf->with_index(work);
    ASSERT_TRUE(done) << done.error().text;
  }
  std::vector<CommandRow> entries() {
    std::vector<CommandRow> out;
    index([&](Index& i) { out = Journal(i.database()).list(100); });
    return out;
  }
  std::size_t spooled() { return disk.host.files().list("/state/outbox")->size(); }

  DiskFixture disk{1};
  ScriptedLog log;
  ScriptedStore store{log};
};

TEST_F(Queue, ASpooledMailIsSentOnceAndItsFileGoesWithTheResult) {
  spool_one("a@example.net");
  disk.world.run_for(1ms);
  spool_one("c@example.net", 500'000);
  EXPECT_EQ(look(), 2U);
  EXPECT_EQ(look(), 0U) << "journaled once";
  disk.host.kill([&] { disk.end(); });
  disk.start();
  EXPECT_EQ(look(), 0U);
  send();
  ASSERT_EQ(store.sent_mail.size(), 2U);
  EXPECT_EQ(store.sent_mail[0], "To: a@example.net\r\n\r\nhello\r\n");
  EXPECT_GE(store.sent_mail[1].size(), 500'000U);
  EXPECT_EQ(store.carried_out[0].recipients, (std::vector<std::string>{"a@example.net", "b@example.net"}));
  EXPECT_EQ(spooled(), 0U);
  EXPECT_TRUE(entries().empty());
}

TEST_F(Queue, AMailWhoseFateIsUnknownIsShownAndSentAgainOnlyWhenAsked) {
  store.refuse = [](const e2e::Command&) { return FaultKind::ambiguous; };
  spool_one("a@example.net");
  look();
  send();
  ASSERT_EQ(entries().size(), 1U);
  EXPECT_EQ(entries()[0].state, CommandRow::State::unknown);
  EXPECT_EQ(spooled(), 1U) << "never lost";
  disk.host.kill([&] { disk.end(); });
  disk.start();
  look();
  send();
  EXPECT_EQ(store.carried_out.size(), 1U) << "never by itself";
  store.refuse = nullptr;
  index([&](Index& i) {
    EXPECT_NE(queue_text(i).find("may have been sent"), std::string::npos);
    EXPECT_EQ(repeat_entry(disk.host, i, 99).error().kind, FaultKind::not_found);
    EXPECT_TRUE(repeat_entry(disk.host, i, 1));
  });
  EXPECT_EQ(look(), 0U);
  send();
  ASSERT_EQ(store.carried_out.size(), 2U);
  EXPECT_NE(store.carried_out[0].id, store.carried_out[1].id);
  EXPECT_EQ(spooled(), 0U);
}

TEST_F(Queue, DroppingForgetsOnlyWhatCanBeForgotten) {
  spool_one("a@example.net");
  look();
  index([&](Index& i) { EXPECT_TRUE(drop_entry(disk.host.files(), i, 1)); });
  EXPECT_EQ(spooled(), 0U);
  EXPECT_EQ(look(), 0U);
  spool_one("b@example.net");
  look();
  store.mute = true;
  send();
  index([&](Index& i) { EXPECT_EQ(drop_entry(disk.host.files(), i, 2).error().kind, FaultKind::denied); });
}

TEST_F(Queue, ADiscardedHoldBringsTheItemsAgain) {
  for (std::uint64_t n = 1; n <= 30; ++n) log.add(n, "Subject: " + std::to_string(n) + "\r\n\r\nx\r\n");
  disk.catch_up(log);
  for (const auto& path : disk.mails("new")) ASSERT_TRUE(disk.host.files().remove(path));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(look(), 0U);
    disk.world.run_for(2100ms);
  }
  index([&](Index& i) {
    EXPECT_NE(holds_text(i).find("30 messages are missing in INBOX"), std::string::npos);
    EXPECT_TRUE(discard_hold(i, 1));
    EXPECT_EQ(i.wanted_compares(), std::vector<std::uint64_t>{1});
    EXPECT_EQ(holds_text(i), "nothing is on hold\n");
  });
  auto asked = disk.shelf->scan({});
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->asks.size(), 1U);
  ASSERT_TRUE(disk.shelf->apply(log.since(0)));
  disk.expect_equal(log);
}

/// A sender that dies at any step has not been told "queued", or the mail is there whole.
TEST(Spool, IsWholeOrNotThere) {
  for (std::uint64_t step = 0;; ++step) {
    DiskFixture disk(200 + step);
    ScriptedLog log;
    disk.catch_up(log);
    disk.cutter->cutting().until = step;
    bool told = false;
    try {
      told = spool(*disk.cutter, "/state", {{"a@example.net"}, "x\r\n\r\ny\r\n"}).has_value();
    } catch (const Cut&) {
    }
    disk.host.power_cut([&] { disk.end(); });
    disk.start();
    const auto looked = disk.shelf->scan({});
    ASSERT_TRUE(looked);
    if (told) {
      EXPECT_EQ(looked->commands, 1U);
      return;
    }
    EXPECT_LE(looked->commands, 1U);
    ASSERT_LT(step, 20U);
  }
}

}  // namespace
}  // namespace tidegate::device
