// SPDX-License-Identifier: Apache-2.0
#include "core/config/site.hpp"

#include <gtest/gtest.h>

namespace tidegate::config {
namespace {

Result<Sites> sites(std::string_view text) {
  auto ini = parse_ini("t.ini", text);
  EXPECT_TRUE(ini) << ini.error().text;
  return Sites::read(*ini);
}

constexpr std::string_view two =
    "[backend:m]\nplugin = mock\n[backend:d]\nplugin = mock\n"
    "[site:all]\nusers = *\nmail = m\n"
    "[site:hq]\nusers = *@example.com *@example.org\nmail = m\ncalendar = d\ncontacts = d\n"
    "[site:boss]\nusers = boss@example.com\nmail = d\nnotes = m\n";

TEST(Site, TheMostSpecificPatternWins) {
  auto all = sites(two);
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(all->of("boss@example.com")->site->name, "boss");
  EXPECT_EQ(all->of("Boss@Example.COM")->site->name, "boss");
  EXPECT_EQ(all->of("alice@example.org")->site->name, "hq");
  EXPECT_EQ(all->of("alice@elsewhere.net")->site->name, "all");
  EXPECT_EQ(all->of("alice@example.org")->pattern, "*@example.org");
  const auto& parts = all->of("alice@example.com")->site->backends;
  EXPECT_EQ(parts.at(Part::mail), "m");
  EXPECT_EQ(parts.at(Part::calendar), "d");
  EXPECT_FALSE(parts.contains(Part::tasks));
  const auto& boss = all->of("boss@example.com")->site->backends;
  EXPECT_EQ(boss.at(Part::notes), "m");
  EXPECT_EQ(boss.size(), 2U);
}

TEST(Site, NobodysUserIsNotFoundAndTheFileNamed) {
  auto all = sites("[backend:m]\nplugin=x\n[site:a]\nusers = a@*\nmail = m\n");
  ASSERT_TRUE(all);
  auto chosen = all->of("bob@example.com");
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().kind, FaultKind::not_found);
  EXPECT_TRUE(chosen.error().text.contains("t.ini"));
}

TEST(Site, FaultsNameFileAndLine) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"[backend:mail]\n[site:a]\nusers = *\nmail = mial\n", "t.ini:4", "did you mean mail?"},
      {"[site:a]\nusers = *\n", "t.ini:1", "serves nothing"},
      {"[site]\nusers = *\n", "t.ini:1", "needs a name"},
      {"[backend:m]\n[site:a]\nmail = m\n", "t.ini:2", "lacks users"},
      {"[backend:m]\n[site:a]\nusers = ,\nmail = m\n", "t.ini:3", "names nobody"},
      {"[backend:m]\n[site:a]\nusers = *\nmail = m\n[site:b]\nmail = m\nusers = *\n", "t.ini:7", "in [site:a] already"},
      {"[backend:m]\n[site:a]\nusers = *\nmails = m\n", "t.ini:4", "did you mean mail?"},
  };
  for (const auto& [text, where, words] : cases) {
    auto all = sites(text);
    ASSERT_FALSE(all) << text;
    EXPECT_EQ(all.error().where, where) << text;
    EXPECT_TRUE(all.error().text.contains(words)) << all.error().text;
  }
}

TEST(Site, GlobsMatchWholeNames) {
  EXPECT_TRUE(matches("*@example.com", "a@example.com"));
  EXPECT_FALSE(matches("*@example.com", "a@example.com.evil.net"));
  EXPECT_FALSE(matches("*@example.com", "example.com"));
  EXPECT_TRUE(matches("a?c*", "abcdef"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_FALSE(matches("?", ""));
  EXPECT_TRUE(matches("*a*b", "xaxxab"));
  EXPECT_FALSE(matches("*a*b", "xaxxa"));
}

TEST(Site, AHostilePatternIsNoTrap) {
  std::string pattern, text(20'000, 'a');
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(matches(pattern + "b", text));
}

}  // namespace
}  // namespace tidegate::config
