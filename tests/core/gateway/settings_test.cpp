// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/settings.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace tidegate::gateway {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Sample : testing::Test {
  std::string source = std::getenv("TIDEGATE_SOURCE"), build = std::getenv("TIDEGATE_BUILD");
  plugin::Plugins plugins{build + "/plugins"};
  std::string text = sample_config(plugins, build + "/plugins");
};

TEST_F(Sample, IsWhatStandsInEtc) {
  EXPECT_EQ(text_of(source + "/etc/tidegated.ini"), text)
      << "write it anew: build/asan/bin/tidegated --sample > etc/tidegated.ini && scripts/manual.py";
}

TEST_F(Sample, TellsOfEveryPluginAndNoSecretsOrMachines) {
  for (const auto* words : {"[gateway]", "[link]", "[backend:imap]\n", "\nplugin = imap\n", "[backend:mock]\n",
                            ";password_file =\n", "[site:NAME]"})
    EXPECT_TRUE(text.contains(words)) << words;
  EXPECT_FALSE(text.contains(build) || text.contains(source));
}

TEST_F(Sample, AsItIsItNamesTheFirstSettingToFillIn) {
  auto ini = config::parse_ini("t.ini", text);
  ASSERT_TRUE(ini) << ini.error().text;
  auto read = read_config(*ini);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().text.contains("[gateway] lacks relay")) << read.error().text;
}

std::string refusal(const std::string& text) {
  auto ini = config::parse_ini("t.ini", text);
  auto read = read_config(*ini);
  return read ? "" : read.error().where + ": " + read.error().text;
}

TEST(GatewaySettings, TheRelayIsAnAddress) {
  EXPECT_EQ(refusal("[gateway]\nrelay = https://relay.example.net:8443\n"), "");
  for (const auto* wrong : {"relay.example.net", "http://relay.example.net", "https://", "https://r/path"}) {
    const auto said = refusal(std::string("[gateway]\nrelay = ") + wrong + "\n");
    EXPECT_TRUE(said.starts_with("t.ini:2: ") && said.ends_with("must be https://host or https://host:port")) << said;
  }
}

TEST(GatewaySettings, FilesThatAreNamedMustBeThere) {
  auto ini = config::parse_ini("t.ini", "[backend:m]\npassword_file = /etc/passwd\n[link]\nca_file = /none/ca.pem\n");
  auto found = find_files(*ini);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().where, "t.ini:4");
  EXPECT_EQ(found.error().text, "ca_file = /none/ca.pem: it is not there; check the path");
  ini->sections.pop_back();
  EXPECT_TRUE(find_files(*ini));
}

TEST(GatewaySettings, WithoutPluginsTheyLieBesideTheProgram) {
  auto ini = config::parse_ini("t.ini", "[gateway]\nrelay = https://r\nstate = /s\n");
  auto read = read_config(*ini);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->gateway.plugins, plugin_directory());
  EXPECT_EQ(read->gateway.plugins.filename(), "plugins");
  EXPECT_EQ(read->gateway.control, "/s/control.sock");
}

}  // namespace
}  // namespace tidegate::gateway
