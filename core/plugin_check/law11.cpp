// SPDX-License-Identifier: Apache-2.0
// Law 11: an unreadable item is quarantined after N tries with its reason; the rest goes on. The counting is the
// core's; a plugin must say of which item it is, and go on with the rest.
#include "core/plugin_check/subject.hpp"

namespace tidegate::check {
namespace {

class Law11 : public Law {
 protected:
  void TearDown() override {
    if (!spoilt_.empty()) EXPECT_EQ(subject().hand("mend", folder_, spoilt_, message_id(1101)), "");
  }
  /// As the core does: after a fault of the session another is opened, in its own time if the back-end asks for it.
  void go_on(const Fault& fault) {
    if (fault.kind != FaultKind::unavailable) return;
    session_.reset();
    for (int tries = 0; tries < 5; ++tries) {
      auto session = subject().open();
      if (session) {
        session_ = std::move(*session);
        return;
      }
      ASSERT_EQ(session.error().kind, FaultKind::throttled) << session.error().text;
      std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(session.error().retry_after, patience));
    }
    FAIL() << "the mailbox can't be opened any more";
  }
  /// The whole folder, although some questions break the session.
  void list(Replay& walk, std::uint32_t inline_up_to) {
    int broken = 0;
    while (walk.more && broken < 4) {
      auto page = session_->changes(call(), folder_, walk.anchor, Want{50, inline_up_to, {}});
      if (page) {
        walk.apply(*page);
      } else {
        ++broken;
        ASSERT_EQ(page.error().kind, FaultKind::unavailable) << page.error().text;
        go_on(page.error());
        if (HasFatalFailure()) return;
      }
    }
    EXPECT_FALSE(walk.more) << "the listing must go on past an unreadable item";
  }
  static constexpr std::chrono::seconds patience{60};
  Bytes folder_, spoilt_;
};

TEST_F(Law11, AnUnreadableItemStopsNothingElse) {
  NEEDS(can_create, "create()");
  NEEDS_SCRATCH(folder, Kind::mail);
  std::vector<Bytes> ids;
  for (unsigned i = 0; i < 3; ++i) ids.push_back(put(*session_, folder, mail(1100 + i)));
  NEEDS_HAND("spoil", folder, ids[1], message_id(1101));
  folder_ = folder;
  spoilt_ = ids[1];
  for (const std::uint32_t inline_up_to : {0U, 65'536U}) {
    SCOPED_TRACE("contents up to " + std::to_string(inline_up_to) + " come along");
    Replay walk;
    list(walk, inline_up_to);
    if (HasFatalFailure()) return;
    EXPECT_EQ(walk.listed, 1U);
    for (const auto& id : {ids[0], ids[2]}) EXPECT_TRUE(walk.items.contains(id)) << shown(id) << " is not listed";
    if (walk.items.contains(ids[1])) EXPECT_FALSE(walk.items[ids[1]].content) << "content of what can't be read";
  }
  for (int tries = 0; tries < 3; ++tries) {
    auto bad = whole(*session_, ids[1]);
    ASSERT_FALSE(bad) << "the item can't be read, and something was given for it";
    EXPECT_FALSE(bad.error().text.empty()) << "the reason stands in the quarantine";
    // These speak of the mailbox: the core would wait for it instead of setting the item apart.
    for (const auto kind :
         {FaultKind::auth, FaultKind::throttled, FaultKind::anchor_expired, FaultKind::regressed, FaultKind::cancelled})
      EXPECT_NE(bad.error().kind, kind) << bad.error().text;
    go_on(bad.error());
    if (HasFatalFailure()) return;
    for (const auto& id : {ids[0], ids[2]}) {
      auto good = whole(*session_, id);
      ASSERT_TRUE(good) << "the others can't be read any more: " << good.error().text;
    }
  }
  NEEDS_HAND("mend", folder, ids[1], message_id(1101));
  spoilt_.clear();
  session_.reset();
  Law::SetUp();
  auto mended = whole(*session_, ids[1]);
  ASSERT_TRUE(mended) << mended.error().text;
  EXPECT_TRUE(*mended == mail(1101));
}

}  // namespace
}  // namespace tidegate::check
