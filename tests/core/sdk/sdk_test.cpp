// SPDX-License-Identifier: Apache-2.0
// The SDK is installed to a prefix of its own; each header compiles alone with both compilers; the out-of-tree example,
// built by g++ from nothing but that prefix, loads, serves and keeps the laws.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "core/plugin/plugins.hpp"
#include "core/sim/virtual_world.hpp"

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : ".";
}

std::pair<int, std::string> run(const std::string& command) {
  std::FILE* out = ::popen((command + " 2>&1").c_str(), "r");  // NOLINT(cert-env33-c): our own words only
  if (!out) return {-1, "popen failed"};
  std::string text;
  char buffer[4096];
  while (const auto have = std::fread(buffer, 1, sizeof buffer, out)) text.append(buffer, have);
  const int status = ::pclose(out);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, text};
}

constexpr const char* mbox =
    "From a@b.example Thu Jan  1 00:00:00 2026\nSubject: one\n\nFirst.\n\n"
    "From a@b.example Thu Jan  2 00:00:00 2026\nSubject: two\n\nSecond.\n>From here\n\n"
    "From a@b.example Thu Jan  3 00:00:00 2026\nSubject: three\n\nThird, without an empty line behind it.\n";

class Sdk : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string name = (fs::temp_directory_path() / "tidegate-sdk-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    place_ = name;
    const auto [code, text] = run(std::string(TIDEGATE_CMAKE) + " --install " + environment("TIDEGATE_BUILD") +
                                  " --component sdk --prefix " + place_.string() + "/prefix");
    ASSERT_EQ(code, 0) << text;
    fs::create_directories(place_ / "mail");
    std::ofstream(place_ / "mail/alice") << mbox;
    std::ofstream(place_ / "t.ini") << "[backend:archive]\nplugin = mbox\ndirectory = " << (place_ / "mail").string()
                                    << "\n";
  }
  static void TearDownTestSuite() { fs::remove_all(place_); }

  /// The example's .so, built once.
  static std::string example() {
    const auto library = place_ / "build/mbox.so";
    if (fs::exists(library)) return library.string();
    const auto build = (place_ / "build").string();
    const std::string cmake = TIDEGATE_CMAKE;
    const auto [configured, why] =
        run(cmake + " -G Ninja -S " + environment("TIDEGATE_SOURCE") + "/docs/sdk/example -B " + build +
            " -DCMAKE_CXX_COMPILER=g++ -DCMAKE_PREFIX_PATH=" + place_.string() + "/prefix");
    EXPECT_EQ(configured, 0) << why;
    const auto [built, errors] = run(cmake + " --build " + build);
    EXPECT_EQ(built, 0) << errors;
    return library.string();
  }

  static fs::path place_;
};
fs::path Sdk::place_;

TEST_F(Sdk, EachHeaderCompilesAlone) {
  unsigned headers = 0;
  for (const auto& entry : fs::directory_iterator(place_ / "prefix/include/tidegate/sdk")) {
    ++headers;
    for (const std::string compiler : {TIDEGATE_CLANG, "g++"}) {
      const auto source = place_ / "alone.cpp";
      std::ofstream(source) << "#include <tidegate/sdk/" << entry.path().filename().string() << ">\n";
      const auto [code, text] =
          run(compiler + " -std=c++23 -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -I" + place_.string() +
              "/prefix/include " + source.string());
      EXPECT_EQ(code, 0) << compiler << ' ' << entry.path() << '\n' << text;
    }
  }
  EXPECT_EQ(headers, 5U) << "fault.hpp, store.hpp, abi.hpp, plugin_of.hpp and values.hpp";
}

TEST_F(Sdk, TheExampleLoadsAndServes) {
  using namespace tidegate;
  sim::VirtualWorld world(1);
  plugin::Plugins plugins(".");
  auto ini =
      config::parse_ini("t.ini", "[backend:a]\nplugin = " + example() + "\ndirectory = " + (place_ / "mail").string());
  ASSERT_TRUE(ini);
  auto made = plugins.make(world.host("gateway"), *ini, ini->sections[0]);
  ASSERT_TRUE(made) << made.error().text << made.error().where;
  EXPECT_EQ(made->plugin, "mbox");
  const Call call{world.now() + 60s, {}, 1};
  auto session = made->backend->open(call, {"alice", "alice", "alice"});
  ASSERT_TRUE(session) << session.error().text;
  auto page = (*session)->changes(call, "INBOX", "", Want{500, 4096, {}});
  ASSERT_TRUE(page) << page.error().text;
  ASSERT_EQ(page->changes.size(), 4U);
  EXPECT_EQ(*std::get<Upsert>(page->changes[0]).content, "Subject: three\n\nThird, without an empty line behind it.\n");
  EXPECT_EQ(*std::get<Upsert>(page->changes[1]).content, "Subject: two\n\nSecond.\n>From here\n");
  EXPECT_TRUE(std::holds_alternative<Listed>(page->changes[3]));
  auto missing = plugins.make(world.host("gateway"), *config::parse_ini("t.ini", "[backend:a]\nplugin = " + example()),
                              config::Section{"backend", "a", "backend:a", 1, {{"plugin", example(), 2}}});
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().text.contains("lacks directory")) << missing.error().text;
}

TEST_F(Sdk, TheExampleKeepsTheLaws) {
  const auto [code, text] = run(environment("TIDEGATE_BUILD") + "/bin/tidegate-plugin-check " + example() +
                                " --config " + (place_ / "t.ini").string());
  EXPECT_EQ(code, 0) << text;
  EXPECT_TRUE(text.contains("[       OK ] Law1.SmallAndLargePagesGiveTheSame")) << text;
  EXPECT_TRUE(text.contains("[       OK ] Law9.NothingLeaks")) << text;
}

}  // namespace
