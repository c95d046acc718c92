// SPDX-License-Identifier: Apache-2.0
// Agents against a scripted back-end, on virtual time.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/account/account.hpp"
#include "core/account/pace.hpp"
#include "core/sim/memory_disk.hpp"
#include "tests/core/account/scripted_backend.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::account {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

struct AccountBed : store::LogBed {
  AccountBed() {
    backend.add_folder("in", Role::inbox);
    backend.add_folder("old");
    settings.workers = 4;
  }
  ~AccountBed() { accounts.reset(); }
  AccountBed(const AccountBed&) = delete;
  AccountBed& operator=(const AccountBed&) = delete;

  void serve(const std::string& user = "ann", std::vector<Kind> kinds = {}) {
    if (!accounts) {
      accounts = Accounts::make(host, *log, settings, [this](ViewId v, std::uint64_t head, bool) {
        if (head == 0) return ++looked;
        heads.push_back({v, head});
        at.push_back(world.now());
        return 0;
      });
    }
    auto made = store::answer_of<ViewId>(world, [&](auto done) {
      accounts->start(user, "hq", {{"mail", &backend, std::move(kinds), 0, 0s, backend_sweep, poll.soon, poll.quiet}},
                      std::move(done));
    });
    ASSERT_TRUE(made);
    view_id = *made;
  }
  std::vector<std::string> ids() {
    std::vector<std::string> made;
    for (const auto& row : changes(view_id)) {
      if (row.seq_gone == 0) made.push_back(row.id);
    }
    std::ranges::sort(made);
    return made;
  }
  Result<Accounts::Piece> read(const std::string& id, std::uint64_t from, std::size_t length) {
    for (const auto& row : changes(view_id)) {
      if (row.id != id) continue;
      return store::answer_of<Accounts::Piece>(
          world, [&](auto done) { accounts->read("ann", view_id, row, from, length, true, std::move(done)); });
    }
    return fault(FaultKind::not_found, "test", "No such row.");
  }
  Health health() { return accounts->health("ann").front(); }

  ScriptedBackend backend;
  Settings settings;
  std::chrono::milliseconds backend_sweep{0};
  Pace::Limits poll{0s, 0s};
  std::unique_ptr<Accounts> accounts;
  ViewId view_id = 0;
  std::vector<std::pair<ViewId, std::uint64_t>> heads;
  std::vector<sim::Instant> at;
  int looked = 0;  ///< told that all was looked through
};

}  // namespace tidegate::account
