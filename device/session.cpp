// SPDX-License-Identifier: Apache-2.0
// What a sealed session brings: to the disk in batches, acknowledged when durable.
#include <algorithm>

#include "device/core.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_items = 256;
constexpr std::uint64_t batch_octets = std::uint64_t{8} << 20;
constexpr std::size_t message_cost = 512;  // of a message without content, about
constexpr auto goodbye_limit = 5s;         // for Wiped to get through
constexpr auto disk_pause = 5s;
constexpr auto look_after = 200ms;

std::size_t cost(const e2e::ToDevice& message) {
  if (const auto* item = std::get_if<e2e::Item>(&message)) return item->first.octets.size() + message_cost;
  if (const auto* part = std::get_if<e2e::ItemPart>(&message)) return part->octets.octets.size() + message_cost;
  if (const auto* range = std::get_if<e2e::Range>(&message)) return range->octets.octets.size() + message_cost;
  if (const auto* page = std::get_if<e2e::ComparePage>(&message)) return page->entries.size() * 64 + message_cost;
  return message_cost;
}

}  // namespace

e2e::Hello Device::Core::hello() {
  e2e::Hello hello;
  hello.device = settings_.name;
  hello.previous = account_.previous;
  hello.highest_backup = account_.highest_backup;
  for (const auto& [view, position] : positions_) hello.positions.push_back(position);
  hello.settings = policy_said_ = policy_;
  hello.compressions = settings_.compressions;
  return hello;
}

void Device::Core::say_policy() {
  if (!greeted_ || !dialogue_ || policy_said_ == policy_) return;
  policy_said_ = policy_;
  act(dialogue_->say(policy_));
}

void Device::Core::drop_session() {
  ++session_;
  queue_.clear();
  queued_ = 0;
  heads_.clear();
  listing_.clear();
  jobs_.clear();
  forget_upload();
}

void Device::Core::session_open(const Bytes& hash) {
  drop_session();
  session_hash_ = hash;
  session_since_ = heard_at_ = alive_said_ = world_.reactor().now();
  idle_told_ = false;
}

void Device::Core::heard(e2e::ToDevice message) {
  heard_at_ = world_.reactor().now();
  if (current_) proven_unix_ = unix_now();
  if (const auto* alarm = std::get_if<e2e::Alarm>(&message)) return tell(Alarmed{alarm->text});
  if (const auto* hold = std::get_if<e2e::Hold>(&message)) {
    if (!hold->released) tell(Alarmed{hold->text});
    return;
  }
  if (const auto* alive = std::get_if<e2e::Alive>(&message)) return know_backup(alive->backup_version);
  if (const auto* ack = std::get_if<e2e::HelloAck>(&message)) greeted(*ack);
  if (const auto* folders = std::get_if<e2e::Folders>(&message)) note_folders(*folders);
  if (const auto* mark = std::get_if<e2e::Mark>(&message)) note_mark(*mark);
  queued_ += cost(message);
  queue_.push_back(std::move(message));
  if (queued_ > settings_.queue_limit && connection_) connection_->pause(true);
  pump();
}

void Device::Core::greeted(const e2e::HelloAck& ack) {
  backoff_.succeeded();
  know_backup(ack.backup_version);
  connected_unix_ = unix_now();
  for (const auto& view : ack.views) {
    heads_[view.view] = {view.epoch, view.head};
    if (view.listing) listing_.insert(view.view);
  }
  if (!ack.gateway.empty()) account_.gateway_name = ack.gateway;
  tell(Connected{account_.relay, account_.gateway_name});
  for (const auto& alarm : ack.alarms) tell(Alarmed{alarm});
  readable_ = ack.readable_by_relay;
  if (account_.suite != wire::Suite::noise_1)
    tell(Alarmed{"This device is not end-to-end encrypted: whoever runs the relay can read what it gets."});
  else if (readable_)
    tell(Alarmed{"Another device of this account is not end-to-end encrypted: the relay can read what it gets."});
  for (const auto& view : ack.views)
    if (view.unreachable_since != 0)
      tell(Alarmed{"The mail server of " + view.name + " cannot be reached at the moment."});
  write_status();
}

