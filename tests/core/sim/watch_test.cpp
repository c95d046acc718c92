// SPDX-License-Identifier: Apache-2.0
// The same hints from a real directory and from one in memory.
#include "core/sim/watch.hpp"

#include <chrono>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/sim/real_world.hpp"
#include "core/sim/virtual_world.hpp"

namespace tidegate::sim {
namespace {

using namespace std::chrono_literals;

/// "+name" for a change, "-name" for a deletion, in order, repeats left out.
struct Heard {
  std::string text;
  std::string last;
  DirectoryHints hints() {
    return [this](const DirectoryHint& hint) {
      const auto word = (hint.deleted ? "-" : "+") + hint.name + " ";
      if (word != last) text += word;
      last = word;
    };
  }
};

void change(Files& files, const std::string& root) {
  ASSERT_TRUE(files.create(root + "/new/one", "x"));
  ASSERT_TRUE(files.rename(root + "/new/one", root + "/new/two"));
  ASSERT_TRUE(files.rename(root + "/new/two", root + "/elsewhere/three"));
  ASSERT_TRUE(files.create(root + "/new/four", "x"));
  ASSERT_TRUE(files.remove(root + "/new/four"));
}

TEST(Watch, RealDirectories) {
  RealWorld world;
  const auto root = std::filesystem::temp_directory_path() / ("tidegate-watch-" + std::to_string(::getpid()));
  std::filesystem::create_directories(root / "new");
  std::filesystem::create_directories(root / "elsewhere");
  Heard heard;
  auto watch = world.watch(heard.hints());
  ASSERT_TRUE(watch);
  watch->watch({root / "new", root / "not there"});
  change(world.files(), root);
  EXPECT_TRUE(world.run_until([&] { return heard.text.ends_with("-four "); }, 10s));

  EXPECT_EQ(heard.text, "+one +two +four -four ");
  watch->watch({});
  heard.text.clear();
  ASSERT_TRUE(world.files().create(root / "new" / "five", "x"));
  world.run_until([] { return false; }, 20ms);
  EXPECT_EQ(heard.text, "");
  std::filesystem::remove_all(root);
}

TEST(Watch, DirectoriesInMemory) {
  VirtualWorld world(1);
  auto& host = world.host("a");
  ASSERT_TRUE(host.files().make_directories("/r/new"));
  ASSERT_TRUE(host.files().make_directories("/r/elsewhere"));
  Heard heard;
  auto watch = host.watch(heard.hints());
  watch->watch({"/r/new"});
  change(host.files(), "/r");
  EXPECT_EQ(heard.text, "") << "never within the call that changes something";
  world.run_for(1s);
  EXPECT_EQ(heard.text, "+one +two +four -four ");
  heard.text.clear();
  host.kill();
  ASSERT_TRUE(host.files().create("/r/new/five", "x"));
  world.run_for(1s);
  EXPECT_EQ(heard.text, "") << "its process is dead";
}

TEST(Files, ReadsAPart) {
  VirtualWorld world(1);
  auto& files = world.host("a").files();
  ASSERT_TRUE(files.create("/f", "0123456789"));
  EXPECT_EQ(files.read_part("/f", 3, 4), "3456");
  EXPECT_EQ(files.read_part("/f", 8, 4), "89");
  EXPECT_EQ(files.read_part("/f", 10, 4), "");
  const auto real = posix_files();
  const auto path = std::filesystem::temp_directory_path() / ("tidegate-part-" + std::to_string(::getpid()));
  ASSERT_TRUE(real->create(path, "0123456789"));
  EXPECT_EQ(real->read_part(path, 3, 4), "3456");
  EXPECT_EQ(real->read_part(path, 8, 4), "89");
  EXPECT_EQ(real->read_part(path, 10, 4), "");
  ASSERT_TRUE(real->remove(path));
}

}  // namespace
}  // namespace tidegate::sim
