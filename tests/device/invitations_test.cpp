// SPDX-License-Identifier: Apache-2.0
#include "device/invitations.hpp"

#include "core/pim/system_zones.hpp"
#include "device/journal.hpp"
#include "device/queue.hpp"
#include "tests/device/objects_fixture.hpp"

namespace tidegate::device {
namespace {

std::string asked(const std::string& partstat, int sequence, const std::string& more = "",
                  const std::string& start = "20900301T100000Z") {
  return "BEGIN:VEVENT\r\nUID:u@x\r\nSEQUENCE:" + std::to_string(sequence) + "\r\nDTSTART:" + start +
         "\r\nSUMMARY:Plans\r\nLOCATION:Room 1\r\nORGANIZER:mailto:boss@example.com\r\nATTENDEE;PARTSTAT=" + partstat +
         ":mailto:Alice@example.com\r\n" + more + "END:VEVENT\r\n";
}
std::string calendar(const std::string& inside, const std::string& method = "") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\n" + method + inside + "END:VCALENDAR\r\n";
}
std::string mail_with(const std::string& object, const std::string& method = "REQUEST") {
  return "From: boss@example.com\r\nSubject: Plans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
         "Content-Type: text/plain\r\n\r\nCome!\r\n--b\r\nContent-Type: text/calendar; method=" +
         method + "\r\n\r\n" + calendar(object, "METHOD:" + method + "\r\n") + "--b--\r\n";
}

struct Invited : Objects {
  explicit Invited(std::uint64_t seed) : Objects(seed, 0) {}
  void gets(std::uint64_t number, const std::string& content, std::uint64_t folder = 1) {
    log.add(number, content, 0, folder, folder == home ? Kind::event : Kind::mail);
    catch_up(log);
    look();
  }
  Invitations all() {
    Result<Invitations> out;
    EXPECT_TRUE(shelf->with_index([&](Index& index) {
      out = invitations(*cutter, index, places, zones.source(), nullptr, {"36500", {"alice@example.com"}});
    }));
    return out.value_or(Invitations{});
  }
  std::string show(bool every = false) { return invitations_text(all(), every); }
  Result<std::string> answer(const ResponseWish& wish) {
    Result<std::string> out;
    const auto found = all();
    EXPECT_TRUE(shelf->with_index([&](Index& index) { out = respond(*cutter, index, found, wish); }));
    return out;
  }
  std::string refusal(const ResponseWish& wish) {
    const auto done = answer(wish);
    return done ? "done" : done.error().text;
  }
  std::string gid(std::uint64_t number) { return gid_text(log.entries.at(number).gid); }
  pim::SystemZones zones;
};

TEST(Invitations, AreFoundInMailsAndListedUntilTheyAreAnswered) {
  Invited disk(1);
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 1)));
  disk.gets(11, "Subject: none\r\n\r\ntext/calendar is a word\r\n");
  disk.gets(12, mail_with(asked("ACCEPTED", 1), "REPLY"));
  EXPECT_EQ(disk.show(), disk.gid(10) + "  2090-03-01 10:00  Plans, Room 1, by boss@example.com  (open)\n");
  EXPECT_EQ(disk.answer({disk.gid(10), "tentative", "if I may", "alias@example.com"}).value_or("failed"), "Plans");
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  EXPECT_TRUE(disk.show(true).contains("(being answered: TENTATIVE)"));
  EXPECT_EQ(disk.refusal({"u@x", "accept"}), "It is being answered: wait until that is done.");
  ASSERT_TRUE(disk.send());
  ASSERT_EQ(disk.store.carried_out.size(), 1U);
  const auto& command = disk.store.carried_out[0];
  EXPECT_EQ(command.verb, e2e::Verb::respond);
  EXPECT_EQ(command.gid, disk.log.entries.at(10).gid);
  EXPECT_EQ(command.reply, 1U);
  EXPECT_EQ(command.comment, "if I may");
  EXPECT_EQ(command.name, "alias@example.com");
  EXPECT_EQ(command.size, 0U);
  EXPECT_NE(command.received, 0);
  EXPECT_TRUE(disk.show(true).contains("(answered: TENTATIVE)")) << disk.show(true);
  EXPECT_EQ(disk.answer({"u@x", "decline"}).value_or("failed"), "Plans") << "who changed her mind says so";
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.store.carried_out[1].reply, 2U);
  EXPECT_NE(disk.store.carried_out[1].id, disk.store.carried_out[0].id);
}

