// SPDX-License-Identifier: Apache-2.0
#include "core/config/secret.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace tidegate::config {
namespace {

class Secret : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tidegate-secret-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::filesystem::remove_all(directory_);
  }
  std::string file(const std::string& name, const std::string& text, unsigned mode = 0600) {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path.string();
  }
  std::filesystem::path directory_;
};

TEST_F(Secret, ComesFromItsFileWithoutTheLineEnd) {
  EXPECT_EQ(*read_secret("backend:a", "password", file("p", "hunter2\r\n")), "hunter2");
  EXPECT_EQ(*read_secret_file(file("q", " two words ")), " two words ");
}

TEST_F(Secret, AFileEverybodyReadsIsWarnedOf) {
  std::vector<std::string> said;
  const Warn warn = [&](std::string_view line) { said.emplace_back(line); };
  EXPECT_TRUE(read_secret_file(file("open", "x", 0644), warn));
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].contains("chmod 600"));
  EXPECT_TRUE(read_secret_file(file("shut", "x", 0640), warn));
  EXPECT_EQ(said.size(), 1U);
}

TEST_F(Secret, ElseFromTheServicesCredentials) {
  file("backend.hq-mail.password", "from systemd\n");
  ::setenv("CREDENTIALS_DIRECTORY", directory_.c_str(), 1);
  EXPECT_EQ(*read_secret("backend:hq-mail", "password", ""), "from systemd");
  EXPECT_EQ(*read_secret("backend:hq-mail", "password", file("own", "own")), "own");
}

TEST_F(Secret, FaultsSayWhatToDo) {
  auto none = read_secret("backend:a", "password", "");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, FaultKind::not_found);
  EXPECT_TRUE(none.error().text.contains("password_file") && none.error().text.contains("backend.a.password"));
  EXPECT_EQ(read_secret_file((directory_ / "missing").string()).error().kind, FaultKind::not_found);
  EXPECT_EQ(read_secret_file(file("empty", "\n")).error().kind, FaultKind::invalid);
  EXPECT_EQ(read_secret_file(file("long", std::string(70'000, 'x'))).error().kind, FaultKind::too_large);
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_secret_file((directory_ / "fifo").string()).error().kind, FaultKind::invalid);
}

}  // namespace
}  // namespace tidegate::config
