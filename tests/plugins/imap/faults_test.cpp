// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/faults.hpp"

#include <gtest/gtest.h>

namespace tidegate::imap {
namespace {

Fault of(const char* code, const char* text, Doing doing = Doing::reading, Verdict verdict = Verdict::no) {
  Reply reply;
  reply.verdict = verdict;
  reply.code = code;
  reply.text = text;
  return refused(reply, doing, "here");
}

TEST(Faults, codesDecide) {
  EXPECT_EQ(of("AUTHENTICATIONFAILED", "").kind, FaultKind::auth);
  EXPECT_EQ(of("UNAVAILABLE", "", Doing::login).kind, FaultKind::unavailable)
      << "a server in trouble is no bad password";
  EXPECT_EQ(of("OVERQUOTA", "").kind, FaultKind::quota);
  EXPECT_EQ(of("NONEXISTENT", "").kind, FaultKind::not_found);
  EXPECT_EQ(of("TRYCREATE", "").kind, FaultKind::not_found);
  EXPECT_EQ(of("LIMIT", "").kind, FaultKind::throttled);
  EXPECT_EQ(of("NOPERM", "").kind, FaultKind::denied);
  EXPECT_EQ(of("ALREADYEXISTS", "").kind, FaultKind::exists);
}

TEST(Faults, imap24SuggestedBackoffIsObeyed) {
  const Fault fault =
      of("", "Request is throttled. Suggested Backoff Time: 297623 milliseconds", Doing::reading, Verdict::bad);
  EXPECT_EQ(fault.kind, FaultKind::throttled);
  EXPECT_EQ(fault.retry_after, std::chrono::milliseconds(297623));
  EXPECT_EQ(of("", "throttled. Suggested Backoff Time: 4294967295 milliseconds").retry_after, std::chrono::hours(1));
}

TEST(Faults, imap22ConnectedButNotIsNoBadPassword) {
  EXPECT_EQ(of("", "User is authenticated but not connected.", Doing::login, Verdict::bad).kind, FaultKind::throttled);
}

TEST(Faults, theRestDependsOnWhatWasDone) {
  EXPECT_EQ(of("", "no", Doing::login).kind, FaultKind::auth);
  EXPECT_EQ(of("", "no", Doing::select).kind, FaultKind::unavailable) << "unexplained: may pass";
  EXPECT_EQ(of("", "Syntax error", Doing::reading, Verdict::bad).kind, FaultKind::invalid);
  EXPECT_EQ(of("", "Mailbox doesn't exist: Foo", Doing::select).kind, FaultKind::not_found);
}

// As Cyrus 3.6 says it, without a code: another try would be refused as well.
TEST(Faults, aMessageThatIsRefusedForItsFormIsNotTriedForEver) {
  for (const char* said : {"Message contains NUL characters", "Message contains bare newlines",
                           "Message contains invalid header", "Zero-length message literal"})
    EXPECT_EQ(of("", said, Doing::writing).kind, FaultKind::invalid) << said;
}

TEST(Faults, theServersWordsStayPrivate) {
  const Fault fault = of("", "Mailbox doesn't exist: Secret plans", Doing::select);
  EXPECT_EQ(fault.text.find("Secret"), std::string::npos);
  EXPECT_NE(fault.cause.find("Secret"), std::string::npos);
}

}  // namespace
}  // namespace tidegate::imap
