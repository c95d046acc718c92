// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/stub_mark.hpp"

#include <gtest/gtest.h>

#include "core/e2e/gid_text.hpp"

namespace tidegate::e2e {
namespace {

Gid gid(unsigned n) {
  Gid made{};
  for (auto& octet : made) octet = static_cast<std::byte>(n = n * 131 + 7);
  return made;
}

TEST(StubMark, IsFoundAtTheBeginningOfALineOnly) {
  for (unsigned n = 0; n < 50; ++n) {
    EXPECT_EQ(stub_gid(stub_mark(gid(n))), gid(n));
    EXPECT_EQ(stub_gid("a\r\n" + stub_mark(gid(n)) + "\r\nb"), gid(n));
    EXPECT_EQ(stub_gid("a\n" + stub_mark_base64(gid(n)) + "\nb"), gid(n));
  }
  EXPECT_FALSE(stub_gid("> " + stub_mark(gid(1)))) << "an answer may quote it";
  EXPECT_FALSE(stub_gid(""));
  EXPECT_FALSE(stub_gid("X-Tidegate-Stub: "));
  EXPECT_FALSE(stub_gid("X-Tidegate-Stub: nothing that is a gid, of all things"));
  EXPECT_FALSE(stub_gid(stub_mark_base64(gid(1)).substr(0, 40)));
  EXPECT_EQ(stub_gid("X-Tidegate-Stub: what?\n" + stub_mark(gid(4))), gid(4));
  EXPECT_EQ(stub_gids(stub_mark(gid(1)) + "\n" + stub_mark_base64(gid(2)) + "\n" + stub_mark(gid(3))),
            (std::vector{gid(1), gid(3), gid(2)}));
  Bytes many;
  for (unsigned n = 0; n < 1000; ++n) many += stub_mark(gid(n)) + "\n";
  EXPECT_EQ(stub_gids(many).size(), stub_gids_most);
}

TEST(StubMark, Base64ByTable) {  // RFC 4648 §10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
  EXPECT_EQ(stub_mark_base64(gid(3)).find('='), Bytes::npos) << "more may follow it";
}

}  // namespace
}  // namespace tidegate::e2e
