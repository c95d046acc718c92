// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/streams.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace tidegate::ews {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view cookie_name = "X-BackEndOverrideCookie";
constexpr milliseconds calm{200};  // mailboxes that come one after another are one change
constexpr seconds call_time{60};
constexpr std::string_view moved_code = "ErrorProxyRequestNotAllowed";
constexpr std::size_t envelope_most = 8U << 20;
// Of users with logins of their own, who share no stream; whoever comes after them is polled.
constexpr std::size_t own_streams_most = 100;

milliseconds back_off(int failed) {
  return std::min<milliseconds>(milliseconds(500) * (1 << std::min(failed, 10)), minutes(5));
}

Fault no_room(const std::string& where) {
  return {FaultKind::unavailable, where, "There is no room to watch one more mailbox; it is polled.", {}, {}};
}

}  // namespace

std::string cookie_in(const http::Fields& fields, std::string_view name) {
  for (const auto& field : fields.all()) {
    if (field.name.size() != 10 || !http::Fields{field}.find("Set-Cookie")) continue;
    const std::string_view value = field.value;
    if (!value.starts_with(name) || value.substr(name.size(), 1) != "=") continue;
    const auto held = value.substr(name.size() + 1);
    return std::string(held.substr(0, held.find(';')));
  }
  return {};
}

Streams::Streams(EwsBackend& backend, Hints& hints) : backend_(backend), hints_(hints) {
  ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
  if (backend_.settings().autodiscover) usher_ = std::jthread([this](const std::stop_token& stop) { usher(stop); });
}

Streams::~Streams() {
  usher_.request_stop();
  changed_.notify_all();
  if (usher_.joinable()) usher_.join();
  {
    const std::lock_guard lock(mutex_);
    for (auto& group : groups_) {
      group.thread.request_stop();
      group.interrupt.request_stop();
    }
  }
  changed_.notify_all();
  for (auto& group : groups_)
    if (group.thread.joinable()) group.thread.join();
  ticker_.request_stop();
  merged_.notify_all();
  ticker_.join();
}

void Streams::add(View mailbox) noexcept {
  std::optional<Fault> failed;
  try {
    const std::lock_guard lock(mutex_);
    if (where_.contains(mailbox) || lobby_.contains(mailbox)) return;
    if (backend_.settings().autodiscover)
      lobby_.emplace(std::string(mailbox), Waiting{});
    else if (!settle_in(std::string(mailbox), {}))
      failed = no_room(backend_.where());
  } catch (const std::exception&) {
    failed = no_room(backend_.where());
  }
  if (failed) hints_.lost(mailbox, *failed);
  changed_.notify_all();
}

bool Streams::settle_in(const std::string& mailbox, const std::string& key) {
  auto found = std::ranges::find_if(
      groups_, [&](const Group& group) { return group.key == key && group.members.size() < room(); });
  if (found == groups_.end())
    found = std::ranges::find_if(groups_, [&](const Group& each) { return each.members.empty(); });
  if (found == groups_.end()) {
    if (!backend_.acts_for_all() && groups_.size() >= own_streams_most) return false;
    groups_.emplace_back();
    found = std::prev(groups_.end());
  }
  Group& group = *found;
  if (group.key != key) {
    group.key = key;
    group.cookie.clear();
  }
  group.members.emplace(mailbox, Member{});
  where_.emplace(mailbox, &group);
  group.changed = Clock::now();
  group.interrupt.request_stop();
  if (!group.thread.joinable())
    group.thread = std::jthread([this, &group](const std::stop_token& stop) { run(stop, group); });
  return true;
}

void Streams::relocate(Group& group, const std::string& mailbox) {
  backend_.moved({mailbox, {}});
  group.members.erase(mailbox);
  where_.erase(mailbox);
  lobby_.emplace(mailbox, Waiting{});
  changed_.notify_all();
}

