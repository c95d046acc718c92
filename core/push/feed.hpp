// SPDX-License-Identifier: Apache-2.0
// What one device still lacks of one view, and in which order it gets it: live changes first, then the back-fill jobs,
// inbox first, newest first (design: state). Turns log rows and contents into sync messages. Reactor thread.
//
//   idle ──head moved / job left──► asking ──rows──► emitting ──queue empty──► (Mark) ──► asking | idle
//   asking ──the log cannot be read──► waiting ──back-off──► asking
//   emitting ──content cannot be read now──► waiting ──back-off──► emitting
//   emitting ──content cannot be read at all──► left out with a sentence, into quarantine; sent when it changes
//   emitting a back-fill ──head moved──► what has not begun is put back ──► asking (live)
//   any ──settings, or a new day──► what has not begun is put back, the position gets its new windows ──► (Mark)
#pragma once
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include "core/e2e/digest.hpp"
#include "core/e2e/sync.hpp"
#include "core/push/stub.hpp"
#include "core/push/wiring.hpp"

namespace tidegate::push {

using store::Gid;

class Feed : public std::enable_shared_from_this<Feed> {
 public:
  struct Sink {
    std::move_only_function<void(e2e::ToDevice)> push;  ///< takes a message for sealing
    std::move_only_function<void()> progress;           ///< something can go on: call step() when there is room
  };
  /// `listing`: the device was told that the mailbox has not been looked through (docs/wire.md §8.14); it is told when
  /// that is over.
  Feed(const Wiring&, std::string user, store::ViewRow, e2e::Compression, e2e::Settings, bool listing, Sink);

  /// Goes on from this position (its epoch is the view's).
  void start(e2e::Position, std::uint64_t head);
  /// Answers a compare instead; start() follows within, when the device has what it lacked.
  void start_compare(const store::Head&);
  /// The same, but not before the mailbox was looked through: this log was set back, and what it does not name may be
  /// there all the same.
  void compare_when_looked_through();
  bool comparing() const noexcept { return comparing_; }
  void want(const e2e::CompareWant&);

  void changed(std::uint64_t head, bool folders);
  void wants(e2e::Settings);  ///< from now on
  /// The device has made an item of these octets: it is not sent them when the item comes from the store as it was
  /// made.
  void made(Bytes sha256, std::uint64_t size);
  void day();  ///< windows move with the days: asks whether it is another one
  /// Makes messages while `room()` says so; nothing to do: returns at once.
  void step(const std::function<bool()>& room);

  store::ViewId view() const noexcept { return view_.id; }
  const e2e::Position& position() const noexcept { return position_; }
  std::uint64_t head() const noexcept { return head_; }
  bool caught_up() const noexcept;
  void stop();  ///< no callback goes on after this

 private:
  enum class What { content, meta, remove, drop, nothing };  ///< nothing: the position passes it
  struct Entry {
    store::ItemRow row;
    What what = What::content;
    std::uint64_t job = 0;
    std::shared_ptr<const Bytes> octets;  ///< the piece that is next
    std::size_t from = 0, length = 0;     ///< within octets
    std::uint64_t offset = 0;             ///< of that piece in the content
    std::uint64_t total = 0;
    std::shared_ptr<Stub> look;  ///< the mail is looked at first: it may go as a stub
    /// It may be what this device made: its octets are read for their digest first. Then that, if it was.
    std::shared_ptr<e2e::Digest> digest;
    std::uint64_t digested = 0;
    Bytes sha256;
    std::uint64_t whole = 0;  ///< octets of the mail whose stub `octets` is; 0: they are its own
    bool chosen = false;      ///< goes only if an instance of it is wanted (docs/wire.md §8.3.1)
    bool asked = false, ready = false, begun = false, skip = false;
    bool stale = false;    ///< a read failed: the log may know another id by now
    bool resized = false;  ///< its size was corrected once
    unsigned tries = 0;
    std::uint64_t serial = 0;
  };

  void ask_folders();
  void ask_live();
  bool ask_job();
  void ask_remaining(std::uint64_t job, const store::BackfillQuery&);
  void take_live(std::vector<store::ItemRow>, std::uint64_t head, bool complete);
  void take_job(std::uint64_t job, std::vector<store::ItemRow>, bool complete);
  void enqueue(store::ItemRow, std::uint64_t job, What);
  What due(const store::ItemRow&, bool filling) const;
  void adopt_policy();
  void put_back();
  bool emit_front();
  void emit_content(Entry&);
  void emitted(const Entry&);
  void mark();
  bool all_told() const;
  void read_ahead();
  void read(Entry&);
  void look_up(Entry&);
  void read_now(Entry&);
  void got(std::uint64_t serial, Result<account::Accounts::Piece>);
  void looked(Entry&, const account::Accounts::Piece&);
  std::shared_ptr<Stub> may_be_stub(const store::ItemRow&) const;
  bool may_be_made(const store::ItemRow&, std::uint64_t job) const;
  Choice choice(const Entry&);
  void choose(Entry&);
  void leave(Entry&);
  void recognise(Entry&, const account::Accounts::Piece&);
  void begin_again(Entry&, std::uint64_t size);
  void failed(Entry&, const Fault&);
  bool worth_waiting(const Entry&, const Fault&) const;
  void leave_out(Entry&);
  void give_up(Entry&, const Fault&);  ///< into quarantine with it
  void given_up(Entry&, const Fault&);
  void retry_later(std::chrono::nanoseconds);
  void pass_over(Entry&);
  bool lacked(const Gid&) const;  ///< was left out, in this session or an earlier one
  std::chrono::seconds pause_after(unsigned tries) const;
  void answered();
  void ask_later(const char* what, const Fault&, std::move_only_function<void()> again = {});
  e2e::Job* job(std::uint64_t id);
  void list_buckets(const store::Head&);
  void push_digests(const store::Head&, const std::vector<store::Bucket>&);
  void compare_pages();
  void compare_items();
  void ended_compare();
  void end_wait();

  const Wiring& wiring_;
  std::string user_;
  store::ViewRow view_;
  e2e::Compression compression_;
  e2e::Settings settings_;
  Sink sink_;
  e2e::Position position_;
  std::uint64_t head_ = 0;
  std::deque<Entry> queue_;
  std::uint64_t next_serial_ = 1;
  std::vector<store::FolderRow> folders_;
  std::set<Gid> known_folders_;
  std::int64_t day_ = 0;  ///< since 1970
  bool folders_due_ = true, policy_due_ = true, asking_ = false, started_ = false, mark_due_ = false, stopped_ = false;
  std::uint64_t batch_head_ = 0;  ///< live may go here when the queue is empty
  bool live_complete_ = false;
  std::uint64_t complete_job_ = 0;  ///< this job is done when the queue is empty
  std::vector<std::pair<std::uint64_t, std::uint64_t>> remaining_;
  std::unique_ptr<Timer> retry_;
  std::unique_ptr<Timer> log_retry_;
  unsigned log_tries_ = 0;
  std::set<Gid> left_out_;  ///< bounded: what is beyond it is found by a compare
  bool comparing_ = false, compare_last_ = false;
  bool compare_waits_ = false;
  bool listing_;  ///< as the device was told last
  std::deque<e2e::CompareWant::Bucket> wanted_buckets_;
  std::deque<Gid> wanted_items_, wanted_metas_;
  std::deque<std::pair<std::uint64_t, Bytes>> made_;  ///< size and SHA-256 of what this device made; bounded
};

}  // namespace tidegate::push