TEST(Invitations, ARefusalOfTheGatewayIsShown) {
  Invited disk(2);
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 1)));
  disk.store.refuse = [](const e2e::Command&) { return std::optional(FaultKind::denied); };
  EXPECT_TRUE(disk.answer({disk.path(10), "accept"}));
  ASSERT_TRUE(disk.send());
  EXPECT_TRUE(disk.show().contains("(not answered: ACCEPTED)")) << disk.show();
  ASSERT_EQ(disk.notes.size(), 1U);
  EXPECT_TRUE(disk.notes[0].starts_with("Not done: answering an invitation."));
  disk.store.refuse = nullptr;
  EXPECT_TRUE(disk.answer({"u@x", "accept"}));
}

TEST(Invitations, TheNewestRevisionCountsAndWhatTheCalendarSaysOfIt) {
  Invited disk(3);
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 2)));
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 1)));
  EXPECT_EQ(disk.all().found.size(), 1U);
  EXPECT_EQ(disk.all().found[0].sequence, 2);
  disk.gets(20, calendar(asked("ACCEPTED", 1)), Objects::home);
  EXPECT_EQ(disk.all().found[0].state, Invitation::State::open) << "that was the revision before";
  disk.log.body(20, calendar(asked("ACCEPTED", 2)));
  disk.catch_up(disk.log);
  ASSERT_EQ(disk.all().found.size(), 1U);
  EXPECT_EQ(disk.all().found[0].state, Invitation::State::answered);
  EXPECT_EQ(disk.all().found[0].answer, "ACCEPTED");
}

TEST(Invitations, WhatAServerPutIntoTheCalendarCanBeAnsweredThere) {
  Invited disk(4);
  disk.gets(20, calendar(asked("NEEDS-ACTION", 1)), Objects::home);
  const auto found = disk.all().found;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].state, Invitation::State::open);
  EXPECT_EQ(found[0].kind, Kind::event);
  EXPECT_TRUE(disk.answer({"u@x", "accept"}));
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.store.carried_out.at(0).gid, disk.log.entries.at(20).gid);
}

TEST(Invitations, CancellationsProposalsAndWhatIsPast) {
  Invited disk(5);
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 1)));
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 2), "CANCEL"));
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  EXPECT_TRUE(disk.show(true).contains("(cancelled)"));
  EXPECT_EQ(disk.refusal({"u@x", "accept"}), "It was cancelled; there is nothing to answer.");
  disk.gets(12, mail_with(asked("NEEDS-ACTION", 3)));
  EXPECT_TRUE(disk.show().contains("(open)")) << "and invited anew";
  Invited past(6);
  past.gets(10, mail_with(asked("NEEDS-ACTION", 1, "", "20000101T100000Z")));
  EXPECT_TRUE(past.show(true).contains("(over)"));
  past.gets(11, mail_with(asked("NEEDS-ACTION", 2, "RRULE:FREQ=DAILY\r\n", "20000101T100000Z")));
  EXPECT_TRUE(past.show().contains("(open)")) << "a series goes on";
  past.gets(12, mail_with(asked("NEEDS-ACTION", 2), "COUNTER"));
  EXPECT_TRUE(past.show().contains("(proposes another time)"));
}

TEST(Invitations, ACancellationIsAcknowledgedWhileTheCalendarDoesNotSaySo) {
  Invited disk(9);
  disk.gets(20, calendar(asked("ACCEPTED", 1)), Objects::home);
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 2), "CANCEL"));
  EXPECT_EQ(disk.show(),
            disk.gid(11) + "  2090-03-01 10:00  Plans, Room 1, by boss@example.com  (cancelled by its organizer)\n");
  EXPECT_EQ(disk.refusal({disk.gid(11), "accept"}),
            "This needs no answer: acknowledge it, and the calendar says so, too.");
  EXPECT_EQ(disk.answer({"u@x", "acknowledge"}).value_or("failed"), "Plans");
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  EXPECT_TRUE(disk.show(true).contains("(being taken over)")) << disk.show(true);
  ASSERT_TRUE(disk.send());
  ASSERT_EQ(disk.store.carried_out.size(), 1U);
  EXPECT_EQ(disk.store.carried_out[0].verb, e2e::Verb::respond);
  EXPECT_EQ(disk.store.carried_out[0].reply, 3U);
  EXPECT_EQ(disk.store.carried_out[0].gid, disk.log.entries.at(11).gid) << "the message, not the event";
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  disk.log.body(20, calendar(asked("ACCEPTED", 2, "STATUS:CANCELLED\r\n")));
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  EXPECT_TRUE(disk.show(true).contains("(cancelled)")) << disk.show(true);
}

