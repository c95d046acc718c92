// SPDX-License-Identifier: Apache-2.0
// Everything a bad, missing, throwing, wrong-ABI or null-returning plugin does is one clear fault.
#include "core/plugin/plugins.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/sim/real_world.hpp"
#include "core/sim/virtual_world.hpp"

namespace tidegate::plugin {
namespace {

using namespace std::chrono_literals;

std::string bad(const std::string& name) {
  const char* build = std::getenv("TIDEGATE_BUILD");
  return std::string(build ? build : ".") + "/tests/bad_plugins/" + name + ".so";
}

class PluginsTest : public testing::Test {
 protected:
  Result<Made> make(const std::string& values) {
    auto ini = config::parse_ini("t.ini", "[backend:a]\n" + values);
    EXPECT_TRUE(ini) << ini.error().text;
    return plugins_.make(world_.host("gateway"), *ini, ini->sections[0]);
  }
  Fault fault_of(const std::string& values) {
    auto made = make(values);
    EXPECT_FALSE(made) << values;
    return made ? Fault{} : made.error();
  }
  void one_line(const Fault& fault, FaultKind kind, std::string_view words) {
    EXPECT_EQ(fault.kind, kind) << fault.text;
    EXPECT_TRUE(fault.text.contains(words)) << fault.text;
    EXPECT_FALSE(fault.where.empty());
    EXPECT_EQ(fault.text.find('\n'), std::string::npos);
  }

