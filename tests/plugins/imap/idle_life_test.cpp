// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/idle_life.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// IMAP-03.
TEST(IdleMost, imap03KnownProviders) {
  EXPECT_EQ(idle_most("imap.mail.yahoo.com"), 3min);
  EXPECT_EQ(idle_most("imap.rambler.ru"), 55s);
  EXPECT_EQ(idle_most("mail.example.com"), milliseconds::max());
  EXPECT_EQ(idle_most("notyahoo.com"), milliseconds::max());
}

}  // namespace
}  // namespace tidegate::imap
