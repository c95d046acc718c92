// SPDX-License-Identifier: Apache-2.0
#include "core/push/sessions.hpp"

#include <algorithm>

namespace tidegate::push {

bool AttemptGuard::allows(const std::string& user, const std::string& what, sim::Instant now) {
  std::erase_if(counts_, [now](const auto& each) { return each.second.window_ends <= now; });
  auto found = counts_.find({user, what});
  return found == counts_.end() || found->second.attempts < limit_;
}

void AttemptGuard::count(const std::string& user, const std::string& what, sim::Instant now) {
  constexpr std::size_t most = 4096;  // a relay that invents handles gets no memory of ours
  if (counts_.size() >= most && !counts_.contains({user, what})) return;
  auto& count = counts_[{user, what}];
  if (count.attempts++ == 0) count.window_ends = now + std::chrono::minutes(1);
}

Sessions::Sessions(Wiring wiring) : wiring_(std::move(wiring)), guard_(wiring_.settings.pairing_failures) {
  if (wiring_.settings.vmes_1) agreements_ = std::make_unique<Agreements>(wiring_);
  arm_sweep();
}

Sessions::~Sessions() = default;

void Sessions::arm_sweep() {
  sweep_ = wiring_.world.reactor().after(wiring_.settings.sweep, [this] {
    sweep();
    arm_sweep();
  });
}

void Sessions::sweep() {
  auto now = wiring_.world.reactor().now();
  std::vector<std::shared_ptr<DeviceSession>> all;
  all.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) all.push_back(session);
  for (const auto& session : all) session->sweep(now);
}

void Sessions::frame(wire::Frame in) {
  auto found = sessions_.find(in.id);
  auto type = static_cast<wire::FrameType>(in.type);
  if (found != sessions_.end() && found->second->generation() != in.generation) {
    if (in.generation < found->second->generation()) {
      wiring_.outlet.send(
          {.target = wire::Target::device,
           .id = in.id,
           .generation = in.generation,
           .type = static_cast<std::uint32_t>(wire::FrameType::close),
           .number = 0,
           .body = wire::encode(wire::Closed{.code = wire::Code::moved, .text = "this session moved on"})});
      return;
    }
    auto old = found->second;
    old->end(wire::Code::moved, "the device session moved to another relay node", false);
    found = sessions_.end();
  }
  if (found == sessions_.end()) {
    if (type != wire::FrameType::wake_up) return;  // a session that ended here; its Closed is on the way
    auto made = std::make_shared<DeviceSession>(wiring_, *this, in.id, in.generation);
    found = sessions_.emplace(in.id, made).first;
  }
  auto session = found->second;
  bool unnamed = session->user().empty();
  session->frame(std::move(in));
  if (unnamed && !session->user().empty() && sessions_.contains(session->id()))
    by_user_[session->user()].push_back(session->id());
}

void Sessions::credit(std::uint64_t id) {
  if (auto found = sessions_.find(id); found != sessions_.end()) found->second->credit();
}

void Sessions::lost() {
  auto all = std::exchange(sessions_, {});
  by_user_.clear();
  by_view_.clear();
  for (auto& [id, session] : all) session->end(wire::Code::gateway_away, "the channel to the relay was lost", false);
}

void Sessions::users(const wire::ActivateUsers& now) {
  if (now.whole) activated_.clear();
  for (const auto& each : now.users) {
    if (each.state == wire::UserState::gone)
      activated_.erase(each.user);
    else
      activated_[each.user] = each.state;
  }
  std::vector<std::shared_ptr<DeviceSession>> refused;
  for (const auto& [id, session] : sessions_)
    if (!session->user().empty() && refuses(session->user())) refused.push_back(session);
  for (auto& session : refused) session->end(wire::Code::forbidden, "the relay suspended this user");
}

std::optional<std::string> Sessions::refuses(const std::string& user) const {
  if (!wiring_.directory.user(user)) return "this gateway does not serve that user: tidegatectl user add";
  auto found = activated_.find(user);
  if (found == activated_.end()) return "the relay has not activated that user";
  if (found->second != wire::UserState::active) return "the relay has suspended that user";
  return std::nullopt;
}

void Sessions::serves(DeviceSession& session, store::ViewId view) { by_view_[view].push_back(session.id()); }

void Sessions::changed(store::ViewId view, std::uint64_t head, bool folders) {
  auto ids = by_view_.find(view);
  if (ids == by_view_.end()) return;
  for (auto id : std::vector(ids->second))
    if (auto found = sessions_.find(id); found != sessions_.end()) {
      auto session = found->second;
      session->changed(view, head, folders);
    }
}

std::vector<std::shared_ptr<DeviceSession>> Sessions::of_user(const std::string& user) const {
  std::vector<std::shared_ptr<DeviceSession>> found;
  if (auto ids = by_user_.find(user); ids != by_user_.end())
    for (auto id : ids->second)
      if (auto session = sessions_.find(id); session != sessions_.end()) found.push_back(session->second);
  return found;
}

void Sessions::proven(DeviceSession& newer) {
  for (auto& older : of_user(newer.user()))
    if (older.get() != &newer && older->device_id() == newer.device_id())
      older->end(wire::Code::superseded, "a newer connection of this device took over");
  wiring_.accounts.attend(newer.user());
}

void Sessions::ended(std::uint64_t id) {
  auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto session = found->second;
  sessions_.erase(found);
  auto forget = [id](auto& index, const auto& key) {
    auto entry = index.find(key);
    if (entry == index.end()) return;
    std::erase(entry->second, id);
    if (entry->second.empty()) index.erase(entry);
  };
  forget(by_user_, session->user());
  for (auto view : session->views()) forget(by_view_, view);
}

void Sessions::revoked(const std::string& user, View device_id) {
  for (auto& session : of_user(user))
    if (session->device_id() == device_id) session->end(wire::Code::revoked, "this device was revoked");
}

void Sessions::removed(const std::string& user) {
  for (auto& session : of_user(user)) session->end(wire::Code::forbidden, "this user is not served any more");
}

void Sessions::alarm(const std::string& user, const std::string& text) {
  for (auto& session : of_user(user)) session->alarm(text);
}

void Sessions::answer(const std::string& user, View device_id, const e2e::CommandResult& result) {
  for (auto& session : of_user(user))
    if (session->device_id() == device_id) session->answer(result);
}

void Sessions::made(const std::string& user, View device_id, store::ViewId view, const Bytes& sha256,
                    std::uint64_t size) {
  for (auto& session : of_user(user))
    if (session->device_id() == device_id) session->made(view, sha256, size);
}

void Sessions::broken(const std::string& user, View device_id, const std::string& text) {
  for (auto& session : of_user(user))
    if (session->device_id() == device_id) session->end(wire::Code::unavailable, text);
}

std::vector<Sessions::Shown> Sessions::shown() const {
  std::vector<Shown> all;
  for (const auto& [id, session] : sessions_)
    all.push_back({session->user(), session->device_id(), session->streaming(), session->current()});
  return all;
}

}  // namespace tidegate::push
