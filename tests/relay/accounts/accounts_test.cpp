// SPDX-License-Identifier: Apache-2.0
// On the memory disk of a virtual host, so that what is committed survives a power cut.
#include "relay/accounts/accounts.hpp"

#include <gtest/gtest.h>

#include "core/sim/virtual_world.hpp"
#include "relay/admin.hpp"

namespace tidegate::relay {
namespace {

constexpr std::int64_t now = 1'800'000'000;
constexpr HashCost cheap{8, 1};

class AccountsTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto made = Accounts::open("/accounts.db", host.sqlite_vfs());
    ASSERT_TRUE(made) << made.error().text << made.error().cause;
    accounts = std::move(*made);
  }
  void licence(const char* name, std::uint32_t seats, std::int64_t expires = 0) {
    ASSERT_TRUE(accounts->licence_add(name, "hash", seats, expires, now));
  }
  Bytes gateway(char which, const char* name = "acme") {
    const Bytes guid(16, which);
    const auto id = accounts->licence(name)->id;
    EXPECT_TRUE(accounts->gateway_put(guid, Bytes(32, which), id, "token", "gw", now));
    return guid;
  }

  sim::VirtualWorld world{7};
  sim::VirtualHost& host = world.host("relay");
  std::unique_ptr<Accounts> accounts;
};

TEST_F(AccountsTest, WhatWasAnsweredSurvivesAPowerCut) {
  licence("acme", 5);
  const auto guid = gateway('a');
  ASSERT_TRUE(accounts->user_put(guid, "alice@example.com", "h", now));
  host.power_cut([&] { accounts.reset(); });
  open();
  EXPECT_EQ(accounts->user("alice@example.com")->guid, guid);
  EXPECT_EQ(accounts->licences()->front().used, 1U);
}

TEST_F(AccountsTest, ASecondProcessIsRefusedWithAReason) {
  const auto second = Accounts::open("/accounts.db", host.sqlite_vfs());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, FaultKind::denied) << second.error().text << second.error().cause;
}

TEST_F(AccountsTest, SeatsAreCountedALicence) {
  licence("acme", 2);
  const auto a = gateway('a'), b = gateway('b');
  ASSERT_TRUE(accounts->user_put(a, "one@example.com", "h", now));
  ASSERT_TRUE(accounts->user_put(b, "two@example.com", "h", now));
  const auto third = accounts->user_put(a, "three@example.com", "h", now);
  ASSERT_FALSE(third);
  EXPECT_EQ(code_of(third.error()), wire::Code::forbidden);
  ASSERT_TRUE(accounts->user_remove("two@example.com"));
  EXPECT_TRUE(accounts->user_put(a, "three@example.com", "h", now));
}

TEST_F(AccountsTest, AUserBelongsToOneGatewayUntilTransferred) {
  licence("acme", 5);
  const auto a = gateway('a'), b = gateway('b');
  ASSERT_TRUE(accounts->user_put(a, "alice@example.com", "h", now));
  const auto claim = accounts->user_put(b, "alice@example.com", "h", now);
  ASSERT_FALSE(claim);
  EXPECT_EQ(code_of(claim.error()), wire::Code::conflict);
  EXPECT_EQ(accounts->user_transfer("alice@example.com", b)->guid, a);
  EXPECT_TRUE(accounts->user_put(b, "alice@example.com", "h", now));
  EXPECT_FALSE(accounts->user_for(a, "alice@example.com"));
  EXPECT_EQ(accounts->activation(b)->users.size(), 1U);
  EXPECT_TRUE(accounts->activation(a)->users.empty());
}

TEST_F(AccountsTest, OnlyAHigherInstanceReplacesTheHighest) {
  licence("acme", 5);
  const auto a = gateway('a');
  EXPECT_TRUE(accounts->gateway_admit(a, {5, 111}));
  EXPECT_TRUE(accounts->gateway_admit(a, {5, 111})) << "the same process may come again";
  EXPECT_EQ(accounts->gateway_admit(a, {5, 222}).error().kind, FaultKind::conflict);
  EXPECT_EQ(accounts->gateway_admit(a, {4, 333}).error().kind, FaultKind::conflict);
  EXPECT_TRUE(accounts->gateway_admit(a, {5 + (1ULL << 32), UINT64_MAX}));
  EXPECT_EQ(accounts->gateway(a)->instance, (wire::Instance{5 + (1ULL << 32), UINT64_MAX}));
}

class DeviceAccountsTest : public AccountsTest {
 protected:
  void SetUp() override {
    AccountsTest::SetUp();
    licence("acme", 5);
    guid = gateway('a');
    ASSERT_TRUE(accounts->user_put(guid, "alice@example.com", "h", now));
    ASSERT_TRUE(accounts->pairing_open(guid, "alice@example.com", "ABCDE", now + 100, now));
  }
  Enrolment enrolment(char key, std::string handle = "ABCDE") {
    return {"alice@example.com", Bytes(16, 'd'), Bytes(32, key), wire::Suite::noise_1, std::move(handle)};
  }
  Result<void> bind(char key, wire::Suite suite = wire::Suite::noise_1) {
    return accounts->bind(guid, {1, 1, "alice@example.com", Bytes(16, 'd'), Bytes(32, key), suite});
  }
  Result<DeviceAccount> login() { return accounts->device_for_login("alice@example.com", Bytes(16, 'd')); }
  Bytes guid;
};

