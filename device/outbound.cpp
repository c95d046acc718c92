// SPDX-License-Identifier: Apache-2.0
// What goes up: hints lead to looks at the Maildir (a hint may be lost, so there are looks without any), looks fill the
// journal, and the journal is sent as credit and the number of unanswered commands allow (docs/wire.md §8.8).
#include <algorithm>

#include "device/core.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

constexpr auto hint_pause = 200ms;           // a mail program does several things at once
constexpr auto sweep_every = 5min;           // every directory is listed, hints or not
constexpr int scan_share = 20;               // looking takes at most a twentieth of the disk thread's time
constexpr auto fetch_pause = 60s;            // when the store could not give it
constexpr std::size_t deleted_limit = 4096;  // deletions remembered; more: the two looks, or the sweep, tell
constexpr std::size_t sealed_ahead = std::size_t{256} << 10;  // octets of commands that wait for credit

}  // namespace

void Device::Core::start_watching() {
  watch_ = world_.watch([this](const sim::DirectoryHint& hint) { hinted(hint); });
  scan_in({});
}

void Device::Core::hinted(const sim::DirectoryHint& hint) {
  if (hint.directory.empty()) order_.whole = true;
  if (hint.deleted && order_.deleted.size() < deleted_limit) order_.deleted.insert(hint.directory + "/" + hint.name);
  if (order_.touched.size() < deleted_limit) order_.touched.insert(hint.directory);
  scan_in(hint_pause);
}

/// The earliest wish counts.
void Device::Core::scan_in(std::chrono::nanoseconds delay) {
  if (stopping_ || !running_) return;
  const auto at =
      std::max(world_.reactor().now() + std::chrono::duration_cast<sim::Instant::duration>(delay), no_scan_before_);
  if (scan_timer_ && scan_at_ <= at) return;
  scan_at_ = at;
  scan_timer_ = world_.reactor().at(at, [this] {
    scan_timer_.reset();
    scan();
  });
}

void Device::Core::scan() {
  if (scanning_ || disk_bad_ || !shelf_ || !running_ || stopping_) return;  // whoever ends that asks again
  scanning_ = true;
  auto order = std::exchange(order_, {});
  const auto now = world_.reactor().now();
  order.whole |= now >= whole_scan_at_;
  if (order.whole) whole_scan_at_ = now + sweep_every;
  on_disk(
      [order = std::move(order), &reactor = world_.reactor()](Shelf* shelf) {
        const auto began = reactor.now();
        auto done = shelf->scan(order);
        return std::make_pair(std::move(done), reactor.now() - began);
      },
      [this](std::pair<Result<Scanned>, sim::Instant::duration> done) { scanned(std::move(done.first), done.second); });
}

void Device::Core::scanned(Result<Scanned> result, std::chrono::nanoseconds took) {
  scanning_ = false;
  if (!result) return disk_failed(std::move(result.error()));
  for (const auto& note : result->notes) tell(Alarmed{note});
  if (watch_ && !result->directories.empty() && watched_ != result->directories) {
    watched_ = std::move(result->directories);
    watch_->watch(watched_);
    scan_in({});  // what happened before they were watched
  }
  policy_ = std::move(result->policy);
  say_policy();
  scanned_ = true;
  unsettled_ = result->unsettled;
  waiting_ = result->waiting;
  fetches_ = result->fetches;
  no_scan_before_ = world_.reactor().now() + std::chrono::duration_cast<sim::Instant::duration>(took) * scan_share;
  blocked_ = false;
  // Other processes journal, too (respond, queue --again): what has no answer and was not begun in this session.
  more_up_ |= result->commands > 0 || result->waiting > unanswered_.size();
  if (!order_.deleted.empty() || !order_.touched.empty() || order_.whole) scan_in(hint_pause);
  if (result->again) scan_in(Scan::settling + hint_pause);
  scan_in(std::max<sim::Instant::duration>(whole_scan_at_ - world_.reactor().now(), hint_pause));
  for (const auto& ask : result->asks)
    if (greeted_ && dialogue_) act(dialogue_->say(ask));  // else HelloAck's answers ask for it
  feed();
  fetch();
  check_idle();
}

void Device::Core::forget_upload() {
  greeted_ = more_up_ = blocked_ = fetching_ = false;
  fetch_timer_.reset();
  cursor_ = {};
  unanswered_.clear();
}

/// One range at a time: what is asked for beside the feed must not hold up what comes by itself.
void Device::Core::fetch() {
  if (!greeted_ || fetches_ == 0 || fetching_ || fetch_timer_ || disk_bad_ || !dialogue_ || !shelf_) return;
  if (dialogue_->state() != Dialogue::State::open) return;
  fetching_ = true;
  on_disk([](Shelf* shelf) { return shelf->next_fetch(); },
          [this, session = session_](Result<NextFetch> next) {
            if (!next) return disk_failed(std::move(next.error()));
            fetches_ = next->waiting;
            if (session != session_ || !dialogue_) return fetch();
            if (!next->fetch) {
              fetching_ = false;
              return check_idle();
            }
            act(dialogue_->say(*next->fetch));
          });
}

void Device::Core::fetch_later() {
  fetch_timer_ = world_.reactor().after(fetch_pause, [this] {
    fetch_timer_.reset();
    fetch();
  });
}

void Device::Core::feed() {
  if (!greeted_ || !more_up_ || blocked_ || feeding_ || disk_bad_ || !dialogue_ || !shelf_) return;
  if (dialogue_->state() != Dialogue::State::open || dialogue_->queued() > sealed_ahead) return;
  const auto room = unanswered_limit - std::min(unanswered_.size(), unanswered_limit);
  if (room == 0 && cursor_.offset == 0) return;  // a result makes room
  feeding_ = true;
  on_disk([cursor = cursor_, room](Shelf* shelf) { return shelf->upload(cursor, room); },
          [this, session = session_](Result<UploadStep> step) { fed(session, std::move(step)); });
}

void Device::Core::fed(std::uint64_t session, Result<UploadStep> step) {
  feeding_ = false;
  if (!step) return disk_failed(std::move(step.error()));
  for (const auto& note : step->notes) tell(Alarmed{note});
  if (session != session_ || !dialogue_) return feed();  // that session is over: the next one sends all of it again
  cursor_ = std::move(step->cursor);
  more_up_ = step->more;
  for (auto& id : step->begun) unanswered_.insert(std::move(id));
  for (const auto& message : step->messages) {
    act(dialogue_->say(message));
    if (session != session_ || !dialogue_) return;
  }
  if (step->blocked) {
    blocked_ = true;
    scan_in(hint_pause);
  }
  if (step->broken)
    return retry(
        Fault{FaultKind::unavailable, "disk", "A file was changed while it was sent; connecting again.", {}, {}},
        false);
  feed();
}

}  // namespace tidegate::device
