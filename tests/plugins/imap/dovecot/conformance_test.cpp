// SPDX-License-Identifier: Apache-2.0
// The whole conformance suite, as a process, against the plugin and a real Dovecot.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/peers/dovecot.hpp"

namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : ".";
}

/// A Dovecot of its own and the suite run on it.
class Conformance : public testing::Test {
 protected:
  void SetUp() override {
    server_ = tidegate::peers::Dovecot::start({"law"});  // the administrative account is no mailbox
    if (!server_) GTEST_SKIP() << "no Dovecot installed";
    const auto& directory = server_->directory();
    std::ofstream(directory + "/password") << "pw-gateway\n";
    ASSERT_EQ(::chmod((directory + "/password").c_str(), 0600), 0);
    std::ofstream(directory + "/t.ini") << fmt::format(
        "[backend:mail]\nplugin = imap\nhost = localhost\nport = {}\nca_file = {}\nadmin = gateway\n"
        "password_file = {}/password\n",
        server_->imaps(), server_->ca_file(), directory);
  }
  /// Exit code 0, and these laws were not skipped.
  void holds(const std::string& options, std::initializer_list<const char*> laws) {
    const auto command = fmt::format(
        "{0}/bin/tidegate-plugin-check {0}/plugins/imap.so --config {1}/t.ini --user law --hand "
        "'{2}/tests/plugins/imap/dovecot/hand.sh {1}' {3} 2>&1",
        environment("TIDEGATE_BUILD"), server_->directory(), environment("TIDEGATE_SOURCE"), options);
    std::FILE* out = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c): our own words only
    ASSERT_NE(out, nullptr);
    std::string text;
    char part[4096];
    while (const auto have = std::fread(part, 1, sizeof part, out)) text.append(part, have);
    const int status = ::pclose(out);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << text;
    for (const auto* law : laws) EXPECT_TRUE(text.contains("[       OK ] " + std::string(law))) << law << "\n" << text;
  }
  std::unique_ptr<tidegate::peers::Dovecot> server_;
};

TEST_F(Conformance, AllLawsHoldOnDovecot) {
  holds("--steps 300", {"Law2.AnyInterleavingGivesThePresentState", "Law4.FlagsOfTwoCommute",
                        "Law10.ARestoreIsRegressedAndSaysSoAgain", "Law10.AFlagUndoneByARestoreIsNotOverlooked",
                        "Law11.AnUnreadableItemStopsNothingElse", "Law12.HostileMailIsAMailLikeAnyOther",
                        "Law12.PagesStayWithinTheirBounds"});
}

TEST_F(Conformance, ParkedOnTheInboxItIsWoken) {
  holds("--folder INBOX --gtest_filter='Law8.*'",
        {"Law8.AParkedSessionIsWoken", "Law8.WhatCameBeforeTheParkIsNotSleptOver"});
}

}  // namespace
