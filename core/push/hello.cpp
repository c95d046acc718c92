// SPDX-License-Identifier: Apache-2.0
// DeviceSession's opening: Hello, which position counts, HelloAck (design: state; end to end).
#include <algorithm>

#include "core/push/device_session.hpp"
#include "core/push/policy.hpp"

namespace tidegate::push {
namespace {

/// A new device starts live at the head; what is there already comes by one job a folder.
e2e::Position first_position(store::ViewId view, const store::Head& head) {
  return {.view = view, .epoch = head.epoch, .live = head.head, .jobs = {}, .base = head.head, .windows = no_windows()};
}

bool usable(const e2e::Position& presented, const store::Head& head) {
  return presented.epoch == head.epoch && presented.live <= head.head && presented.live >= head.floor &&
         presented.base <= presented.live;
}

}  // namespace

/// The device names the handshake hash of its previous session; the gateway keeps the last two, since the device may
/// not have heard of its last one. Another one means that two copies of the device's keys are about.
bool DeviceSession::check_history(const Bytes& previous) {
  auto device = *wiring_.directory.device(user_, device_id_);
  bool fits = device.last_hash.empty() || previous == device.last_hash ||
              (!device.previous_hash.empty() && previous == device.previous_hash);
  // Only what the device has confirmed moves back: any number of cut-off sessions in a row stays harmless.
  if (previous == device.last_hash || !fits) device.previous_hash = device.last_hash;
  device.last_hash = hash_;
  device.seen = wiring_.unix_now();
  bool first = device.state == store::DeviceState::pairing;
  if (first) device.state = store::DeviceState::active;
  auto row = device;
  wiring_.directory.put_device(std::move(device), [](Result<void>) {});
  if (first) {
    // design 4: the first KK session ends the code.
    for (const auto& code : wiring_.directory.codes())
      if (code.user == user_ && code.bound_device == device_id_)
        wiring_.directory.drop_code(user_, code.handle, [](Result<void>) {});
    wiring_.paired(row);
  }
  return fits;
}

void DeviceSession::hello(e2e::Hello said) {
  if (state_ != State::opening || open_) return end(wire::Code::invalid, "Hello came twice");
  if (!wiring_.directory.device(user_, device_id_)) return end(wire::Code::revoked, "this device was revoked");
  owner_.proven(*this);
  if (wiring_.backup_heard) wiring_.backup_heard(said.highest_backup);
  if (!check_history(said.previous)) {
    cloned_ = true;
    wiring_.alarm(user_,
                  "a device came with an older memory than it should have: it was restored from a backup, or a copy of "
                  "it is in use");
  }
  open_ = std::make_unique<Open>();
  open_->ack.gateway = wiring_.settings.gateway_name;
  open_->ack.readable_by_relay = wiring_.directory.readable_by_relay(user_, wiring_.unix_now());
  open_->listing = !wiring_.accounts.looked_through(user_);
  if (wiring_.backup_version) open_->ack.backup_version = wiring_.backup_version();
  // The first of the device's that we have: all of them are worth their while.
  const auto known = std::ranges::find_if(said.compressions, [](e2e::Compression how) {
    return how == e2e::Compression::zstd || how == e2e::Compression::deflate || how == e2e::Compression::none;
  });
  if (known != said.compressions.end()) open_->ack.compression = *known;
  wiring_.log.views(user_,
                    [weak = weak_from_this(), said = std::move(said)](Result<std::vector<store::ViewRow>> views) {
                      auto self = weak.lock();
                      if (!self || self->state_ != State::opening) return;
                      if (!views || views->empty())
                        return self->end(wire::Code::unavailable,
                                         "this user's mailbox is not open yet: the device tries again by itself");
                      self->opened(said, std::move(*views));
                    });
}

void DeviceSession::opened(const e2e::Hello& said, std::vector<store::ViewRow> views) {
  open_->left = views.size();
  for (const auto& view : views) {
    wiring_.log.head(view.id, [weak = weak_from_this(), said, view](Result<store::Head> head) {
      auto self = weak.lock();
      if (!self || self->state_ != State::opening) return;
      if (!head) return self->end(wire::Code::unavailable, "the gateway's log cannot be read: " + head.error().text);
      self->wiring_.log.folders(
          view.id, [weak, said, view, head = *head](Result<std::vector<store::FolderRow>> folders) {
            auto again = weak.lock();
            if (!again || again->state_ != State::opening) return;
            if (!folders)
              return again->end(wire::Code::unavailable, "the gateway's log cannot be read: " + folders.error().text);
            again->open_view(said, view, head, std::move(*folders));
          });
    });
  }
}

void DeviceSession::open_view(const e2e::Hello& said, const store::ViewRow& view, const store::Head& head,
                              std::vector<store::FolderRow> folders) {
  e2e::ViewInfo info{.view = view.id,
                     .name = view.mailbox,
                     .epoch = head.epoch,
                     .head = head.head,
                     .floor = head.floor,
                     .listing = open_->listing};
  auto presented = std::ranges::find(said.positions, view.id, &e2e::Position::view);
  auto windows = windows_of(said.settings, folders, wiring_.unix_now());
  if (presented == said.positions.end()) {
    info.start = first_position(view.id, head);
    cover(info.start, std::move(windows), std::move(folders));
  } else if (cloned_ || !usable(*presented, head)) {
    info.compare = true;
    info.start = first_position(view.id, head);
    info.start.windows = std::move(windows);
  } else {
    info.start = *presented;
  }
  for (const auto& health : wiring_.accounts.health(user_))
    info.unreachable_since = std::max(info.unreachable_since, health.unreachable_since);
  Feed::Sink sink{.push = [this](e2e::ToDevice message) { push(message); },
                  .progress =
                      [weak = weak_from_this()] {
                        if (auto self = weak.lock()) self->pump();
                      }};
  auto made = std::make_shared<Feed>(wiring_, user_, view, open_->ack.compression, said.settings, info.listing,
                                     std::move(sink));
  open_->feeds.emplace_back(std::move(made), head);
  open_->ack.views.push_back(std::move(info));
  if (--open_->left == 0) greet();
}

void DeviceSession::greet() {
  auto open = std::move(open_);
  state_ = State::streaming;
  last_alive_ = wiring_.world.reactor().now();
  if (cloned_)
    open->ack.alarms.emplace_back(
        "this device came with an older memory than it should have: it was restored from a backup, or a copy of it is "
        "in use; everything is compared");
  compression_ = open->ack.compression;
  pumping_ = true;  // the answer goes first; feeds begin behind it
  push(open->ack);
  for (std::size_t at = 0; at < open->feeds.size(); ++at) {
    auto& [of, head] = open->feeds[at];
    feeds_.push_back(of);
    owner_.serves(*this, of->view());
    const auto& info = open->ack.views[at];
    if (info.compare && info.listing && wiring_.set_back && wiring_.set_back())
      of->compare_when_looked_through();
    else if (info.compare)
      of->start_compare(head);
    else
      of->start(info.start, head.head);
  }
  wiring_.commands.greet(user_, device_id_);
  pumping_ = false;
  pump();
  // What was committed between reading the head and now was told to nobody: ask once.
  for (auto& of : feeds_)
    wiring_.log.head(of->view(), [weak = weak_from_this(), view = of->view()](Result<store::Head> head) {
      auto self = weak.lock();
      if (self && head) self->changed(view, head->head, false);
    });
}

}  // namespace tidegate::push
