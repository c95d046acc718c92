// SPDX-License-Identifier: Apache-2.0
// Law 9: deadline and stop token are honoured; nothing leaks.
#include <filesystem>

#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

using namespace std::chrono_literals;

class Law9 : public Law {
 protected:
  template <class Work>
  void cancelled_soon(const char* verb, Work&& work) {
    SCOPED_TRACE(verb);
    const auto begin = Clock::now();
    auto result = work();
    EXPECT_LT(Clock::now() - begin, 5s) << "over the grace of 5 s";
    ASSERT_FALSE(result) << "it went on in spite of deadline or stop";
    const auto kind = result.error().kind;
    EXPECT_TRUE(kind == FaultKind::cancelled || kind == FaultKind::not_found) << result.error().text;
  }
  void all_verbs(const Call& given) {
    auto& session = *session_;
    Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
    // Ids that name nothing may be found out first: then it ended soon as well.
    cancelled_soon("open", [&] { return subject().backend().open(given, subject().mailbox()); });
    cancelled_soon("changes", [&] { return session.changes(given, {}, {}, Want{}); });
    cancelled_soon("read", [&] { return session.read(given, "x", {}, [](Octets) { return true; }); });
    if (can(can_create))
      cancelled_soon("create", [&] {
        return session.create(given, "x", NewItem{Kind::mail, 1, 0, {}, {}}, source_of("x"), attempt);
      });
    if (can(can_set_flags)) cancelled_soon("set_flags", [&] { return session.set_flags(given, "x", {}); });
    if (can(can_move)) cancelled_soon("move", [&] { return session.move(given, "x", "y", "z", attempt); });
    if (can(can_remove)) cancelled_soon("remove", [&] { return session.remove(given, "x", "y", {}); });
    if (can(can_make_folder))
      cancelled_soon("make_folder", [&] { return session.make_folder(given, Folder{}, attempt); });
  }
  static std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
  }
  static std::size_t threads() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
  }
};

TEST_F(Law9, APassedDeadlineCancels) { all_verbs({Clock::now() - 1s, {}, 1}); }

TEST_F(Law9, ARequestedStopCancels) {
  std::stop_source stop;
  stop.request_stop();
  all_verbs({Clock::now() + 60s, stop.get_token(), 1});
}

TEST_F(Law9, AStopDuringAReadEndsIt) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto id = put(*session_, folder, mail(9) + std::string(2 << 20, 'x') + "\r\n");
  ASSERT_FALSE(id.empty());
  std::stop_source stop;
  std::size_t calls = 0;
  auto given = session_->read({Clock::now() + 60s, stop.get_token(), 1}, id, {}, [&](Octets) {
    ++calls;
    stop.request_stop();
    return true;
  });
  ASSERT_FALSE(given) << "2 MiB in " << calls << " pieces, stopped in the first one";
  EXPECT_EQ(given.error().kind, FaultKind::cancelled) << given.error().text;
}

TEST_F(Law9, ASinkThatSaysNoEndsTheRead) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  const auto id = put(*session_, folder, mail(10) + std::string(2 << 20, 'x') + "\r\n");
  ASSERT_FALSE(id.empty());
  std::size_t got = 0, calls = 0;
  auto given = session_->read(call(), id, {}, [&](Octets some) {
    got += some.size();
    return ++calls < 2;
  });
  EXPECT_EQ(calls, 2U) << "the sink was called after it said no";
  if (given) EXPECT_EQ(*given, got);
}

TEST_F(Law9, NothingLeaks) {
  const auto spell = [&] {
    auto session = subject().open();
    ASSERT_TRUE(session) << session.error().text;
    Replay tree;
    ASSERT_TRUE(tree.step(**session, {}, 10));
    if (!tree.folders.empty()) {
      Replay items;
      ASSERT_TRUE(items.step(**session, tree.folders.begin()->second.scope, 10));
      if (!items.items.empty()) EXPECT_TRUE(whole(**session, items.items.begin()->first));
    }
  };
  for (int i = 0; i < 3; ++i) spell();  // pools and caches fill up
  const auto before = descriptors(), running = threads();
  for (int i = 0; i < 20; ++i) spell();
  EXPECT_LE(descriptors(), before + 2) << "descriptors are left behind";
  EXPECT_LE(threads(), running + 1) << "threads are left behind";
}

}  // namespace
}  // namespace tidegate::check
