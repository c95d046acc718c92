// SPDX-License-Identifier: Apache-2.0
// Reading contents, and the second session.
#include "tests/core/account/account_bed.hpp"

namespace tidegate::account {
namespace {

TEST(Accounts, OneSessionAUserIsSharedByReading) {
  AccountBed bed;
  bed.backend.watched = false;
  bed.backend.parks = true;
  bed.backend.sessions_per_user = 1;
  bed.backend.add("in", "m1", "hello");
  bed.serve();
  bed.wait(5s);
  EXPECT_EQ(bed.backend.calls().back(), "park");
  bed.backend.forget_calls();
  const auto piece = bed.read("m1", 1, 3);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), "ell");
  bed.wait(5s);
  EXPECT_EQ(bed.backend.count("open"), 0);
  EXPECT_EQ(bed.backend.calls().back(), "park") << "and listens again";
}

TEST(Accounts, ReadRangesAndShareOneRead) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(1000, 'a') + std::string(1000, 'b'));
  bed.serve();
  bed.wait(2s);
  const auto row = bed.changes(bed.view_id).front();
  int answers = 0;
  for (int i = 0; i < 2; ++i) {
    bed.accounts->read("ann", bed.view_id, row, 900, 200, true, [&](Result<Accounts::Piece> piece) {
      ASSERT_TRUE(piece);
      EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), std::string(100, 'a') + std::string(100, 'b'));
      EXPECT_EQ(piece->total, 2000U);
      ++answers;
    });
  }
  bed.wait(1s);
  EXPECT_EQ(answers, 2);
  EXPECT_EQ(bed.backend.count("read"), 1);
  ASSERT_TRUE(bed.read("m1", 0, 5000));
  ASSERT_TRUE(bed.read("m1", 1500, 10));
  EXPECT_EQ(bed.backend.count("read"), 2) << "the whole is in the cache now";
}

TEST(Accounts, ALargeContentIsToldWithItsSizeAndReadPieceByPiece) {
  AccountBed bed;
  const std::string large(600'000, 'x');
  bed.backend.add("in", "m1", large);
  bed.serve();
  bed.wait(2s);
  std::string got;
  while (got.size() < large.size()) {
    auto piece = bed.read("m1", got.size(), 1U << 20);
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->total, large.size());
    ASSERT_GT(piece->length, 0U);
    got += piece->octets->substr(piece->offset, piece->length);
  }
  EXPECT_EQ(got, large);
  EXPECT_EQ(bed.backend.count("read"), 3);
}

TEST(Accounts, APieceThatCameShortIsNotTakenForTheEnd) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(300'000, 'x'));
  bed.backend.most_a_read = 100'000;
  bed.serve();
  bed.wait(2s);
  auto piece = bed.read("m1", 0, 256 * 1024);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->length, 256U * 1024);
  EXPECT_EQ(piece->total, 300'000U);
}