/// Told again in each Hello: a gateway that was set back to an older backup hears of it.
void Device::Core::know_backup(std::uint64_t version) {
  if (version <= account_.highest_backup) return;
  account_.highest_backup = version;
  on_disk(
      [version](Shelf* shelf) {
        return shelf->with_index([&](Index& index) { index.note("highest_backup", std::to_string(version)); });
      },
      [](const Result<void>&) {});  // a disk that fails fails the next batch, too
}

void Device::Core::note_folders(const e2e::Folders& message) {
  for (const auto& info : message.folders) folders_[{message.view, info.gid}] = info;
}

void Device::Core::note_mark(const e2e::Mark& mark) {
  if (!mark.listing) listing_.erase(mark.position.view);
  for (const auto& [job, left] : mark.remaining) {
    auto& count = jobs_[{mark.position.view, job}];
    count.left = left;
    count.total = std::max(count.total, left);
  }
}

void Device::Core::pump() {
  if (applying_ || queue_.empty() || disk_bad_ || !shelf_) return;
  std::vector<e2e::ToDevice> batch;
  std::size_t octets = 0;
  bool greets = false;
  while (!queue_.empty() && batch.size() < batch_items && octets < batch_octets) {
    octets += cost(queue_.front());
    greets |= std::holds_alternative<e2e::HelloAck>(queue_.front());
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queued_ -= octets;
  applying_ = true;
  on_disk(
      [batch = std::move(batch), hash = greets ? session_hash_ : Bytes()](Shelf* shelf) mutable -> Result<Applied> {
        auto done = shelf->apply(std::move(batch));
        // The gateway has confirmed this session: from now on it is the one to be named in the next Hello.
        if (done && !hash.empty())
          if (auto kept = shelf->with_index([&](Index& index) { index.note("previous", hash); }); !kept)
            return std::unexpected(kept.error());
        return done;
      },
      [this, session = session_, hash = greets ? session_hash_ : Bytes()](Result<Applied> done) {
        if (done && !hash.empty()) account_.previous = hash;
        applied(session, std::move(done));
      });
}

void Device::Core::applied(std::uint64_t session, Result<Applied> result) {
  applying_ = false;
  if (!result) return disk_failed(std::move(result.error()));
  for (const auto& [view, position] : result->started) positions_.try_emplace(view, position);
  for (const auto& note : result->notes) tell(Alarmed{note});
  if (result->commands_left) waiting_ = *result->commands_left;
  more_up_ |= result->more_up;
  if (result->greeted && session == session_) greeted_ = more_up_ = true;
  say_policy();
  if (result->fetched && session == session_) {
    fetching_ = false;
    if (result->fetch_later) fetch_later();
  }
  for (const auto& answer : result->answers) {
    if (const auto* ack = std::get_if<e2e::Ack>(&answer)) {
      positions_[ack->position.view] = ack->position;
      if (session == session_) acknowledged(ack->position);
    }
    if (const auto* stored = std::get_if<e2e::CommandStored>(&answer)) unanswered_.erase(stored->id);
    // An answer belongs to the session that asked: in another one it would name what was not sent there.
    if (session == session_ && dialogue_) act(dialogue_->say(answer));
  }
  if (result->wiped) {
    said_wiped_ = true;
    if (session != session_ || !dialogue_) return wiped();
    act(dialogue_->say(e2e::Wiped{}));
    disk_timer_ = world_.reactor().after(goodbye_limit, [this] { wiped(); });
    return;
  }
  if (connection_ && connection_->paused() && queued_ < settings_.queue_limit / 2) connection_->pause(false);
  pump();
  feed();
  fetch();
  scan_in(look_after);  // folders may be new: they are to be watched
  if (session == session_) check_idle();
}

void Device::Core::acknowledged(const e2e::Position& position) {
  for (const auto& job : position.jobs) {
    const auto count = jobs_.find({position.view, job.id});
    if (count == jobs_.end()) continue;
    const auto folder = folders_.find({position.view, job.folder});
    if (folder != folders_.end() && count->second.total < folder->second.items)
      count->second.total = folder->second.items;
    tell(Progress{folder == folders_.end() ? "a folder" : folder->second.name,
                  count->second.total - (job.done ? 0 : std::min(count->second.left, count->second.total)),
                  count->second.total});
  }
}

void Device::Core::check_idle() {
  if (heads_.empty() || applying_ || !queue_.empty()) return;
  bool jobs_left = false;
  for (const auto& [view, head] : heads_) {
    const auto position = positions_.find(view);
    if (position == positions_.end() || position->second.epoch != head.first || position->second.live < head.second)
      return;
    for (const auto& job : position->second.jobs) jobs_left |= !job.done;
  }
  if (!std::exchange(current_, true)) {
    proven_unix_ = unix_now();
    tell(Current{});
    write_status();
  }
  if (!scanned_ || unsettled_ || waiting_ > 0) return;  // something is still to go up
  if (fetches_ > 0 && !fetch_timer_) return;
  if (!jobs_left && listing_.empty() && !std::exchange(idle_told_, true)) tell(Idle{});
}

/// Nothing of that batch was acknowledged. The session ends, and when the disk is well again the gateway sends from
/// the position on it.
void Device::Core::disk_failed(Fault why) {
  disconnect();
  drop_session();
  if (stopping_ || !running_) return;
  disk_bad_ = true;
  current_ = false;
  last_error_ = why.text;
  std::uint64_t dice = 0;
  world_.reactor().random(std::as_writable_bytes(std::span(&dice, 1)));
  std::chrono::milliseconds delay;
  if (why.kind == FaultKind::invalid || why.kind == FaultKind::too_large) {
    delay = backoff_.next(dice);
    tell(NotCurrent{proven_unix_, std::move(why), delay});
  } else {
    delay = std::max<std::chrono::milliseconds>(disk_backoff_.next(dice), disk_pause);
    tell(DiskTrouble{std::move(why)});
  }
  disk_timer_ = world_.reactor().after(delay, [this] { try_disk(); });
}

void Device::Core::try_disk() {
  on_disk([](Shelf* shelf) { return shelf->recover(); },
          [this](Result<void> fine) {
            if (!fine) return disk_failed(fine.error());
            disk_bad_ = false;
            disk_backoff_.succeeded();
            tell(DiskFine{});
            scan_in({});
            if (running_) connect();
          });
}

void Device::Core::wiped() {
  if (!std::exchange(said_wiped_, false)) return;
  disk_timer_.reset();
  running_ = false;
  disconnect();
  drop_session();
  positions_.clear();
  on_disk(
      [&files = world_.files(), state = settings_.state](Shelf* shelf) -> Result<void> {
        if (auto gone = forget_identity(files, state); !gone) return gone;
        return shelf->with_index([](Index& index) { index.forget_notes(); });
      },
      [this](Result<void> done) {
        if (!done) return stopped(done.error());
        account_ = {};
        tell(Wiped{});
      });
}

std::string Device::Core::way_out_shown() const {
  const auto endpoint = parse_relay(account_.relay);
  return endpoint ? shown(account_.way_out, settings_.environment, *endpoint) : std::string();
}

void Device::Core::write_status() {
  const std::string text = "connected_unix=" + std::to_string(connected_unix_) +
                           "\nproven_unix=" + std::to_string(proven_unix_) + "\ncurrent=" + (current_ ? "1" : "0") +
                           "\nreadable=" + (readable_ ? "1" : "0") + "\nproxy=" + way_out_shown() +
                           "\nlast_error=" + last_error_ + "\n";
  if (text == status_written_ || !shelf_) return;
  status_written_ = text;
  // Only for `tidegate-device status`: not synced, and a failure is of no account.
  on_disk(
      [&files = world_.files(), path = settings_.state + "/status", text](const Shelf*) {
        (void)files.remove(path + ".new");
        if (files.create(path + ".new", text, 0600)) (void)files.rename(path + ".new", path);
        return 0;
      },
      [](int) {});
}

}  // namespace tidegate::device