void Streams::usher(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto next = std::ranges::min_element(lobby_, {}, [](const auto& each) { return each.second.again; });
    if (next == lobby_.end()) {
      changed_.wait(lock, stop, [this] { return !lobby_.empty(); });
      continue;
    }
    if (next->second.again > Clock::now()) {
      changed_.wait_until(lock, stop, next->second.again, [] { return false; });
      continue;
    }
    const auto mailbox = next->first;
    lock.unlock();
    const auto place = backend_.place({backend_.host().now() + call_time, stop, 0}, {mailbox, {}});
    lock.lock();
    const auto waiting = lobby_.find(mailbox);
    if (waiting == lobby_.end()) continue;  // gone meanwhile
    std::optional<Fault> failed;
    if (!place) {
      waiting->second.again = Clock::now() + back_off(waiting->second.failed++ + 3);
      failed = place.error();
    } else {
      lobby_.erase(waiting);
      if (!settle_in(mailbox, place->url.text() + '\n' + place->group)) failed = no_room(backend_.where());
    }
    lock.unlock();
    if (failed && !stop.stop_requested()) hints_.lost(mailbox, *failed);
    changed_.notify_all();
    lock.lock();
  }
}

// The subscriptions of a stream are of one identity, that of who opens it (EWS-07).
std::size_t Streams::room() const { return backend_.acts_for_all() ? backend_.settings().stream_mailboxes : 1; }

void Streams::drop(View mailbox) noexcept {
  const std::lock_guard lock(mutex_);
  if (const auto waiting = lobby_.find(mailbox); waiting != lobby_.end()) lobby_.erase(waiting);
  const auto found = where_.find(mailbox);
  if (found == where_.end()) return;
  Group& group = *found->second;
  const auto member = group.members.find(found->first);
  if (!member->second.subscription.empty())
    group.leaving.emplace_back(found->first, std::move(member->second.subscription));
  merger_.forget(found->first);
  group.members.erase(member);
  where_.erase(found);
  group.changed = Clock::now();
  group.interrupt.request_stop();
  // Its connection is one less: those that were one too many (EWS-02) need not wait.
  if (group.members.empty())
    for (auto& other : groups_) other.changed = group.changed;
  changed_.notify_all();
}

void Streams::run(const std::stop_token& stop, Group& group) {
  int failed = 0;
  bool hint_all = false;
  while (settle(stop, group)) {
    leave(stop, group);
    if (!subscribe(stop, group)) {
      pause(stop, group, back_off(++failed));
      continue;
    }
    const auto began = Clock::now();
    const auto end = listen(stop, group, hint_all);
    hint_all = end == End::badly;
    if (end == End::well || Clock::now() - began > minutes(1)) failed = 0;
    if (end == End::badly || (end == End::subscriptions_lost && failed++ > 0)) pause(stop, group, back_off(failed++));
  }
}

// Until no mailbox has come or gone for a moment. False: stop.
bool Streams::settle(const std::stop_token& stop, Group& group) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stop.stop_requested()) return false;
    if (group.members.empty() && group.leaving.empty()) {
      changed_.wait(lock, stop, [&] { return !group.members.empty() || !group.leaving.empty(); });
      continue;
    }
    const auto until = group.changed + calm;
    if (Clock::now() >= until) break;
    changed_.wait_until(lock, stop, until, [] { return false; });
  }
  group.interrupt = std::stop_source{};
  return true;
}

void Streams::pause(const std::stop_token& stop, Group& group, Clock::duration time) {
  std::unique_lock lock(mutex_);
  const auto before = group.changed;
  changed_.wait_for(lock, stop, time, [&] { return group.changed != before; });
}

void Streams::leave(const std::stop_token& stop, Group& group) {
  std::unique_lock lock(mutex_);
  auto leaving = std::exchange(group.leaving, {});
  lock.unlock();
  for (const auto& [mailbox, subscription] : leaving) {
    const Call call{backend_.host().now() + call_time, stop, 0};
    // If it is not heard, the subscription runs out by itself.
    (void)backend_.one(call, {mailbox, {}}, "Unsubscribe", [&](Version) { return unsubscribe(subscription); });
  }
}