TEST(Invitations, ACancellationOfWhatTheCalendarHasNotOrLaterIsNoNews) {
  Invited disk(10);
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 2), "CANCEL"));
  EXPECT_EQ(disk.show(true), "nothing is to be answered\n") << "it was declined, say";
  disk.gets(20, calendar(asked("ACCEPTED", 3)), Objects::home);
  EXPECT_EQ(disk.show(), "nothing is to be answered\n") << "invited anew since";
  EXPECT_TRUE(disk.answer({disk.gid(11), "acknowledge"})) << "the gateway may know more calendars";
}

/// The calendar names it in its own zone, the message in UTC.
TEST(Invitations, OneInstanceIsCancelled) {
  Invited disk(11);
  const auto zoned = std::string("TZID=Europe/Berlin:20900302T110000");
  auto series = asked("ACCEPTED", 1, "RRULE:FREQ=DAILY\r\n");
  series.replace(series.find("DTSTART:20900301T100000Z"), 24, "DTSTART;TZID=Europe/Berlin:20900301T110000");
  disk.gets(20, calendar(series), Objects::home);
  disk.gets(11,
            mail_with(asked("NEEDS-ACTION", 2, "RECURRENCE-ID:20900302T100000Z\r\n", "20900302T100000Z"), "CANCEL"));
  EXPECT_TRUE(disk.show().contains("2090-03-02 10:00")) << disk.show();
  auto off = asked("ACCEPTED", 2, "STATUS:CANCELLED\r\nRECURRENCE-ID;" + zoned + "\r\n", "x");
  off.replace(off.find("DTSTART:x"), 9, "DTSTART;" + zoned);
  disk.log.body(20, calendar(series + off));
  disk.catch_up(disk.log);
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
}

TEST(Invitations, AnAnswerToOnesOwnMeetingIsAcknowledged) {
  Invited disk(12);
  const auto own = [](const std::string& partstat) {
    return calendar(
        "BEGIN:VEVENT\r\nUID:u@x\r\nSEQUENCE:1\r\nDTSTART:20900301T100000Z\r\nSUMMARY:Mine\r\n"
        "ORGANIZER:mailto:alice@example.com\r\nATTENDEE;PARTSTAT=" +
        partstat + ":mailto:bob@example.com\r\nEND:VEVENT\r\n");
  };
  const auto answer = [](const std::string& who, const std::string& at, const std::string& partstat = "DECLINED") {
    return mail_with("BEGIN:VEVENT\r\nUID:u@x\r\nSEQUENCE:1\r\nDTSTAMP:" + at +
                         "\r\nSUMMARY:Mine\r\nORGANIZER:mailto:alice@example.com\r\nATTENDEE;PARTSTAT=" + partstat +
                         ":mailto:" + who + "@example.com\r\nEND:VEVENT\r\n",
                     "REPLY");
  };
  disk.gets(20, own("NEEDS-ACTION"), Objects::home);
  disk.gets(11, answer("eve", "20260101T000000Z"));
  EXPECT_EQ(disk.show(true), "nothing is to be answered\n") << "who was not asked";
  disk.gets(12, answer("bob", "20260101T000000Z"));
  EXPECT_EQ(disk.show(), disk.gid(12) + "  no time           Mine, by bob@example.com  (answers: DECLINED)\n");
  EXPECT_TRUE(disk.answer({disk.gid(12), "acknowledge"}));
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.store.carried_out.at(0).reply, 3U);
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  EXPECT_TRUE(disk.show(true).contains("(taken over: DECLINED)")) << disk.show(true);
  disk.log.body(20, own("DECLINED"));
  disk.catch_up(disk.log);
  disk.gets(13, answer("bob", "20260102T000000Z", "ACCEPTED"));
  EXPECT_TRUE(disk.show().contains("(answers: ACCEPTED)")) << disk.show() << "who changes his mind is heard again";
}