TEST_F(DeviceAccountsTest, IsPendingUntilTheGatewayBindsTheSameKey) {
  EXPECT_EQ(accounts->enrol(enrolment('k', "WRONG"), now).error().kind, FaultKind::not_found);
  EXPECT_FALSE(accounts->enrol(enrolment('k'), now + 101)) << "the code has expired";
  EXPECT_TRUE(accounts->enrol(enrolment('k'), now));
  EXPECT_FALSE(login());
  EXPECT_EQ(bind('x').error().kind, FaultKind::conflict);
  EXPECT_FALSE(bind('k', wire::Suite::none));
  EXPECT_TRUE(bind('k'));
  EXPECT_EQ(login()->key, Bytes(32, 'k'));
  EXPECT_TRUE(bind('k')) << "its answer may have been lost";
}

TEST_F(DeviceAccountsTest, AnEnrolmentThatIsNotBoundLeavesTheBoundKey) {
  ASSERT_TRUE(accounts->enrol(enrolment('k'), now));
  ASSERT_TRUE(bind('k'));
  ASSERT_TRUE(accounts->enrol(enrolment('z'), now));
  EXPECT_EQ(login()->key, Bytes(32, 'k'));
  ASSERT_TRUE(bind('z'));
  EXPECT_EQ(login()->key, Bytes(32, 'z'));
}

TEST_F(DeviceAccountsTest, APasswordResetShutsDevicesOutUntilEnrolledAgain) {
  ASSERT_TRUE(accounts->enrol(enrolment('k'), now));
  ASSERT_TRUE(bind('k'));
  ASSERT_TRUE(accounts->user_put(guid, "alice@example.com", "new", now));
  EXPECT_EQ(login().error().kind, FaultKind::auth);
  EXPECT_FALSE(accounts->enrol(enrolment('x', ""), now)) << "another key without a pairing code";
  EXPECT_TRUE(accounts->enrol(enrolment('k', ""), now));
  EXPECT_TRUE(login());
}

TEST_F(DeviceAccountsTest, ARevokedDeviceNeedsANewPairing) {
  ASSERT_TRUE(accounts->enrol(enrolment('k'), now));
  ASSERT_TRUE(bind('k'));
  ASSERT_TRUE(accounts->revoke("alice@example.com", Bytes(16, 'd')));
  EXPECT_EQ(login().error().kind, FaultKind::denied);
  EXPECT_FALSE(accounts->enrol(enrolment('k', ""), now));
  EXPECT_FALSE(bind('k')) << "a late repetition must not revive it";
  EXPECT_TRUE(accounts->enrol(enrolment('k'), now));
  EXPECT_TRUE(bind('k'));
  EXPECT_TRUE(login());
}

TEST_F(DeviceAccountsTest, AnotherGatewayCannotBindOrOpenPairings) {
  const auto other = gateway('b');
  ASSERT_TRUE(accounts->enrol(enrolment('k'), now));
  EXPECT_EQ(accounts->bind(other, {1, 1, "alice@example.com", Bytes(16, 'd'), Bytes(32, 'k'), wire::Suite::noise_1})
                .error()
                .kind,
            FaultKind::conflict);
  EXPECT_EQ(accounts->pairing_open(other, "alice@example.com", "ZZZZZ", now + 10, now).error().kind,
            FaultKind::conflict);
}

TEST_F(AccountsTest, LicencesEndAndAreSuspended) {
  licence("acme", 1, now + 10);
  EXPECT_TRUE(in_force(*accounts->licence("acme"), now));
  EXPECT_FALSE(in_force(*accounts->licence("acme"), now + 10));
  ASSERT_TRUE(accounts->licence_state("acme", Standing::suspended));
  EXPECT_FALSE(in_force(*accounts->licence("acme"), now));
  const auto guid = gateway('a');
  ASSERT_TRUE(accounts->user_put(guid, "alice@example.com", "h", now));
  EXPECT_EQ(accounts->licence_remove("acme").error().kind, FaultKind::conflict);
  ASSERT_TRUE(accounts->user_remove("alice@example.com"));
  EXPECT_TRUE(accounts->licence_remove("acme"));
  EXPECT_FALSE(accounts->gateway(guid));
}

TEST_F(AccountsTest, TheAuditLogIsAppendOnly) {
  ASSERT_TRUE(accounts->audit({now, "me", "did", "it", "well"}));
  accounts.reset();
  {
    auto db = Database::open("/accounts.db", host.sqlite_vfs());
    ASSERT_TRUE(db);
    EXPECT_FALSE((*db)->change("DELETE FROM audit"));
    EXPECT_FALSE((*db)->change("UPDATE audit SET who='other'"));
  }
  open();
  EXPECT_EQ(accounts->audit_log(10)->front().who, "me");
}

