// SPDX-License-Identifier: Apache-2.0
// Mail that a device sends: once, also where nobody knows what became of it.
#include <gtest/gtest.h>

#include "core/journal/commands.hpp"
#include "core/store/once.hpp"
#include "tests/core/journal/command_bed.hpp"
#include "tests/core/store/log_bed.hpp"

namespace tidegate::journal {
namespace {

using namespace std::chrono_literals;

struct SendBed : CommandBed {
  explicit SendBed(bool resends, std::uint64_t seed = 1) : CommandBed(seed) {
    settings_of.resends = resends;
    leave();
    boot();
  }
  e2e::Command sending(Bytes content) {
    auto made = creating(std::move(content));
    made.verb = e2e::Verb::send;
    made.folder = {};
    made.recipients = {"bob@example.com"};
    return made;
  }
  std::size_t filed() const {
    return static_cast<std::size_t>(
        std::ranges::count(box.mails, std::string("out"), [](const auto& each) { return each.second.folder; }));
  }
};

TEST(Sending, AMailWhoseFateIsUnknownIsAskedAbout) {
  SendBed bed(false);
  bed.box.faults_after.push_back(of(FaultKind::ambiguous));
  EXPECT_EQ(bed.insist(bed.sending("hi")).fault, code(FaultKind::ambiguous));
  EXPECT_EQ(bed.box.sent.size(), 1U);
  EXPECT_EQ(bed.filed(), 0U) << "nobody knows whether there was anything to file";
}

// A server that files what it sends itself: the copy is found, a little later.
TEST(Sending, UnlessItIsFoundInSent) {
  for (const bool resends : {false, true}) {
    for (int looks = 1; looks <= 4; ++looks) {
      SendBed bed(resends);
      bed.box.faults_after.push_back(of(FaultKind::ambiguous));
      bed.box.files_after = looks;
      const auto fault = bed.insist(bed.sending("hi")).fault;
      EXPECT_EQ(bed.filed(), resends && looks > 3 ? 1U : 0U) << "the server has filed it";
      EXPECT_EQ(bed.box.sent.size(), resends && looks > 3 ? 2U : 1U);
      EXPECT_EQ(fault, looks > 3 && !resends ? code(FaultKind::ambiguous) : 0U) << looks;
    }
  }
}

TEST(Sending, OrSentOnceMoreIfSoWanted) {
  SendBed bed(true);
  bed.box.faults_after.push_back(of(FaultKind::ambiguous));
  EXPECT_EQ(bed.insist(bed.sending("hi")).fault, 0U);
  ASSERT_EQ(bed.box.sent.size(), 2U);
  EXPECT_EQ(bed.box.sent[0].second, bed.box.sent[1].second) << "with the same Message-ID";
  EXPECT_EQ(bed.filed(), 1U);
}

TEST(Sending, ButNotAThirdTime) {
  SendBed bed(true);
  bed.box.faults_after.assign(5, of(FaultKind::ambiguous));
  EXPECT_EQ(bed.insist(bed.sending("hi")).fault, code(FaultKind::ambiguous));
  EXPECT_EQ(bed.box.sent.size(), 2U);
}

TEST(Sending, AndNeverAnInvitation) {
  SendBed bed(true);
  bed.box.faults_after.push_back(of(FaultKind::ambiguous));
  const auto invitation = bed.sending("Content-Type: TEXT/Calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n");
  EXPECT_EQ(bed.insist(invitation).fault, code(FaultKind::ambiguous));
  EXPECT_EQ(bed.box.sent.size(), 1U);
}

/// The gateway dies at each arrow, the server after each dot: twice at most, and never silently not at all.
TEST(Sending, SentOnceMoreAtMostWhereverTheGatewayDies) {
  bool died = true;
  for (std::uint64_t at = 0; died; at += 2) {
    SCOPED_TRACE(at);
    SendBed bed(true, 90 + at);
    bed.box.faults_after.push_back(of(FaultKind::ambiguous));
    const auto send = bed.sending("hi");
    bed.commands->take("ann", phone, send, [] {});
    const auto stop = bed.world.events() + at;
    while (bed.world.events() < stop && bed.told.size() < 2) bed.world.step();
    died = bed.told.size() < 2;
    bed.die(true);
    const auto result = bed.insist(send);
    EXPECT_GE(bed.box.sent.size(), 1U);
    EXPECT_LE(bed.box.sent.size(), 2U);
    EXPECT_EQ(bed.filed(), result.fault == 0 ? 1U : 0U);
    if (result.fault != 0) EXPECT_EQ(result.fault, code(FaultKind::ambiguous));
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tidegate::journal