TEST(Accounts, TheEndThatWasSeenCountsMoreThanTheSizeThatWasSaid) {
  AccountBed bed;
  bed.backend.add("in", "m1", std::string(300'000, 'x'));
  bed.serve();
  bed.wait(2s);
  auto row = bed.changes(bed.view_id).front();
  for (const std::uint64_t said : {290'000U, 280'000U, 310'000U}) {
    row.size = said;
    auto piece = store::answer_of<Accounts::Piece>(bed.world, [&](auto done) {
      bed.accounts->read("ann", bed.view_id, row, 256 * 1024, 256 * 1024, true, std::move(done));
    });
    ASSERT_TRUE(piece);
    EXPECT_EQ(piece->total, 300'000U);
  }
}

// A certificate that ran out, a page instead of IMAP, no right any more: none of it is the item's fault.
TEST(Accounts, AMailboxThatCannotBeOpenedIsNotTheItemsFault) {
  AccountBed bed;
  bed.backend.add("in", "m1", "hello");
  bed.serve();
  bed.wait(2s);
  for (const auto kind : {FaultKind::denied, FaultKind::invalid, FaultKind::unsupported, FaultKind::not_found}) {
    bed.backend.fail_next("open", kind);
    const auto piece = bed.read("m1", 0, 10);
    ASSERT_FALSE(piece);
    EXPECT_EQ(piece.error().kind, FaultKind::throttled);
  }
  bed.backend.gives_no_session = true;
  ASSERT_FALSE(bed.read("m1", 0, 10));
  bed.backend.gives_no_session = false;
  EXPECT_TRUE(bed.read("m1", 0, 10));
}

TEST(Accounts, CutThePieceWhereTheBackendCannotReadRanges) {
  AccountBed bed;
  bed.backend.ranged = false;
  bed.backend.add("in", "m1", "0123456789");
  bed.serve();
  bed.wait(2s);
  auto piece = bed.read("m1", 4, 3);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->octets->substr(piece->offset, piece->length), "456");
  EXPECT_EQ(piece->total, 10U);
}

TEST(Accounts, AMissingItemIsSaidToBeMissing) {
  AccountBed bed;
  bed.backend.add("in", "m1");
  bed.serve();
  bed.wait(2s);
  bed.backend.fail_next("read", FaultKind::not_found);
  const auto piece = bed.read("m1", 0, 10);
  ASSERT_FALSE(piece);
  EXPECT_EQ(piece.error().kind, FaultKind::not_found);
  EXPECT_TRUE(bed.read("m1", 0, 10));
}

TEST(Accounts, DeliverIntoTheInbox) {
  AccountBed bed;
  bed.serve();
  bed.wait(2s);
  ASSERT_TRUE(store::answer_of<void>(
      bed.world, [&](auto done) { bed.accounts->deliver("ann", "welcome", "token", std::move(done)); }));
  EXPECT_THAT(bed.backend.delivered(), ElementsAre("welcome"));
  EXPECT_THAT(bed.backend.calls(), Contains("create in token"));
}

class Reads {
 public:
  explicit Reads(AccountBed& bed) : bed_(bed) {
    bed.serve();
    bed.wait(2s);
    bed.backend.forget_calls();
  }
  void ask(const std::string& id, std::uint64_t size = 1, std::size_t length = 4096) {
    store::ItemRow row;
    row.gid.fill(static_cast<std::byte>(++asked_));
    row.backend = "mail";
    row.id = id;
    row.content_rev = "c";
    row.size = size;
    bed_.accounts->read("ann", bed_.view_id, row, 0, length, false, [this, id](Result<Accounts::Piece> piece) {
      got.push_back(id + (piece ? "=" + *piece->octets : ": " + std::string(to_string(piece.error().kind))));
    });
  }
  std::vector<std::string> got;

 private:
  AccountBed& bed_;
  int asked_ = 0;
};

TEST(Accounts, ReadsThatWaitShareAFlight) {
  AccountBed bed;
  Reads reads(bed);
  std::vector<std::string> wanted;
  for (int n = 0; n < 20; ++n) {
    const auto id = "r" + std::to_string(n);
    bed.backend.add("in", id, "of " + id);
    reads.ask(id, id.size() + 3);
    wanted.push_back(id + "=of " + id);
  }
  bed.wait(2s);
  EXPECT_EQ(reads.got, wanted);
  // The first goes alone, sixteen wait for it, three for them.
  EXPECT_EQ(bed.backend.count("expect"), 2);
  EXPECT_EQ(bed.backend.count("read"), 20);
}

TEST(Accounts, WhoBreaksTheSessionHearsOfItAndTheOthersComeAgain) {
  AccountBed bed;
  Reads reads(bed);
  for (const auto* id : {"a", "b", "c", "d"}) bed.backend.add("in", id, id);
  int read = 0;
  bed.backend.during_read = [&](const Call&) {
    if (++read == 3) bed.backend.fail_next("read", FaultKind::unavailable);
  };
  for (const auto* id : {"a", "b", "c", "d"}) reads.ask(id);
  bed.wait(5s);
  EXPECT_THAT(reads.got, ElementsAre("a=a", "b=b", "c: unavailable", "d=d"));
}

TEST(Accounts, NothingIsNotAnEmptyMail) {
  AccountBed bed;
  Reads reads(bed);
  bed.backend.add("in", "void", "");
  reads.ask("void", 5);
  reads.ask("void", 0);
  bed.wait(2s);
  EXPECT_THAT(reads.got, ElementsAre("void: unavailable", "void="));
}

TEST(Accounts, AFlightIsBoundedByItsOctets) {
  AccountBed bed;
  Reads reads(bed);
  for (const auto* id : {"a", "b", "c", "d", "e", "f"}) {
    bed.backend.add("in", id, id);
    reads.ask(id, 2U << 20, 256 * 1024);
  }
  bed.wait(5s);
  EXPECT_EQ(reads.got.size(), 6U);
  // One, four of a quarter of a mebioctet each, one.
  EXPECT_THAT(bed.backend.calls(), testing::Contains("expect b c d e"));
  EXPECT_EQ(bed.backend.count("expect"), 1);
}

}  // namespace
}  // namespace tidegate::account