TEST(Addresses, AreLowerCaseAndWithoutBlanks) {
  EXPECT_EQ(*normal_address("Alice@Example.COM"), "alice@example.com");
  for (const char* wrong : {"", "a b@example.com", "a\n@example.com"}) EXPECT_FALSE(normal_address(wrong)) << wrong;
  EXPECT_FALSE(normal_address(Bytes(321, 'a')));
}

TEST(Passwords, OnlyTheRightOneFitsItsHash) {
  const auto hash = hash_password("secret", "0123456789abcdef", cheap);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$"));
  EXPECT_TRUE(verify_password("secret", *hash));
  EXPECT_FALSE(verify_password("Secret", *hash));
  EXPECT_FALSE(verify_password("secret", "nonsense"));
}

// --- subcommands

class AdminTest : public AccountsTest {
 protected:
  AdminAnswer run(std::vector<std::string> words) {
    return administer(*accounts, {std::move(words), "password", "0123456789abcdef", cheap, "administrator", now});
  }
};

TEST_F(AdminTest, ManagesLicencesUsersAndGatewaysAndWritesTheAuditLog) {
  EXPECT_TRUE(run({"licence", "add", "acme", "--seats", "3", "--expires", "2030-12-31"}).ok);
  EXPECT_FALSE(run({"licence", "add", "acme", "--seats", "3"}).ok) << "twice";
  EXPECT_TRUE(verify_password("password", accounts->licence("acme")->password));
  const auto guid = gateway('a'), other = gateway('b');
  ASSERT_TRUE(accounts->user_put(guid, "alice@example.com", "h", now));
  EXPECT_EQ(run({"licence", "list"}).rows,
            (std::vector<std::vector<std::string>>{{"acme", "3", "1", "active", "2030-12-31 23:59:59"}}));
  const auto suspended = run({"user", "suspend", "Alice@example.com"});
  ASSERT_TRUE(suspended.ok) << suspended.text;
  ASSERT_EQ(suspended.effects.size(), 1U);
  EXPECT_EQ(suspended.effects[0].what, Effect::What::user_out);
  EXPECT_EQ(suspended.effects[0].gateways, std::vector<Bytes>{guid});
  EXPECT_EQ(accounts->activation(guid)->users[0].state, wire::UserState::suspended);
  EXPECT_TRUE(run({"user", "resume", "alice@example.com"}).ok);
  EXPECT_TRUE(run({"user", "transfer", "alice@example.com", "--to", "62626262626262626262626262626262"}).ok);
  EXPECT_EQ(accounts->user("alice@example.com")->guid, other);
  EXPECT_TRUE(run({"gateway", "allow-interception", "61616161616161616161616161616161"}).ok);
  EXPECT_TRUE(accounts->gateway(guid)->interception);
  EXPECT_EQ(run({"audit"}).rows.size(), 5U);
}

TEST_F(AdminTest, WrongWordsSayWhatIsRight) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"licence", "add", "x"},
                                                                 {"licence", "add", "x", "--seats", "no"},
                                                                 {"user", "transfer", "a@b"},
                                                                 {"device", "revoke", "a@b", "zz"},
                                                                 {"gateway", "allow-interception", "1"}}) {
    const auto answer = run(words);
    EXPECT_FALSE(answer.ok);
    EXPECT_TRUE(answer.text.starts_with("usage: ")) << answer.text;
  }
  EXPECT_TRUE(run({"licence", "add", "x", "--seats", "no"}).text.contains("--seats must be"));
  EXPECT_TRUE(run({"licence", "add", "x"}).text.contains("--seats must be"));
  EXPECT_EQ(unknown_subcommand({"user", "list"}), "");
  EXPECT_EQ(unknown_subcommand({"audit", "--last", "3"}), "");
  EXPECT_EQ(unknown_subcommand({"frob"}), "there is no subcommand \"frob\"; tidegate-relay --help shows all");
  EXPECT_EQ(unknown_subcommand({"device"}), "\"device\" needs one more word: device list, device revoke");
  EXPECT_EQ(unknown_subcommand({"device", "frob"}),
            "there is no subcommand \"device frob\"; there are device list, device revoke");
  EXPECT_FALSE(run({"nonsense"}).ok);
  EXPECT_FALSE(run({}).ok);
  EXPECT_FALSE(run({"licence", "add", "x", "--seats", "1", "--expires", "2027-02-30"}).ok);
}

TEST(AdminText, JsonKeepsTheAnswerAndTablesAlign) {
  const AdminAnswer answer{true, "", {"user", "state"}, {{"ällice", "active"}, {"b\x1b[31m", "gone"}}, {}};
  const auto again = from_json(to_json(answer));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->rows, answer.rows);
  EXPECT_EQ(to_text(answer), "user    state\nällice  active\nb?[31m  gone\n");
  EXPECT_FALSE(from_json("{"));
  const auto request = request_from_json(request_to_json({"a", "b"}, "p\"w"));
  EXPECT_EQ(request->words, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request->password, "p\"w");
}

}  // namespace
}  // namespace tidegate::relay
