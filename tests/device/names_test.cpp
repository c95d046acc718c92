// SPDX-License-Identifier: Apache-2.0
#include "device/names.hpp"

#include <random>

#include <gtest/gtest.h>

namespace tidegate::device {
namespace {

Gid some_gid(std::uint32_t seed) {
  std::mt19937 dice(seed);
  Gid gid;
  for (auto& octet : gid) octet = static_cast<std::byte>(dice());
  return gid;
}

TEST(Names, GidsComeBack) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const auto text = gid_text(some_gid(seed));
    EXPECT_EQ(text.size(), 26U);
    EXPECT_EQ(gid_from_text(text), some_gid(seed));
  }
  EXPECT_EQ(gid_text(Gid{}), std::string(26, 'a'));
  EXPECT_FALSE(gid_from_text("short"));
  EXPECT_FALSE(gid_from_text(std::string(26, '1')));
  EXPECT_FALSE(gid_from_text(std::string(25, 'a') + "b"));  // bits beyond the 128
}

TEST(Names, MailNames) {
  const auto base = mail_base(some_gid(1), 1234);
  EXPECT_EQ(mail_name(base, 0), "new/" + base);
  EXPECT_EQ(mail_name(base, seen | answered | draft), "cur/" + base + ":2,DRS");
  const auto read = parse_mail_name(base + ":2,FSa");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->gid, some_gid(1));
  EXPECT_EQ(read->size, 1234U);
  EXPECT_EQ(read->base, base);
  EXPECT_EQ(read->letters, "FSa");
  EXPECT_EQ(flags_of_letters(*read->letters), flagged | seen | 1U << letter_shift);
  EXPECT_EQ(flag_letters(flagged | 1U << letter_shift | 1U << 31), "Faz");
  EXPECT_FALSE(parse_mail_name(base)->letters);
  for (const char* foreign : {"", "1700000000.M1P2.host", "1700000000.M1P2.host,S=12:2,S", ":2,S", ",S=3"})
    EXPECT_FALSE(parse_mail_name(foreign)) << foreign;
  EXPECT_FALSE(parse_mail_name(gid_text(some_gid(1)) + ",S=12x"));
  EXPECT_FALSE(parse_mail_name(gid_text(some_gid(1)) + ",S="));
  EXPECT_FALSE(parse_mail_name(gid_text(some_gid(1)) + ",S=99999999999999999999999"));
}

TEST(Names, FlagsMergeThreeWays) {
  EXPECT_EQ(merge_flags(0, 0, seen), static_cast<std::uint32_t>(seen));
  EXPECT_EQ(merge_flags(0, seen, flagged), static_cast<std::uint32_t>(seen | flagged));  // read here, flagged there
  EXPECT_EQ(merge_flags(seen, 0, seen), 0U);                                             // marked unread here
  EXPECT_EQ(merge_flags(seen | flagged, seen, seen | flagged | answered), static_cast<std::uint32_t>(seen | answered));
}

TEST(Names, FolderComponentsAreHarmless) {
  EXPECT_EQ(folder_component("Entwürfe"), "Entwürfe");
  EXPECT_EQ(folder_component("v1.2/x"), "v1%2E2%2Fx");
  EXPECT_EQ(folder_component(".."), "%2E%2E");
  EXPECT_EQ(folder_component("100%"), "100%25");
  EXPECT_EQ(folder_component("a\nb"), "a%0Ab");
  EXPECT_EQ(folder_component(""), "%");
}

TEST(Names, VdirNamesAreTheUidWhereThatIsHarmless) {
  const auto gid = some_gid(2);
  EXPECT_EQ(vdir_name(gid, Kind::event, "BEGIN:VCALENDAR\r\nUID:abc-1@x\r\n"), "abc-1@x.ics");
  EXPECT_EQ(vdir_name(gid, Kind::contact, "BEGIN:VCARD\nUID;VALUE=text:one\n two\nFN:x\n"), "onetwo.vcf");
  for (const char* bad :
       {"UID:../../etc/passwd\n", "UID:.hidden\n", "UID:a/b\n", "UID:\n", "SUMMARY:none\n", "UID:a b\n"})
    EXPECT_EQ(vdir_name(gid, Kind::event, bad), gid_text(gid) + ".ics") << bad;
  EXPECT_EQ(vdir_name(gid, Kind::event, "UID:" + std::string(300, 'x') + "\n"), gid_text(gid) + ".ics");
}

}  // namespace
}  // namespace tidegate::device
