// SPDX-License-Identifier: Apache-2.0
// Law 8: a hint comes within the back-end's own notification time: --patience. (That lost hints are made good by a
// sweep is the core's.)
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include <poll.h>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

/// What the back-end's watch tells.
class Ear final : public Hints {
 public:
  void hint(View mailbox, const Hint& hint) noexcept override {
    const std::scoped_lock lock(mutex_);
    heard_.emplace_back(mailbox, hint);
    came_.notify_all();
  }
  void lost(View mailbox, const Fault&) noexcept override { hint(mailbox, {{}, true}); }

  void forget() {
    const std::scoped_lock lock(mutex_);
    heard_.clear();
  }
  bool hears(const std::string& mailbox, View scope, std::chrono::seconds within) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, within, [&] {
      return std::ranges::any_of(heard_, [&](const auto& one) {
        EXPECT_EQ(one.first, mailbox) << "a hint of a mailbox that nobody watches";
        return one.second.all || std::ranges::find(one.second.scopes, scope) != one.second.scopes.end();
      });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::pair<std::string, Hint>> heard_;
};
Ear ear;  // the watch is the process's only one and may speak until its end

class Law8 : public Law {
 protected:
  std::chrono::seconds patience() { return subject().options().patience; }
  static bool names(const Hint& hint, View scope) {
    return hint.all || std::ranges::find(hint.scopes, scope) != hint.scopes.end();
  }
  /// Parks the session until it names the scope, as the core does; false: not within the patience.
  bool woken(View scope) {
    const auto end = Clock::now() + patience();
    while (Clock::now() < end) {
      auto parking = session_->park(call());
      if (!parking) {
        ADD_FAILURE() << "park answered " << parking.error().text;
        return false;
      }
      const auto until = std::clamp(parking->wake_by, Clock::now(), end);
      pollfd ready{parking->fd, POLLIN, 0};
      ::poll(&ready, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count()));
      auto hint = session_->unpark(call());
      if (!hint) {
        ADD_FAILURE() << "unpark answered " << hint.error().text;
        return false;
      }
      if (names(*hint, scope)) return true;
    }
    return false;
  }
  /// Sessions park on the inbox, where others than this suite have their mail: only if --folder says so.
  std::optional<Bytes> inbox(std::string& why) {
    Replay tree;
    why = "the back-end does not park";
    if (!can_.parks || !tree.drain(*session_, {}, 500)) return {};
    why = "parks on the inbox: --folder must allow to write there";
    for (const auto& [id, folder] : tree.folders)
      if (folder.role == Role::inbox && id == subject().options().folder) return folder.scope;
    return {};
  }
  bool told(const Replay& from, View scope, View id) {
    Replay walk = from;
    return walk.drain(*session_, scope, 500) && walk.items.contains(Bytes(id));
  }
};

TEST_F(Law8, AWatchHintsOfEachChange) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  if (!subject().listen(ear)) GTEST_SKIP() << "the back-end has no watch";
  const auto& user = subject().options().user;
  auto other = subject().open();
  ASSERT_TRUE(other);
  ear.forget();
  const auto id = put(**other, folder, mail(8));
  ASSERT_TRUE(ear.hears(user, folder, patience())) << "nobody told of new mail";
  if (can(can_set_flags)) {
    ear.forget();
    ASSERT_TRUE((*other)->set_flags(call(), id, {flagged, 0, {}, {}}));
    EXPECT_TRUE(ear.hears(user, folder, patience())) << "nobody told of a flag";
  }
  if (can(can_remove)) {
    ear.forget();
    ASSERT_TRUE((*other)->remove(call(), id, folder, {}));
    EXPECT_TRUE(ear.hears(user, folder, patience())) << "nobody told of a removal";
  }
}

TEST_F(Law8, AParkedSessionIsWoken) {
  NEEDS(can_create, "create()");
  std::string why;
  const auto folder = inbox(why);
  if (!folder) GTEST_SKIP() << why;
  auto other = subject().open();
  ASSERT_TRUE(other);
  Replay walk;
  ASSERT_TRUE(walk.drain(*session_, *folder, 500));
  auto parking = session_->park(call());
  ASSERT_TRUE(parking) << parking.error().text;
  const auto id = put(**other, *folder, mail(81));
  pollfd ready{parking->fd, POLLIN, 0};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(patience());
  ASSERT_EQ(::poll(&ready, 1, static_cast<int>(wait.count())), 1) << "new mail did not make the descriptor readable";
  auto hint = session_->unpark(call());
  ASSERT_TRUE(hint) << hint.error().text;
  EXPECT_TRUE(names(*hint, *folder) || woken(*folder)) << "it woke, and said nothing of the new mail";
  EXPECT_TRUE(told(walk, *folder, id));
  if (can(can_remove)) EXPECT_TRUE((*other)->remove(call(), id, *folder, {}));
}

TEST_F(Law8, WhatCameBeforeTheParkIsNotSleptOver) {
  NEEDS(can_create, "create()");
  std::string why;
  const auto folder = inbox(why);
  if (!folder) GTEST_SKIP() << why;
  auto other = subject().open();
  ASSERT_TRUE(other);
  Replay walk;
  ASSERT_TRUE(walk.drain(*session_, *folder, 500));
  const auto id = put(**other, *folder, mail(82));
  EXPECT_TRUE(woken(*folder)) << "what came between the last question and the park is told by nobody";
  EXPECT_TRUE(told(walk, *folder, id));
  if (can(can_remove)) EXPECT_TRUE((*other)->remove(call(), id, *folder, {}));
}

}  // namespace
}  // namespace tidegate::check
