// SPDX-License-Identifier: Apache-2.0
#include "core/store/directory.hpp"

#include <gtest/gtest.h>

#include "core/sim/memory_disk.hpp"
#include "core/store/once.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::store {
namespace {

struct DirectoryBed : LogBed {
  DirectoryBed() { load(); }
  ~DirectoryBed() { directory.reset(); }
  DirectoryBed(const DirectoryBed&) = delete;
  DirectoryBed& operator=(const DirectoryBed&) = delete;

  void load() {
    auto opened = Directory::open(host, *log);
    ASSERT_TRUE(opened) << opened.error().cause;
    directory = std::move(*opened);
  }
  template <class Ask>
  Result<void> done(Ask ask) {
    return answer_of<void>(world, std::move(ask));
  }
  void cut_power() {
    host.power_cut([this] {
      directory.reset();
      log.reset();
    });
    open();
    load();
  }
  std::unique_ptr<Directory> directory;
};

DeviceRow device(const std::string& id) {
  DeviceRow row;
  row.user = "ann";
  row.id = id;
  row.name = "laptop";
  row.state = DeviceState::active;
  row.static_public = "static";
  row.device_key = "key";
  row.last_hash = "hash";
  return row;
}

TEST(Directory, KeepsItsIdentity) {
  DirectoryBed bed;
  const auto before = bed.directory->identity();
  EXPECT_EQ(before.secret.size(), 32U);
  EXPECT_EQ(before.public_key.size(), 32U);
  EXPECT_EQ(before.guid.size(), 16U);
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->registered("licence", "relay", std::move(done)); }));
  bed.cut_power();
  EXPECT_EQ(bed.directory->identity().secret, before.secret);
  EXPECT_EQ(bed.directory->identity().guid, before.guid);
  EXPECT_EQ(bed.directory->identity().license_id, "licence");
}

TEST(Directory, WhatWasConfirmedOutlivesAPowerCutAtOnce) {
  DirectoryBed bed;
  ASSERT_TRUE(
      bed.done([&](auto done) { bed.directory->add_user({"ann", "hq", "secret", "public", 7}, std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(device("d1"), std::move(done)); }));
  ASSERT_TRUE(
      bed.done([&](auto done) { bed.directory->put_code({"ann", "ABCDE", "code", 99, "", ""}, std::move(done)); }));
  bed.cut_power();
  ASSERT_NE(bed.directory->user("ann"), nullptr);
  EXPECT_EQ(bed.directory->user("ann")->static_secret, "secret");
  ASSERT_NE(bed.directory->device("ann", "d1"), nullptr);
  EXPECT_EQ(bed.directory->device("ann", "d1")->device_key, "key");
  ASSERT_NE(bed.directory->code("ann", "ABCDE"), nullptr);
  EXPECT_EQ(bed.directory->code("ann", "ABCDE")->expires, 99);
  EXPECT_EQ(bed.directory->code("bob", "ABCDE"), nullptr);
}

TEST(Directory, RefusesAUserTwice) {
  DirectoryBed bed;
  const auto add = [&] {
    return bed.done([&](auto done) { bed.directory->add_user({"ann", "hq", "s", "p", 7}, std::move(done)); });
  };
  ASSERT_TRUE(add());
  const auto again = add();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, FaultKind::exists);
  EXPECT_EQ(bed.directory->users().size(), 1U);
}

TEST(Directory, ARevokedDeviceKeepsNoKeyAndHoldsNoTombstones) {
  DirectoryBed bed;
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(device("d1"), std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(device("d2"), std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->revoke_device("ann", "d1", std::move(done)); }));
  bed.cut_power();
  EXPECT_EQ(bed.directory->device("ann", "d1")->state, DeviceState::revoked);
  EXPECT_EQ(bed.directory->device("ann", "d1")->static_public, "");
  EXPECT_EQ(bed.directory->device("ann", "d1")->name, "laptop");
  EXPECT_EQ(bed.directory->device("ann", "d2")->state, DeviceState::active);
  EXPECT_EQ(bed.directory->devices("ann").size(), 2U);
  const auto unknown = bed.done([&](auto done) { bed.directory->revoke_device("ann", "d9", std::move(done)); });
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, FaultKind::not_found);
}

TEST(Directory, WhatWasUnderWayDoesNotBringARevokedDeviceBack) {
  DirectoryBed bed;
  const auto put = [&](DeviceRow row) {
    return bed.done([&](auto done) { bed.directory->put_device(std::move(row), std::move(done)); });
  };
  ASSERT_TRUE(put(device("d1")));
  auto admitted = device("d2");
  admitted.suite = 2;
  admitted.expires = 1000;
  admitted.state = DeviceState::pairing;
  admitted.static_public.clear();
  ASSERT_TRUE(put(admitted));
  for (const auto* id : {"d1", "d2"})
    ASSERT_TRUE(bed.done([&](auto done) { bed.directory->revoke_device("ann", id, std::move(done)); }));
  EXPECT_EQ(put(device("d1")).error().kind, FaultKind::denied) << "its session was just opening";
  EXPECT_EQ(put(admitted).error().kind, FaultKind::denied) << "it was just enrolling";
  for (const auto* id : {"d1", "d2"}) EXPECT_EQ(bed.directory->device("ann", id)->state, DeviceState::revoked);
  auto again = device("d1");
  again.state = DeviceState::pairing;
  EXPECT_TRUE(put(again)) << "paired anew";
  bed.cut_power();
  EXPECT_EQ(bed.directory->device("ann", "d1")->state, DeviceState::pairing);
  EXPECT_EQ(bed.directory->device("ann", "d2")->state, DeviceState::revoked);
}

