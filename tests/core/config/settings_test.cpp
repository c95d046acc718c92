// SPDX-License-Identifier: Apache-2.0
#include "core/config/settings.hpp"

#include <gtest/gtest.h>

namespace tidegate::config {
namespace {

using namespace std::chrono_literals;

enum class Tls { implicit, none };
struct Sample {
  std::string relay;
  std::filesystem::path state, key_file;
  std::chrono::milliseconds beat{};
  std::chrono::seconds keep{};
  std::uint64_t cache = 0;
  std::uint16_t port = 0;
  bool proxy = false;
  std::vector<std::string> names;
  Tls tls = Tls::none;
};

const Table<Sample>& table() {
  static const Table<Sample> made{
      "gateway",
      "What this is.",
      {text("relay", &Sample::relay, required, "Address of the relay.",
            [](std::string_view given) { return given.starts_with("https://") ? "" : "must begin with https://"; }),
       path("state", &Sample::state, "/var/lib/tidegate", "Directory of the state."),
       duration("beat", &Sample::beat, "10s", "Longest silence.", 1s, 1h),
       duration("keep", &Sample::keep, "90d", "How long."),
       size("cache", &Sample::cache, "64 MiB", "Memory for content.", 1 << 20),
       integer("port", &Sample::port, "993", "Port.", 1, 65535), boolean("proxy", &Sample::proxy, "no", "Whether."),
       list("names", &Sample::names, "a, b", "Several."),
       choice("tls", &Sample::tls, "implicit", "How.", {{"implicit", Tls::implicit}, {"none", Tls::none}}),
       secret_file("key_file", &Sample::key_file, "", "File of the key.")},
      [](const Sample& all) {
        return all.port == 143 && all.tls == Tls::implicit ? "port 143 has no implicit TLS" : "";
      }};
  return made;
}

Result<Sample> read(std::string_view text) {
  auto ini = parse_ini("t.ini", text);
  EXPECT_TRUE(ini);
  return table().read(*ini);
}

TEST(Settings, TakesDefaultsAndGivenValues) {
  auto all = read("[gateway]\nrelay = https://r\nport = 143\ntls = none\nnames = x y,z\ncache = 2 GiB\nproxy = yes\n");
  ASSERT_TRUE(all) << all.error().text;
  EXPECT_EQ(all->state, "/var/lib/tidegate");
  EXPECT_EQ(all->beat, 10s);
  EXPECT_EQ(all->keep, 24h * 90);
  EXPECT_EQ(all->cache, 2ULL << 30);
  EXPECT_EQ(all->port, 143);
  EXPECT_TRUE(all->proxy);
  EXPECT_EQ(all->names, (std::vector<std::string>{"x", "y", "z"}));
  EXPECT_EQ(all->tls, Tls::none);
  EXPECT_EQ(all->key_file, "");
}

TEST(Settings, AnUnknownKeyNamesFileLineKeyAndTheNearest) {
  auto all = read("[gateway]\nrelay = https://r\nprot = 1\n");
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().where, "t.ini:3");
  EXPECT_TRUE(all.error().text.contains("prot; did you mean port?")) << all.error().text;
}

TEST(Settings, WrongValuesNameLineKeyAndWhatTheyMustBe) {
  const std::pair<const char*, const char*> cases[] = {
      {"port = 0", "whole number from 1 to 65535"},
      {"port = 12x", "whole number"},
      {"beat = 10", "such as 500ms"},
      {"beat = 2h", "from 1s to 1h"},
      {"cache = 1 KiB", "from 1 MiB"},
      {"cache = lots", "must be a size"},
      {"proxy = maybe", "yes or no"},
      {"tls = starttls", "one of implicit | none"},
      {"cache = 99999999999 GiB", "must be a size"},
  };
  for (const auto& [line, must] : cases) {
    auto all = read(std::string("[gateway]\nrelay = https://r\n\n") + line + "\n");
    ASSERT_FALSE(all) << line;
    EXPECT_EQ(all.error().where, "t.ini:4");
    EXPECT_TRUE(all.error().text.contains(must)) << all.error().text;
    EXPECT_TRUE(all.error().text.contains(std::string_view(line).substr(0, 4))) << all.error().text;
  }
}

TEST(Settings, RequiredKeysMustBeGivenAndNotEmpty) {
  EXPECT_TRUE(read("[gateway]\n").error().text.contains("lacks relay"));
  EXPECT_TRUE(read("[gateway]\nrelay =\n").error().text.contains("lacks relay"));
  EXPECT_EQ(read("").error().where, "t.ini");
  EXPECT_TRUE(read("[gateway]\nrelay = http://r\n").error().text.contains("must begin with https://"));
}

TEST(Settings, WhatDoesNotGoTogetherIsRefused) {
  auto all = read("[gateway]\nrelay = https://r\nport = 143\n");
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().where, "t.ini:1");
  EXPECT_TRUE(all.error().text.contains("no implicit TLS"));
}

TEST(Settings, TheSampleReadsBackAsTheDefaults) {
  auto text = table().sample();
  auto first = read(text);
  ASSERT_FALSE(first) << "its one required key stands empty";
  EXPECT_TRUE(first.error().text.contains("lacks relay"));
  // Every commented default, switched on, must be what the table does anyway.
  text.replace(text.find("relay ="), 7, "relay = https://r");
  for (std::size_t at = 0; (at = text.find("\n;", at)) != text.npos; ++at)
    if (text[at + 2] != ' ' && !text.substr(at, text.find('\n', at + 1) - at).ends_with("=")) text.erase(at + 1, 1);
  auto all = read(text);
  ASSERT_TRUE(all) << all.error().where << all.error().text << '\n' << text;
  EXPECT_EQ(all->beat, 10s);
  EXPECT_EQ(all->cache, 64ULL << 20);
  EXPECT_EQ(all->names.size(), 2U);
}

TEST(Settings, TheManualNamesEveryKey) {
  const auto text = table().manual();
  for (const auto& key : table().keys()) {
    EXPECT_TRUE(text.contains("`" + key.key + "`")) << key.key;
    EXPECT_TRUE(text.contains(key.doc)) << key.key;
  }
  EXPECT_TRUE(text.contains("(must be given)"));
}

TEST(Settings, ATableWithAWrongDefaultOfItsOwnThrows) {
  EXPECT_THROW((Table<Sample>{"x", "", {integer("port", &Sample::port, "none", "Port.")}}), std::logic_error);
  EXPECT_THROW((secret_file("key", &Sample::key_file, "", "")), std::logic_error);
}

TEST(Settings, DurationsAndSizesShowAsTheyAreRead) {
  for (const auto* text : {"500ms", "10s", "5m", "2h", "90d", "0s"}) EXPECT_EQ(show(*parse_duration(text)), text);
  for (const auto* text : {"4097 B", "256 KiB", "64 MiB", "2 GiB"}) EXPECT_EQ(show_size(*parse_size(text)), text);
}

TEST(Settings, AWrongSecretIsNotRepeated) {
  struct Secretive {
    std::string password_hint;
  };
  const Table<Secretive> secretive{
      "a",
      "",
      {text("password_hint", &Secretive::password_hint, "", "", [](std::string_view) { return "must not be"; })}};
  auto ini = parse_ini("t.ini", "[a]\npassword_hint = hunter2\n");
  auto all = secretive.read(*ini);
  ASSERT_FALSE(all);
  EXPECT_FALSE(all.error().text.contains("hunter2"));
}

}  // namespace
}  // namespace tidegate::config