http::Fields Streams::affinity(const Group& group, const std::string& anchor) const {
  http::Fields fields{{"X-AnchorMailbox", anchor}, {"X-PreferServerAffinity", "true"}};
  if (!group.cookie.empty()) fields.add("Cookie", fmt::format("{}={}", cookie_name, group.cookie));
  return fields;
}

bool Streams::subscribe(const std::stop_token& stop, Group& group) {
  std::vector<std::string> missing;
  std::string anchor;
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (group.members.empty()) return true;
    anchor = group.members.begin()->first;
    for (const auto& [mailbox, member] : group.members)
      if (member.subscription.empty() && member.again <= now) missing.push_back(mailbox);
  }
  for (const auto& mailbox : missing) {
    if (stop.stop_requested()) return false;
    const Call call{backend_.host().now() + call_time, stop, 0};
    Bytes id;
    std::optional<Trouble> trouble;
    Answer answer({"SubscribeResponseMessage"}, [&](xml::Element&& message) -> Result<void> {
      trouble = trouble_of(message);
      id = words(message, "SubscriptionId");
      return {};
    });
    auto fields = affinity(group, anchor);
    auto done = backend_.ask(call, {mailbox, {}}, [](Version) { return subscribe_streaming(); }, answer, fields);
    std::optional<Fault> failed;
    if (!done)
      failed = done.error();
    else if (trouble)
      failed = backend_.fault(*trouble, {mailbox, {}});
    else if (id.empty())
      failed = Fault{FaultKind::invalid, backend_.where(), "The Exchange server gave a subscription no id.", {}, {}};
    {
      const std::lock_guard lock(mutex_);
      const auto member = group.members.find(mailbox);
      if (done && group.cookie.empty()) group.cookie = cookie_in(done->fields, cookie_name);
      if (member == group.members.end()) {  // gone meanwhile
        if (!failed) group.leaving.emplace_back(mailbox, id);
        continue;
      }
      if (trouble && trouble->deciding() == moved_code && backend_.settings().autodiscover)
        relocate(group, mailbox);
      else if (failed)
        member->second.again =
            Clock::now() + std::max<Clock::duration>(failed->retry_after, back_off(member->second.failed++ + 3));
      else
        member->second = {.subscription = id};
    }
    if (stop.stop_requested()) return false;
    if (failed)
      hints_.lost(mailbox, *failed);
    else
      hints_.hint(mailbox, {{}, true});  // what came before the subscription no event tells
  }
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(group.members, [](const auto& each) { return !each.second.subscription.empty(); });
}

