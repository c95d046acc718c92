// SPDX-License-Identifier: Apache-2.0
// The sealed backups of gateways at the relay: taken piece by piece, one whole kept until the next is, given back to
// whoever has the key and to nobody else.
#include "relay/backups.hpp"

#include <openssl/sha.h>

#include "core/sim/memory_disk.hpp"
#include "tests/relay/relay_fixture.hpp"

namespace tidegate::relay {
namespace {

Bytes hash(View octets) {
  Bytes out(32, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

struct BackupsTest : RelayTest {
  static wire::BackupBegin begin_of(std::uint64_t version, View octets) {
    return {0, version, octets.size(), hash(octets), Bytes(TestKey('r').public_key)};
  }
  wire::Answer part(std::uint64_t version, std::uint64_t from, View octets) {
    return gateway.request(wire::BackupPart{0, version, from, Bytes(octets)});
  }
  /// All parts from `from` on; the last answer.
  wire::Answer parts(std::uint64_t version, View octets, std::uint64_t from = 0) {
    wire::Answer said;
    for (auto at = from; at < octets.size(); at += wire::backup_part)
      if (said = part(version, at, octets.substr(at, wire::backup_part)); said.code != Code::ok) break;
    return said;
  }
  wire::Answer put(std::uint64_t version, View octets) {
    const auto begun = gateway.request(begin_of(version, octets));
    return begun.code == Code::ok ? parts(version, octets, begun.number) : begun;
  }
  /// An answer of POST /rts/restore: its status and body.
  std::pair<unsigned, Bytes> ask(const TestKey& key, std::uint64_t from,
                                 const std::function<void(wire::Retrieve&)>& change = {}) {
    TestHttp channel(company);
    channel.request("GET", "/rts/connect", {{"Host", "relay"}});
    EXPECT_TRUE(world.run_until([&] { return !channel.answers.empty(); }, 10s));
    const auto opened = *wire::decode_opened(channel.answers.back().second);
    wire::Retrieve said{key.public_key, from, "relay", {}};
    said.signature =
        key.sign(wire::restore_signature_input(said, opened.key_id, opened.key, channel.stream()->channel_binding()));
    if (change) change(said);
    channel.request("POST", "/rts/restore",
                    {{"Host", "relay"}, {"Tidegate-Key-Id", opened.key_id}, {"Tidegate-Key", opened.key}},
                    wire::encode(said));
    EXPECT_TRUE(world.run_until([&] { return channel.answers.size() > 1; }, 10s));
    return channel.answers.back();
  }
  Bytes fetch(const TestKey& key = TestKey('r')) {
    Bytes all;
    for (;;) {
      const auto [status, body] = ask(key, all.size());
      if (status != 200) return "refused";
      const auto piece = *wire::decode_retrieved(body);
      all += piece.octets;
      if (all.size() >= piece.size) return all;
    }
  }
  void SetUp() override {
    RelayTest::SetUp();
    licence();
    gateway_up(gateway);
  }
  /// Files of backups on the relay's disk.
  std::vector<std::string> files() {
    std::vector<std::string> names;
    if (const auto all = host.files().list("/state/backups"); all)
      for (const auto& one : *all) names.push_back(one.name);
    return names;
  }
  void restart(Settings s = settings()) {
    start(std::move(s));
    ASSERT_TRUE(gateway.open());
  }

  const Bytes first = Bytes(150'000, 'a'), second = Bytes(300'000, 'b');
};

TEST_F(BackupsTest, IsTakenAndGivenBackToTheHolderOfTheKeyOnly) {
  EXPECT_EQ(put(1, first).number, first.size());
  EXPECT_EQ(fetch(), first);
  const auto listed = admin({"backup", "list"});
  ASSERT_EQ(listed.rows.size(), 1U);
  EXPECT_EQ(listed.rows[0][2], "1");
  EXPECT_EQ(listed.rows[0][3], "150000");
  EXPECT_EQ(ask(TestKey('x'), 0).first, 404U);
  EXPECT_EQ(ask(TestKey('r'), 0, [](auto& said) { said.restore_key = TestKey('x').public_key; }).first, 401U);
  EXPECT_EQ(ask(TestKey('x'), 0, [](auto& said) { said.restore_key = TestKey('r').public_key; }).first, 401U);
  EXPECT_EQ(ask(TestKey('r'), 0, [](auto& said) { said.relay_host = "elsewhere"; }).first, 400U);
  EXPECT_EQ(ask(TestKey('r'), 0, [](auto& said) { said.signature.clear(); }).first, 401U);
}

TEST_F(BackupsTest, APieceIsForOneConnectionAndOneKeyId) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  TestHttp other(company);
  other.request("GET", "/rts/connect", {{"Host", "relay"}});
  ASSERT_TRUE(world.run_until([&] { return !other.answers.empty(); }, 10s));
  const auto opened = *wire::decode_opened(other.answers[0].second);
  const TestKey key('r');
  wire::Retrieve said{key.public_key, 0, "relay", {}};
  said.signature =
      key.sign(wire::restore_signature_input(said, opened.key_id, opened.key, other.stream()->channel_binding()));
  const http::Fields fields{{"Host", "relay"}, {"Tidegate-Key-Id", opened.key_id}, {"Tidegate-Key", opened.key}};
  TestHttp stolen(company);
  stolen.request("POST", "/rts/restore", fields, wire::encode(said));
  ASSERT_TRUE(world.run_until([&] { return !stolen.answers.empty(); }, 10s));
  EXPECT_EQ(stolen.answers[0].first, 401U) << "signed for another connection";
  other.request("POST", "/rts/restore", fields, wire::encode(said));
  ASSERT_TRUE(world.run_until([&] { return other.answers.size() > 1; }, 10s));
  EXPECT_EQ(other.answers[1].first, 401U) << "the KeyId was used";
}

TEST_F(BackupsTest, TheOneBeforeIsKeptUntilTheNextIsWhole) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  ASSERT_EQ(gateway.request(begin_of(2, second)).number, 0U);
  ASSERT_EQ(part(2, 0, View(second).substr(0, 65536)).number, 65536U);
  EXPECT_EQ(fetch(), first);
  EXPECT_EQ(parts(2, second, 65536).number, second.size());
  EXPECT_EQ(fetch(), second);
  EXPECT_EQ(files().size(), 1U) << "the older one is gone";
}

TEST_F(BackupsTest, RepeatsAndGapsDoNoHarm) {
  gateway.request(begin_of(1, first));
  EXPECT_EQ(part(1, 0, View(first).substr(0, 65536)).number, 65536U);
  EXPECT_EQ(part(1, 0, View(first).substr(0, 65536)).number, 65536U) << "again";
  EXPECT_EQ(part(1, 131072, View(first).substr(131072)).number, 65536U) << "a gap";
  EXPECT_EQ(gateway.request(begin_of(1, first)).number, 65536U) << "it goes on where it stood";
  EXPECT_EQ(parts(1, first, 65536).number, first.size());
  EXPECT_EQ(part(1, 131072, View(first).substr(131072)).number, first.size()) << "the last one's answer was lost";
  EXPECT_EQ(gateway.request(begin_of(1, first)).number, first.size()) << "it is whole";
  EXPECT_EQ(fetch(), first);
}

TEST_F(BackupsTest, GoesOnAfterABreakOfTheChannelAndAnewAfterOneOfTheRelay) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  gateway.request(begin_of(2, second));
  part(2, 0, View(second).substr(0, 65536));
  ASSERT_TRUE(gateway.open());
  EXPECT_EQ(gateway.request(begin_of(2, second)).number, 65536U);
  restart();
  EXPECT_EQ(part(2, 65536, View(second).substr(65536, 65536)).code, Code::not_found);
  EXPECT_EQ(fetch(), first);
  EXPECT_EQ(put(2, second).number, second.size());
  EXPECT_EQ(fetch(), second);
}

TEST_F(BackupsTest, OnlyAHigherVersionTakesThePlaceOfAnother) {
  ASSERT_EQ(put(5, first).code, Code::ok);
  const auto older = gateway.request(begin_of(4, second));
  EXPECT_EQ(older.code, Code::conflict);
  EXPECT_EQ(older.number, 5U);
  EXPECT_EQ(gateway.request(begin_of(5, second)).code, Code::conflict) << "the same number, other octets";
  EXPECT_EQ(fetch(), first);
}

TEST_F(BackupsTest, WhatArrivesOtherwiseThanItWasSentIsDropped) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  gateway.request(begin_of(2, second));
  const auto said = parts(2, Bytes(second.size(), 'c'));
  EXPECT_EQ(said.code, Code::invalid);
  EXPECT_EQ(fetch(), first);
  gateway.request(begin_of(2, second));
  parts(2, View(second).substr(0, 262144));
  EXPECT_EQ(part(2, 262144, Bytes(60'000, 'b')).code, Code::invalid) << "longer than was said";
  EXPECT_EQ(part(2, 262144, View(second).substr(262144)).code, Code::not_found);
  EXPECT_EQ(fetch(), first);
}

TEST_F(BackupsTest, TheQuotaIsTheOperators) {
  auto s = settings();
  s.backup_quota = 200'000;
  restart(s);
  EXPECT_EQ(put(1, first).code, Code::ok);
  const auto said = gateway.request(begin_of(2, second));
  EXPECT_EQ(said.code, Code::too_large);
  EXPECT_NE(said.text.find("backup_quota"), std::string::npos);
  s.backup_quota = 0;
  restart(s);
  EXPECT_EQ(gateway.request(begin_of(2, first)).code, Code::too_large);
  EXPECT_EQ(fetch(), first);
}

TEST_F(BackupsTest, AFullDiskKeepsTheOneBefore) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  host.disk().limit(host.disk().used() + 100'000);
  const auto said = put(2, second);
  EXPECT_EQ(said.code, Code::unavailable);
  EXPECT_NE(said.text.find("disk is full"), std::string::npos) << said.text;
  EXPECT_EQ(fetch(), first);
  host.disk().limit(UINT64_MAX);
  EXPECT_EQ(put(2, second).number, second.size());
  EXPECT_EQ(fetch(), second);
}

TEST_F(BackupsTest, APowerCutLosesNoWholeBackup) {
  ASSERT_EQ(put(1, first).code, Code::ok);
  ASSERT_EQ(put(2, second).code, Code::ok);
  host.power_cut([this] { relay.reset(); });
  restart();
  EXPECT_EQ(fetch(), second);
}

TEST_F(BackupsTest, TooManyPartsAtOnceAreRefused) {
  gateway.request(begin_of(1, first));
  std::vector<Frame> frames;
  for (std::uint64_t n = 0; n < 20; ++n)
    frames.push_back(wire::to_frame(wire::BackupPart{1000 + n, 1, 0, first.substr(0, 1000)}));
  gateway.post(frames);
  const auto refused = [&] {
    int count = 0;
    for (const auto& answer : gateway.all<wire::Answer>()) count += answer.code == Code::too_many;
    return count;
  };
  ASSERT_TRUE(gateway.wait([&] { return refused() == 12; }));
  EXPECT_EQ(part(1, 1000, View(first).substr(1000, 65536)).number, 66536U) << "and then it goes on";
}

TEST_F(BackupsTest, NonsenseIsRefused) {
  auto said = begin_of(1, first);
  said.version = 0;
  EXPECT_EQ(gateway.request(said).code, Code::invalid);
  said = begin_of(1, "");
  EXPECT_EQ(gateway.request(said).code, Code::invalid);
  said = begin_of(1, first);
  said.sha256.clear();
  EXPECT_EQ(gateway.request(said).code, Code::invalid);
  EXPECT_EQ(part(1, 0, "x").code, Code::not_found);
  EXPECT_TRUE(files().empty());
}

TEST_F(BackupsTest, ADatabaseOfTheFirstSchemaIsTakenOver) {
  relay.reset();
  {
    auto db = *Database::open("/state/accounts.db", host.sqlite_vfs());
    ASSERT_TRUE(db->script("DROP TABLE backup; PRAGMA user_version = 1"));
  }
  restart();
  EXPECT_EQ(put(1, first).number, first.size());
}

}  // namespace
}  // namespace tidegate::relay
