// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/items.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

Row row() {
  Row r;
  r.uid = 7;
  r.has_flags = true;
  r.flags = Flag::seen;
  r.size = 100;
  r.received = std::chrono::sys_days(std::chrono::year(2026) / 2 / 1) + std::chrono::hours(10);
  r.message_id = "Message-ID: <a@b>\r\n\r\n";
  return r;
}

TEST(Items, namesComeBack) {
  const auto name = parse_item_id(item_id({"Arch.2025", 12, 4294967295U}));
  ASSERT_TRUE(name);
  EXPECT_EQ(name->folder, "Arch.2025");
  EXPECT_EQ(name->uidvalidity, 12U);
  EXPECT_EQ(name->uid, 4294967295U);
  using namespace std::string_literals;
  for (const std::string& bad : {""s, "INBOX"s, "INBOX\0"s, "INBOX\0001"s, "INBOX\0001.0"s, "INBOX\0001.2x"s,
                                 "\0001.2"s, "INBOX\0001.4294967296"s}) {
    EXPECT_FALSE(parse_item_id(bad)) << bad;
  }
}

TEST(Items, fingerprintSurvivesRenumberingOnly) {
  Row other = row();
  other.uid = 99;
  other.flags = Flag::flagged;
  other.message_id = "MESSAGE-ID:\r\n <a@b>\r\n\r\n";
  EXPECT_EQ(fingerprint(row()), fingerprint(other));
  other.size = 101;
  EXPECT_NE(fingerprint(row()), fingerprint(other));
}

TEST(Items, aBodyIsHandedOnOnlyWhole) {
  Row r = row();
  r.body = std::string(50, 'x');
  const Upsert whole = upsert_of("INBOX", 1, std::move(r), 50);
  ASSERT_TRUE(whole.content);
  EXPECT_EQ(whole.size, 50U) << "the octets that are there, not RFC822.SIZE";
  r = row();
  r.body = std::string(51, 'x');  // one more than asked for: there may be more still
  const Upsert cut = upsert_of("INBOX", 1, std::move(r), 50);
  EXPECT_FALSE(cut.content);
  EXPECT_EQ(cut.size, 100U);
}

TEST(Items, stateRevisionIsTheModseqInFull) {
  Row r = row();
  r.modseq = 9007199254740993ULL;  // IMAP-15
  EXPECT_EQ(upsert_of("INBOX", 1, std::move(r), 0).state_rev, "9007199254740993");
  Row a = row(), b = row();
  b.keywords = {"$Junk"};
  EXPECT_NE(upsert_of("INBOX", 1, std::move(a), 0).state_rev, upsert_of("INBOX", 1, std::move(b), 0).state_rev)
      << "without CONDSTORE flags make the revision";
}

TEST(Items, flagWordsKeepKeywordsHarmless) {
  EXPECT_EQ(flag_words(Flag::seen | Flag::forwarded, {"work", "bad word", "inj\r\nect", "x)"}),
            "\\Seen $Forwarded work");
  EXPECT_EQ(flag_words(0, {}), "");
}

TEST(Items, dateTime) {
  EXPECT_EQ(date_time(row().received), "01-Feb-2026 10:00:00 +0000");
  EXPECT_EQ(date_time(std::chrono::sys_seconds{}), "01-Jan-1970 00:00:00 +0000");
}

TEST(Items, writeNotes) {
  const auto note = parse_write_note(write_note({3, 4294967296ULL}));
  ASSERT_TRUE(note);
  EXPECT_EQ(note->uidnext, 4294967296ULL);
  EXPECT_FALSE(note->print);
  WriteNote moving{3, 4, {}};
  moving.print.emplace();
  moving.print->fill(std::byte{0xa7});
  EXPECT_EQ(parse_write_note(write_note(moving))->print, moving.print);
  EXPECT_EQ(parse_write_note(write_note(moving))->uidnext, 4U);
  for (const char* bad : {"3.4.", "3.4.a7", "3.4.zz", ".", "3", "3.4.5.6"}) EXPECT_FALSE(parse_write_note(bad)) << bad;
  EXPECT_FALSE(parse_write_note("3.0"));
  EXPECT_FALSE(parse_write_note(""));
}

}  // namespace
}  // namespace tidegate::imap
