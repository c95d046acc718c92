// SPDX-License-Identifier: Apache-2.0
#include "core/token/command.hpp"

#include <gtest/gtest.h>

namespace tidegate::token {
namespace {

Call within(std::chrono::milliseconds time = std::chrono::seconds(20)) { return {Clock::now() + time, {}, 0}; }

TEST(TokenCommand, whatItPrints) {
  EXPECT_EQ(token_in("abc.def\n3600\n")->text, "abc.def");
  EXPECT_EQ(token_in("abc.def\n3600\n")->good_for, std::chrono::seconds(3600));
  EXPECT_EQ(token_in("abc\r\nsoon")->good_for.count(), 0);
  for (const char* bad : {"", "\n", "two words\n",
                          "a\x01"
                          "b\n"})
    EXPECT_EQ(token_in(bad).error().kind, FaultKind::auth) << bad;
}

TEST(TokenCommand, endsWithItsCall) {
  EXPECT_EQ(run_token_command("echo $TIDEGATE_USER", "ann", within())->text, "ann");
  EXPECT_EQ(run_token_command("echo \"$TIDEGATE_USER\"", "$(id)", within())->text, "$(id)") << "no shell reads names";
  EXPECT_EQ(run_token_command("echo t; exit 3", "ann", within()).error().kind, FaultKind::unavailable);
  EXPECT_EQ(run_token_command("true", "ann", within()).error().kind, FaultKind::auth);
  EXPECT_EQ(run_token_command("yes secret", "ann", within()).error().kind, FaultKind::invalid);
  const auto before = Clock::now();
  const auto late = run_token_command("cat /dev/zero | tail & wait", "ann", within(std::chrono::milliseconds(200)));
  EXPECT_EQ(late.error().kind, FaultKind::cancelled);
  EXPECT_LT(Clock::now() - before, std::chrono::seconds(5)) << "its children are gone as well";
}

}  // namespace
}  // namespace tidegate::token
