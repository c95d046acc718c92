// SPDX-License-Identifier: Apache-2.0
#include "device/search.hpp"

#include "device/charsets.hpp"
#include "device/item_text.hpp"
#include "tests/device/objects_fixture.hpp"

namespace tidegate::device {
namespace {

TEST(ItemText, ReadsEveryTextPartInItsEncoding) {
  const std::string mail =
      "Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\nFrom: \"Bob\" <bob@example.com>\r\nTo: alice@example.com\r\n"
      "Content-Type: multipart/mixed;\r\n boundary=\"outer\"\r\n\r\nnobody reads this\r\n--outer\r\n"
      "Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n"
      "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
      "a long=\r\n word, caf=E9\r\n--inner\r\nContent-Type: text/html; charset=utf-8\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nPHA+aW4gPGI+SFRNTDwvYj48L3A+\r\n--inner--\r\n--outer\r\n"
      "Content-Type: application/pdf; name=\"=?utf-8?Q?pl=C3=A4ne.pdf?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      "c2VjcmV0\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: forwarded\r\n\r\ninner "
      "body\r\n--outer--\r\n";
  const auto text = read_mail_text(mail);
  EXPECT_EQ(text.title, "Grüße");
  for (const char* there : {"Grüße", "bob@example.com", "alice@example.com", "a long word, café", "in", "HTML",
                            "pläne.pdf", "forwarded", "inner body"})
    EXPECT_NE(text.words.find(there), std::string::npos) << there << "\n" << text.words;
  for (const char* not_there : {"secret", "nobody reads this", "<b>", "c2VjcmV0"})
    EXPECT_EQ(text.words.find(not_there), std::string::npos) << not_there;
}

TEST(ItemText, ReadsTheValuesOfObjects) {
  const auto read = read_object_text(
      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\nSUMMARY:Lunch\\, late\r\nLOCATION;LANGUAGE=en:The o\r\n ld inn\r\n"
      "ATTENDEE;CN=Eve Adams:mailto:eve@example.com\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
      Kind::event);
  EXPECT_EQ(read.title, "Lunch, late");
  EXPECT_EQ(read.who, "The old inn");
  EXPECT_NE(read.words.find("Eve Adams"), std::string::npos);
  EXPECT_EQ(read.words.find("FREQ"), std::string::npos);
  EXPECT_EQ(read.words.find("SUMMARY"), std::string::npos);
  const auto contact = read_object_text(
      "BEGIN:VCARD\nFN:Bob\nitem1.EMAIL:bob@example.com\nPHOTO:AAAAtestAAAA\nNOTE:a\\nb\nEND:VCARD\n", Kind::contact);
  EXPECT_EQ(contact.title, "Bob");
  EXPECT_EQ(contact.who, "bob@example.com");
  EXPECT_EQ(contact.words.find("test"), std::string::npos);
}

TEST(ItemText, HostileMailsTakeNoTime) {
  std::string deep = "Subject: x\r\n";
  for (int n = 0; n < 2000; ++n)
    deep +=
        "Content-Type: multipart/mixed; boundary=b" + std::to_string(n) + "\r\n\r\n--b" + std::to_string(n) + "\r\n";
  EXPECT_EQ(read_mail_text(deep).title, "x");
  const std::string open = "Content-Type: multipart/mixed; boundary=\"b\r\n\r\n--b\r\n\r\nx";
  EXPECT_EQ(read_mail_text(open).title, "");
  std::string tags = "Content-Type: text/html\r\n\r\n" + std::string(1'000'000, '<');
  EXPECT_EQ(read_mail_text(tags).title, "");
  EXPECT_EQ(read_object_text(std::string(1'000'000, '\n'), Kind::event).title, "");
}

TEST(Charsets, FoldingKnowsMoreThanAscii) {
  EXPECT_EQ(folded("GRÜSSE ΑΒΓ ПРИВЕТ ŠĐŻ × ẞ"), "grüsse αβγ привет šđż × ẞ");
}

struct Searching : Objects {
  explicit Searching(std::uint64_t seed) : Objects(seed) {
    log.add(20, "Subject: Budget\r\nFrom: eve@example.com\r\n\r\nThe ÜBERSICHT is attached.\r\n");
    log.add(21, "Subject: old\r\n\r\nbudget of last year\r\n", seen, 2);
    catch_up(log);
  }
  SearchResult find(SearchWish wish) {
    SearchResult out;
    EXPECT_TRUE(shelf->with_index([&](Index& index) {
      auto found = search(files(), index, places, wish);
      EXPECT_TRUE(found) << found.error().text;
      if (found) out = std::move(*found);
    }));
    return out;
  }
  std::vector<std::string> titles(SearchWish wish) {
    std::vector<std::string> out;
    for (const auto& hit : find(std::move(wish)).hits) out.push_back(hit.title);
    return out;
  }
};
using Titles = std::vector<std::string>;

TEST(Search, AllWordsMustBeThereNewestFirst) {
  Searching disk(1);
  EXPECT_EQ(disk.titles({.words = {"budget"}}), (Titles{"old", "Budget"}));
  EXPECT_EQ(disk.titles({.words = {"BUDGET", "übersicht"}}), Titles{"Budget"});
  EXPECT_EQ(disk.titles({.words = {"budget", "nowhere"}}), Titles{});
  EXPECT_EQ(disk.titles({.words = {"budget"}, .folder = "Work"}), Titles{"old"});
  const auto one = disk.find({.words = {"budget"}, .most = 1});
  EXPECT_EQ(one.hits.size(), 1U);
  EXPECT_TRUE(one.more);
  EXPECT_FALSE(disk.find({.words = {"budget"}, .most = 2}).more);
}

TEST(Search, KindsAndWhatIsNotInTheIndexYet) {
  Searching disk(2);
  EXPECT_EQ(disk.titles({.words = {"as it was"}}).size(), 3U);
  EXPECT_EQ(disk.titles({.words = {"bob"}, .kind = "contact"}), Titles{"Bob"});
  EXPECT_EQ(disk.titles({.words = {"bob"}, .kind = "event"}), Titles{});
  disk.save(Objects::directory(Objects::team) + "/new.ics", event("new", "Just made"));
  const auto found = disk.find({.words = {"just made"}, .kind = "event"});
  ASSERT_EQ(found.hits.size(), 1U);
  EXPECT_EQ(found.hits[0].gid, "");
  EXPECT_EQ(found.hits[0].folder, "Team");
  disk.rename(disk.path(20), "/mail/cur/" + last_of(disk.path(20)) + ":2,FS");
  EXPECT_EQ(disk.titles({.words = {"übersicht"}}), Titles{"Budget"});
  EXPECT_NE(search_text(found).find("event  Team  Just made"), std::string::npos) << search_text(found);
  EXPECT_NE(search_json(found).find(R"("kind":"event","folder":"Team","title":"Just made")"), std::string::npos);
  EXPECT_TRUE(disk.shelf->with_index([&](Index& index) {
    EXPECT_FALSE(search(disk.files(), index, disk.places, {.words = {"x"}, .kind = "mails"}));
    EXPECT_FALSE(search(disk.files(), index, disk.places, {.words = {"x"}, .folder = "Nowhere"}));
  }));
}

}  // namespace
}  // namespace tidegate::device
