// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/sasl.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

TEST(Sasl, base64OfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Sasl, theMessagesOfTheirSpecifications) {
  EXPECT_EQ(base64(plain_message({{}, "tim", "tanstaaftanstaaf"})), "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");  // RFC 4616 §4
  // RFC 7628 §4.1.
  EXPECT_EQ(base64(oauthbearer_message({{}, "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", true},
                                       "server.example.com", 143)),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRj"
            "Mk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB");
  // Google's own example.
  EXPECT_EQ(
      base64(xoauth2_message({{}, "someuser@example.com", "vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==", true})),
      "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENnPT0"
      "BAQ==");
  EXPECT_NE(oauthbearer_message({{}, "a=b,c", "t", true}, "h", 1).find("n,a=a=3Db=2Cc,"), std::string::npos);
}

TEST(Sasl, nothingBreaksOutOfItsFrame) {
  EXPECT_FALSE(speakable({{}, std::string("a\0b", 3), "p"}));
  EXPECT_TRUE(speakable({{}, "ann", "p\x01w"}));
  EXPECT_FALSE(speakable({{},
                          "ann\x01"
                          "auth=Bearer x",
                          "t",
                          true}));
}

}  // namespace
}  // namespace tidegate::imap