TEST(Invitations, AnUpdateIsOfferedAgainAfterTheAnswer) {
  Invited disk(13);
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 1)));
  EXPECT_TRUE(disk.answer({"u@x", "accept"}));
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.show(), "nothing is to be answered\n");
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 2)));
  EXPECT_TRUE(disk.show().starts_with(disk.gid(11)) && disk.show().contains("(open)")) << disk.show();
  EXPECT_TRUE(disk.answer({"u@x", "accept"}));
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.store.carried_out.at(1).gid, disk.log.entries.at(11).gid);
}

/// The gateway leaves the invitation in what it sends of a mail (core/push/stub.hpp), and has all of it for the answer.
TEST(Invitations, WhatIsHereOnlyInPartCanBeAnswered) {
  Invited disk(14);
  disk.log.add(10, mail_with(asked("NEEDS-ACTION", 1)) + std::string(100'000, 'x'), 0, 1, Kind::mail);
  auto item = disk.log.item(disk.log.entries.at(10));
  const auto stub = mail_with(asked("NEEDS-ACTION", 1));
  item.first = {e2e::Compression::none, stub.size(), stub};
  item.stub = true;
  disk.tell(item);
  disk.tell(disk.log.mark(disk.log.head));
  disk.look();
  EXPECT_TRUE(disk.show().contains("Plans, Room 1, by boss@example.com  (open)")) << disk.show();
  EXPECT_TRUE(disk.answer({disk.gid(10), "accept"}));
  ASSERT_TRUE(disk.send());
  EXPECT_EQ(disk.store.carried_out.at(0).gid, disk.log.entries.at(10).gid);
}

TEST(Invitations, SaysWhatIsWrong) {
  Invited disk(7);
  disk.gets(10, mail_with(asked("NEEDS-ACTION", 1, "", "TZID=x")));
  EXPECT_TRUE(disk.show().contains("not shown: " + disk.path(10) + ": Line 8: ")) << disk.show();
  EXPECT_TRUE(disk.refusal({disk.gid(10), "accept"}).contains(disk.path(10) + ": Line 8: "));
  EXPECT_TRUE(disk.refusal({"nothing", "accept"}).starts_with("There is no invitation nothing here"));
  disk.gets(11, mail_with(asked("NEEDS-ACTION", 1)));
  EXPECT_EQ(disk.refusal({disk.gid(11), "maybe"}),
            "The answer is accept, decline or tentative; of a cancellation or a guest's answer: acknowledge.");
  EXPECT_TRUE(disk.shelf->with_index([&](Index& index) {
    EXPECT_FALSE(invitations(*disk.cutter, index, disk.places, disk.zones.source(), nullptr, {"0", {}}));
  }));
  const auto json = invitations_json(disk.all(), false);
  EXPECT_TRUE(
      json.contains(R"("uid":"u@x","recurrence_id":"","sequence":1,"title":"Plans","place":"Room 1",)"
                    R"("organizer":"boss@example.com","guest":"","start":"2090-03-01T10:00:00+00:00","state":"open")"))
      << json;
}

/// What is one's own, or nobody's, is no invitation.
TEST(Invitations, OwnMeetingsAreNone) {
  Invited disk(8);
  auto own = mail_with(asked("NEEDS-ACTION", 1));
  own.replace(own.find("boss@example.com\r\nATT"), 16, "ALICE@example.com");
  disk.gets(10, own);
  EXPECT_EQ(disk.show(true), "nothing is to be answered\n");
  auto others = calendar(asked("NEEDS-ACTION", 1));
  others.replace(others.find("Alice@"), 6, "carol@");
  disk.gets(20, others, Objects::home);
  EXPECT_EQ(disk.show(true), "nothing is to be answered\n") << "somebody else is asked, in a calendar of hers";
}

}  // namespace
}  // namespace tidegate::device