  sim::VirtualWorld world_{1};
  std::vector<std::string> said_;
  Plugins plugins_{"/nonexistent", [this](int, std::string_view line) { said_.emplace_back(line); }};
  Call call_{world_.now() + 60s, {}, 1};
};

TEST_F(PluginsTest, AGoodOneIsMadeWithItsValuesAndDefaults) {
  auto made = make("plugin = " + bad("good") + "\nworkers = 4\nhost = h ; there\n");
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->plugin, "bad");
  EXPECT_EQ(made->version, "6.6.6");
  EXPECT_EQ(made->settings.workers, 4U);
  EXPECT_EQ(made->settings.sweep, 15min);
  ASSERT_EQ(said_.size(), 2U);
  EXPECT_EQ(said_[1], "[backend:a] host=h;port=143;password_file=;password_dir=;");
}

TEST_F(PluginsTest, AMissingOneSaysWhereItWasLookedFor) {
  const auto fault = fault_of("plugin = imapp\n");
  one_line(fault, FaultKind::not_found, "/nonexistent/imapp.so");
  EXPECT_TRUE(fault.where.starts_with("t.ini:2")) << fault.where;
  one_line(fault_of("host = x\n"), FaultKind::invalid, "lacks plugin");
}

TEST_F(PluginsTest, AnotherAbiIsRefusedWithBothSidesNamed) {
  one_line(fault_of("plugin = " + bad("wrong_abi") + "\n"), FaultKind::unsupported,
           "built for SDK ABI 999, this gateway speaks " + std::to_string(sdk_abi));
  one_line(fault_of("plugin = " + bad("foreign") + "\n"), FaultKind::unsupported, "no Tidegate plugin");
}

TEST_F(PluginsTest, WhatIsNoPluginIsSaid) {
  one_line(fault_of("plugin = " + bad("no_symbol") + "\n"), FaultKind::invalid, "no symbol tidegate_plugin");
  const auto text = std::filesystem::temp_directory_path() / "tidegate-not-an-elf.so";
  std::ofstream(text) << "not a library";
  one_line(fault_of("plugin = " + text.string() + "\n"), FaultKind::invalid, "can't be used");
  std::filesystem::remove(text);
}

TEST_F(PluginsTest, ExceptionsWhileLoadingAreFaults) {
  one_line(fault_of("plugin = " + bad("throws_on_load") + "\n"), FaultKind::invalid, "static constructor threw");
  one_line(fault_of("plugin = " + bad("throws_in_factory") + "\n"), FaultKind::invalid,
           "factory threw an exception (bang)");
  one_line(fault_of("plugin = " + bad("throws_in_make") + "\nhost = h\n"), FaultKind::invalid,
           "make() threw an exception (bang)");
  // and a good one still loads afterwards
  EXPECT_TRUE(make("plugin = " + bad("good") + "\nhost = h\n"));
}

TEST_F(PluginsTest, NothingMadeIsAFault) {
  one_line(fault_of("plugin = " + bad("null_plugin") + "\n"), FaultKind::invalid, "factory made nothing");
  one_line(fault_of("plugin = " + bad("null_backend") + "\nhost = h\n"), FaultKind::invalid,
           "neither a back-end nor a fault");
  one_line(fault_of("plugin = " + bad("duplicate_key") + "\n"), FaultKind::invalid, "has plugin twice");
}

TEST_F(PluginsTest, KeysAreHeldAgainstThePluginsTable) {
  const auto good = "plugin = " + bad("good") + "\n";
  auto fault = fault_of(good + "host = h\n\nhots = x\n");
  one_line(fault, FaultKind::invalid, "knows no key hots; did you mean host?");
  EXPECT_EQ(fault.where, "t.ini:5");
  fault = fault_of(good);
  one_line(fault, FaultKind::invalid, "lacks host");
  fault = fault_of(good + "host = h\nworkers = none\n");
  one_line(fault, FaultKind::invalid, "workers");
  EXPECT_EQ(fault.where, "t.ini:4");
  fault = fault_of(good + "host = wrong\n");
  one_line(fault, FaultKind::invalid, "host must not be wrong");
  EXPECT_EQ(fault.where, "t.ini:1");
  fault = fault_of(good + "host = h\nport = wrong\n");
  one_line(fault, FaultKind::invalid, "port must not be wrong");
  EXPECT_EQ(fault.where, "t.ini:4") << "a where that is a key becomes its line";
}

TEST_F(PluginsTest, ThrowingVerbsAreFaultsThatNamePluginAndVerb) {
  auto made = make("plugin = " + bad("throwing_verbs") + "\nhost = h\n");
  ASSERT_TRUE(made);
  auto& backend = *made->backend;
  one_line(backend.test(call_).error(), FaultKind::unavailable, "plugin bad failed in test");
  one_line(backend.open(call_, {"bang", "bang", "bang"}).error(), FaultKind::unavailable, "failed in open");
  one_line(backend.open(call_, {"nobody", "", ""}).error(), FaultKind::invalid, "neither a session nor a fault");
  auto session = backend.open(call_, {"alice", "alice", "alice"});
  ASSERT_TRUE(session);
  auto& verbs = **session;
  Attempt attempt;
  EXPECT_EQ(verbs.capabilities().verbs, 0U);
  const auto page = verbs.changes(call_, "", "", {});
  one_line(page.error(), FaultKind::unavailable, "plugin bad failed in changes");
  EXPECT_EQ(page.error().where, "backend:a");
  EXPECT_EQ(page.error().cause, "bang");
  one_line(verbs.read(call_, "", {}, {}).error(), FaultKind::unavailable, "failed in read");
  one_line(verbs.create(call_, "", {}, {}, attempt).error(), FaultKind::unavailable, "failed in create");
  one_line(verbs.update(call_, "", "", {}).error(), FaultKind::unavailable, "failed in update");
  one_line(verbs.set_flags(call_, "", {}).error(), FaultKind::unavailable, "failed in set_flags");
  one_line(verbs.move(call_, "", "", "", attempt).error(), FaultKind::unavailable, "failed in move");
  one_line(verbs.remove(call_, "", "", "").error(), FaultKind::unavailable, "failed in remove");
  one_line(verbs.make_folder(call_, {}, attempt).error(), FaultKind::unavailable, "failed in make_folder");
  one_line(verbs.change_folder(call_, {}).error(), FaultKind::unavailable, "failed in change_folder");
  one_line(verbs.remove_folder(call_, "").error(), FaultKind::unavailable, "failed in remove_folder");
  one_line(verbs.send(call_, {}, {}, "", attempt).error(), FaultKind::unavailable, "failed in send");
  one_line(verbs.respond(call_, "", {}, attempt).error(), FaultKind::unavailable, "failed in respond");
  one_line(verbs.search(call_, "", "", "").error(), FaultKind::unavailable, "failed in search");
  one_line(verbs.resolve(call_, "", 1).error(), FaultKind::unavailable, "failed in resolve");
  one_line(verbs.park(call_).error(), FaultKind::unavailable, "failed in park");
  EXPECT_EQ(verbs.unpark(call_).error().where, "backend:a") << "a fault without a place gets the section's";
  // The wall stands although the back-end's owner let go first.
  made->backend.reset();
  EXPECT_FALSE(verbs.park(call_));
}

struct Deaf final : Hints {
  void hint(View, const Hint&) noexcept override {}
  void lost(View, const Fault&) noexcept override {}
};

TEST_F(PluginsTest, ACallbackThatThrowsIsLogged) {
  auto made = make("plugin = " + bad("throwing_verbs") + "\nhost = h\n");
  ASSERT_TRUE(made);
  Deaf hints;
  EXPECT_EQ(made->backend->watch(hints), nullptr);
  world_.run_for(1s);
  ASSERT_FALSE(said_.empty());
  EXPECT_EQ(said_.back(), "[backend:a] a callback of the plugin threw: bang");
}

TEST_F(PluginsTest, ManualAndSampleTellOfBothTables) {
  auto manual = plugins_.manual(bad("good"));
  ASSERT_TRUE(manual);
  EXPECT_TRUE(manual->contains("`workers`") && manual->contains("`port`") && manual->contains("`143`"));
  const auto sample = *plugins_.sample(bad("good"));
  EXPECT_TRUE(sample.contains(";port = 143") && sample.contains("[backend:bad]\n") &&
              sample.contains("\nplugin = bad\n"))
      << sample;
}

TEST(AbiRefusal, EachFieldHasItsSentence) {
  const auto ours = abi_stamp();
  EXPECT_EQ(abi_refusal(ours, ours), "");
  const auto with = [&](auto change) {
    auto theirs = ours;
    change(theirs);
    return abi_refusal(theirs, ours);
  };
  EXPECT_TRUE(with([](AbiStamp& s) { s.magic = 1; }).contains("no Tidegate plugin"));
  EXPECT_TRUE(with([](AbiStamp& s) { s.release = 99; }).contains("libstdc++ 99"));
  EXPECT_TRUE(with([](AbiStamp& s) { s.cxx11 = 0; }).contains("_GLIBCXX_USE_CXX11_ABI=0"));
  EXPECT_TRUE(with([](AbiStamp& s) { s.debug = 1; }).contains("with _GLIBCXX_DEBUG, this gateway without"));
  EXPECT_TRUE(with([](AbiStamp& s) { s.cpp = 201703; }).contains("201703"));
  EXPECT_EQ(with([](AbiStamp& s) { s.cpp = 202100; }), "") << "g++ 12 in C++23 mode";
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(with([&](AbiStamp& s) { s.size[i] += 8; }).contains("octets"));
}

TEST(HostSecrets, ComeFromFileOrDirectoryAndNeverFromOutsideIt) {
  std::string directory = (std::filesystem::temp_directory_path() / "tidegate-host-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  std::ofstream(directory + "/one") << "hunter2\n";
  std::ofstream(directory + "/alice@example.com") << "hers\n";
  sim::VirtualWorld world(1);
  std::vector<std::string> said;
  HostImpl host(world.host("h"), "backend:a", {{"password_file", directory + "/one"}, {"user_dir", directory}},
                [&](int, std::string_view line) { said.emplace_back(line); });
  ::chmod((directory + "/one").c_str(), 0644);
  EXPECT_EQ(*host.secret("password"), "hunter2");
  ASSERT_EQ(said.size(), 1U);
  EXPECT_TRUE(said[0].contains("can be read by everybody") && !said[0].contains("hunter2"));
  EXPECT_EQ(*host.secret("user/alice@example.com"), "hers");
  for (const auto* name : {"user/../one", "user/", "user/.", "user/a/b"})
    EXPECT_EQ(host.secret(name).error().kind, FaultKind::invalid) << name;
  EXPECT_EQ(host.secret("other/alice").error().kind, FaultKind::not_found);
  EXPECT_EQ(host.secret("user/bob").error().kind, FaultKind::not_found);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace tidegate::plugin