Streams::End Streams::listen(const std::stop_token& stop, Group& group, bool hint_all) {
  std::vector<Bytes> ids;
  std::string anchor;
  std::stop_source interrupt;
  Clock::time_point until = Clock::now() + patience(backend_.settings().stream_minutes);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [mailbox, member] : group.members) {
      if (!member.subscription.empty())
        ids.push_back(member.subscription);
      else
        until = std::min(until, std::max(member.again, Clock::now() + seconds(1)));  // it is to be tried again
    }
    if (ids.empty()) return End::well;
    anchor = group.members.begin()->first;
    interrupt = group.interrupt;
  }
  const std::stop_callback both(stop, [&interrupt] { interrupt.request_stop(); });
  std::optional<Fault> failed;
  bool closed = false, open = false, lost = false;
  Envelopes envelopes(envelope_most);
  const auto take = [&](std::string_view envelope_) {
    Answer answer({"GetStreamingEventsResponseMessage"}, [&](xml::Element&& message) -> Result<void> {
      const auto notices = notices_in(message);
      closed |= notices.closed;
      if (notices.trouble) {
        failed = backend_.stream_fault(*notices.trouble, {anchor, {}});
        lost = lose(group, notices);
        return {};
      }
      if (!open && hint_all) tell_all(group);
      open = true;
      heard(group, notices);
      return {};
    });
    answer.feed(envelope_);
    const auto whole = answer.finish();
    if (answer.fault())
      failed = backend_.fault(*answer.fault(), {anchor, {}});
    else if (!whole)
      failed = whole.error();
    return !failed && !closed;
  };
  const Call call{backend_.host().now() + (until - Clock::now()), interrupt.get_token(), 0};
  auto response =
      backend_.stream(call, {anchor, {}}, get_streaming_events(ids, backend_.settings().stream_minutes),
                      affinity(group, anchor), [&](std::string_view piece) {
                        if (envelopes.feed(piece, take)) return true;
                        if (!failed && !closed)
                          failed = Fault{FaultKind::invalid, backend_.where(), "A stream of events is no EWS.", {}, {}};
                        return false;
                      });
  if (interrupt.stop_requested() || closed) return End::well;
  if (!response && response.error().kind == FaultKind::cancelled) return End::well;  // its time was over
  if (!failed && !response) failed = response.error();
  if (!failed && response->status / 100 != 2) failed = web::fault_of(*response, "opening a stream of events");
  if (!failed)
    failed = Fault{FaultKind::unavailable, backend_.where(), "The Exchange server ended a stream of events.", {}, {}};
  backend_.host().log(
      2, fmt::format("a stream of events of {} mailboxes ended: {} ({})", ids.size(), failed->text, failed->cause));
  if (lost) return End::subscriptions_lost;
  std::vector<std::string> mailboxes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [mailbox, member] : group.members) mailboxes.push_back(mailbox);
  }
  for (const auto& mailbox : mailboxes) hints_.lost(mailbox, *failed);
  return End::badly;
}

void Streams::heard(Group& group, const Notices& notices) {
  std::vector<std::pair<std::string, Hint>> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& of : notices.of) {
      for (const auto& [mailbox, member] : group.members) {
        if (member.subscription != of.subscription) continue;
        Hint hint{of.folders, false};
        if (of.tree) hint.scopes.emplace_back();
        found.emplace_back(mailbox, std::move(hint));
      }
    }
  }
  for (auto& [mailbox, hint] : found) pass(mailbox, std::move(hint));
}

bool Streams::lose(Group& group, const Notices& notices) {
  const std::lock_guard lock(mutex_);
  const auto code = notices.trouble->deciding();
  const bool subscriptions = kind_of(code) == FaultKind::anchor_expired || code == moved_code ||
                             code == "ErrorSubscriptionAccessDenied";  // of another account than the present one
  if (!subscriptions && notices.lost.empty()) return false;
  for (auto& [mailbox, member] : group.members) {
    const bool named = std::ranges::find(notices.lost, member.subscription) != notices.lost.end();
    if (named || notices.lost.empty()) member = {};
  }
  if (code == moved_code && backend_.settings().autodiscover) {
    const auto all = group.members;
    for (const auto& [mailbox, member] : all)
      if (member.subscription.empty()) relocate(group, mailbox);
  }
  // The mailbox may be on another server now; affinity is found anew.
  group.cookie.clear();
  return true;
}

void Streams::tell_all(Group& group) {
  std::vector<std::string> mailboxes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [mailbox, member] : group.members) mailboxes.push_back(mailbox);
  }
  for (const auto& mailbox : mailboxes) hints_.hint(mailbox, {{}, true});
}

void Streams::pass(const std::string& mailbox, Hint hint) {
  std::optional<Hint> now;
  {
    const std::lock_guard lock(mutex_);
    now = merger_.arrived(mailbox, std::move(hint), Clock::now());
  }
  merged_.notify_one();
  if (now) hints_.hint(mailbox, *now);
}

void Streams::tick(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto next = merger_.next();
    if (!next) {
      merged_.wait(lock, stop, [this] { return merger_.next().has_value(); });
      continue;
    }
    merged_.wait_until(lock, stop, *next, [] { return false; });
    auto due = merger_.due(Clock::now());
    lock.unlock();
    for (const auto& [mailbox, hint] : due) hints_.hint(mailbox, hint);
    lock.lock();
  }
}

}  // namespace tidegate::ews
