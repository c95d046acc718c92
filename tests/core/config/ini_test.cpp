// SPDX-License-Identifier: Apache-2.0
#include "core/config/ini.hpp"

#include <filesystem>

#include <gtest/gtest.h>

namespace tidegate::config {
namespace {

Fault fault_of(std::string_view text) {
  auto ini = parse_ini("t.ini", text);
  return ini ? Fault{FaultKind::ambiguous, "no fault", "no fault", {}, {}} : ini.error();
}

TEST(Ini, ReadsSectionsAndValuesWithTheirLines) {
  auto ini = parse_ini("t.ini",
                       "; a comment\n[gateway]\nrelay = https://x/#y ; trailing\n\n"
                       "[backend:hq-mail]\r\nhost=imap.example.com # too\r\nempty =\n");
  ASSERT_TRUE(ini);
  ASSERT_EQ(ini->sections.size(), 2U);
  EXPECT_EQ(ini->find("gateway")->find("relay")->text, "https://x/#y");
  EXPECT_EQ(ini->find("gateway")->find("relay")->line, 3U);
  const auto* backend = ini->find("backend", "hq-mail");
  ASSERT_TRUE(backend);
  EXPECT_EQ(backend->title, "backend:hq-mail");
  EXPECT_EQ(backend->line, 5U);
  EXPECT_EQ(backend->find("host")->text, "imap.example.com");
  EXPECT_EQ(backend->find("empty")->text, "");
  EXPECT_EQ(ini->find("backend", "other"), nullptr);
  EXPECT_EQ(place(*ini, 5), "t.ini:5");
}

TEST(Ini, QuotesKeepBlanksAndCommentSigns) {
  auto ini = parse_ini("t.ini", "[a]\nk = \" x ; y \\\" \\\\ \" ; comment\nm = say \"hi\" ; gone\n");
  ASSERT_TRUE(ini) << ini.error().text;
  EXPECT_EQ(ini->find("a")->find("k")->text, " x ; y \" \\ ");
  EXPECT_EQ(ini->find("a")->find("m")->text, "say \"hi\"");
}

TEST(Ini, SkipsAByteOrderMark) { EXPECT_TRUE(parse_ini("t.ini", "\xEF\xBB\xBF[a]\n")); }

TEST(Ini, NamesFileAndLineOfWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[a]\nx\n", "t.ini:2"},         {"[a\n", "t.ini:1"},       {"k = v\n", "t.ini:1"},
      {"[a]\nk=1\nk=2\n", "t.ini:3"},  {"[a]\n[a]\n", "t.ini:2"}, {"[a]\nK = 1\n", "t.ini:2"},
      {"[a]\n\nk = \"x\n", "t.ini:3"}, {"[a b]\n", "t.ini:1"},    {"[a:]\n", "t.ini:1"},
      {"[a]\n = 1\n", "t.ini:2"},      {"[]\n", "t.ini:1"},       {"[a]\nk = \"x\" y\n", "t.ini:2"},
  };
  for (const auto& [text, where] : cases) {
    const auto fault = fault_of(text);
    EXPECT_EQ(fault.where, where) << text;
    EXPECT_EQ(fault.kind, FaultKind::invalid) << text;
    EXPECT_FALSE(fault.text.empty());
  }
  EXPECT_EQ(fault_of(std::string_view("[a]\nk = \0\n", 10)).where, "t.ini:2");
}

TEST(Ini, ARepeatedKeyNamesTheFirstOne) { EXPECT_TRUE(fault_of("[a]\nk=1\nk=2\n").text.contains("line 2")); }

TEST(Ini, NearestIsASlipOfTheFingersOnly) {
  const std::vector<std::string> keys{"password_file", "host", "port"};
  EXPECT_EQ(nearest("pasword_file", keys), "password_file");
  EXPECT_EQ(nearest("hots", keys), "host");
  EXPECT_EQ(nearest("completely_else", keys), "");
  EXPECT_EQ(nearest("x", keys), "");
}

TEST(Ini, UnknownSectionsAreRefusedWithTheNearest) {
  auto ini = parse_ini("t.ini", "[gateway]\n[backned:x]\n");
  ASSERT_TRUE(ini);
  auto only = only_sections(*ini, {"gateway", "backend", "site"});
  ASSERT_FALSE(only);
  EXPECT_EQ(only.error().where, "t.ini:2");
  EXPECT_TRUE(only.error().text.contains("[backend]")) << only.error().text;
}

TEST(Ini, AMissingFileIsNotFound) {
  auto ini = read_ini((std::filesystem::temp_directory_path() / "tidegate-there-is-no-such.ini").string());
  ASSERT_FALSE(ini);
  EXPECT_EQ(ini.error().kind, FaultKind::not_found);
  EXPECT_EQ(read_ini(std::filesystem::temp_directory_path().string()).error().kind, FaultKind::unavailable);
}

}  // namespace
}  // namespace tidegate::config