TEST(Directory, KnowsWhoIsReadableByTheRelayAndUntilWhen) {
  DirectoryBed bed;
  auto row = device("d1");
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(row, std::move(done)); }));
  EXPECT_FALSE(bed.directory->readable_by_relay("ann", 0));
  row.id = "d2";
  row.suite = 2;
  row.expires = 1000;
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(row, std::move(done)); }));
  bed.cut_power();
  EXPECT_EQ(bed.directory->device("ann", "d2")->expires, 1000);
  EXPECT_TRUE(bed.directory->readable_by_relay("ann", 999));
  EXPECT_FALSE(bed.directory->readable_by_relay("ann", 1000));
  EXPECT_FALSE(bed.directory->readable_by_relay("bob", 999));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->revoke_device("ann", "d2", std::move(done)); }));
  EXPECT_FALSE(bed.directory->readable_by_relay("ann", 999));
}

TEST(Directory, AStateOfTheFirstSchemaIsBroughtUp) {
  DirectoryBed bed;
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(device("d1"), std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) {
    bed.log->transact(
        [](void* sqlite) -> Result<void> {
          for (const auto* column : {"devices DROP COLUMN expires", "items DROP COLUMN seq_moved",
                                     "items DROP COLUMN moved_from", "folders DROP COLUMN color"})
            if (auto gone = Once(sqlite, ("ALTER TABLE " + std::string(column)).c_str()).finish(); !gone) return gone;
          if (auto gone = Once(sqlite, "DROP TABLE scheduling_ledger").finish(); !gone) return gone;
          return Once(sqlite, "PRAGMA user_version = 1").finish();
        },
        std::move(done));
  }));
  bed.cut_power();
  ASSERT_NE(bed.directory->device("ann", "d1"), nullptr);
  EXPECT_EQ(bed.directory->device("ann", "d1")->device_key, "key");
  EXPECT_EQ(bed.directory->device("ann", "d1")->expires, 0);
}

TEST(Directory, RemovesAUserWithEverything) {
  DirectoryBed bed;
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->add_user({"ann", "hq", "s", "p", 7}, std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->put_device(device("d1"), std::move(done)); }));
  ASSERT_TRUE(
      bed.done([&](auto done) { bed.directory->put_code({"ann", "ABCDE", "c", 99, "", ""}, std::move(done)); }));
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->drop_code("ann", "ABCDE", std::move(done)); }));
  EXPECT_TRUE(bed.directory->codes().empty());
  ASSERT_TRUE(bed.done([&](auto done) { bed.directory->remove_user("ann", std::move(done)); }));
  EXPECT_TRUE(bed.directory->users().empty());
  EXPECT_TRUE(bed.directory->devices("ann").empty());
}

TEST(Directory, AFullDiskIsAFaultAndChangesNothing) {
  DirectoryBed bed;
  bed.host.disk().limit(0);
  const auto refused = bed.done(
      [&](auto done) { bed.directory->add_user({"ann", "hq", std::string(9000, 's'), "p", 7}, std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::quota);
  EXPECT_EQ(bed.directory->user("ann"), nullptr);
  bed.host.disk().limit(UINT64_MAX);
  EXPECT_TRUE(bed.done([&](auto done) { bed.directory->add_user({"ann", "hq", "s", "p", 7}, std::move(done)); }));
}

// --- files that are not ours

FaultKind opening(const std::string& octets) {
  sim::VirtualWorld world(1);
  auto& host = world.host("gateway");
  EXPECT_TRUE(host.files().make_directories("state"));
  EXPECT_TRUE(host.files().create("state/log.db", octets));
  auto opened = Log::open(host, {.path = "state/log.db"});
  EXPECT_FALSE(opened);
  if (opened) return FaultKind::exists;
  EXPECT_FALSE(opened.error().text.empty());
  return opened.error().kind;
}

/// The file of a log that was closed, with one header field changed.
std::string tampered(std::size_t at, std::string_view octets) {
  LogBed bed;
  bed.view();
  bed.close();
  auto file = *bed.host.files().read("state/log.db");
  bed.open();
  return file.replace(at, octets.size(), octets);
}

TEST(Opening, RefusesWhatIsNoDatabaseForeignNewerOrDamaged) {
  EXPECT_EQ(opening(std::string(5000, 'x')), FaultKind::invalid);
  EXPECT_EQ(opening(tampered(68, "ABCD")), FaultKind::invalid);                        // application id
  EXPECT_EQ(opening(tampered(60, std::string("\0\0\0\x09", 4))), FaultKind::invalid);  // user version
  EXPECT_EQ(opening(tampered(100, std::string(3000, '\x55'))), FaultKind::invalid);
}

}  // namespace
}  // namespace tidegate::store
