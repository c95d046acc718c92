// SPDX-License-Identifier: Apache-2.0
// Receiving and answering. Carrying out: execution.cpp.
#include "core/journal/commands.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/journal/run.hpp"
#include "core/journal/settling.hpp"

namespace tidegate::journal {

namespace {

e2e::CommandResult result_of(std::uint64_t view, const Bytes& id, const Fault& fault) {
  return {
      .view = view, .id = id, .done = true, .fault = static_cast<std::uint32_t>(fault.kind) + 1, .text = fault.text};
}

}  // namespace

Commands::Commands(Wiring wiring) : wiring_(std::move(wiring)), removals_(wiring_.settings.removals_per_hour) {}
Commands::~Commands() = default;

Commands::Lane& Commands::lane(const std::string& user) {
  const auto& settings = wiring_.settings;
  return lanes_.try_emplace(user, Lane{{}, false, {settings.retry_first, settings.retry_ceiling}, nullptr, {}})
      .first->second;
}

double Commands::dice() {
  std::uint64_t octets = 0;
  wiring_.world.reactor().random(std::as_writable_bytes(std::span(&octets, 1)));
  return static_cast<double>(octets >> 11) * 0x1p-53;
}

void Commands::resume(const std::string& user) {
  for (const auto& key : wiring_.journal.pending()) {
    if (key.user != user) continue;
    auto& queue = lane(user).queue;
    if (std::ranges::find(queue, key) == queue.end()) queue.push_back(key);
  }
  if (lanes_.contains(user)) next(user);  // most users have nothing waiting, and no lane
}

void Commands::retry(const std::string& user) {
  const auto found = lanes_.find(user);
  if (found == lanes_.end() || !found->second.rest) return;
  found->second.rest.reset();
  next(user);
}

void Commands::take(const std::string& user, View device, e2e::Command command,
                    std::move_only_function<void()> written) {
  const Key key{user, Bytes(device), command.id};
  if (const auto why = journal::refuse(command, wiring_.settings.largest)) {
    refuse(key, command.view, *why);
    return written();
  }
  auto head = command;
  head.content = {};
  const auto body = e2e::encode(e2e::ToGateway(std::move(head)));
  const auto* row = wiring_.journal.find(key);
  if (row != nullptr && row->state != store::CommandState::receiving) {
    known(*row, body);
    return written();
  }
  if (row == nullptr && wiring_.journal.count(user, device) >= wiring_.settings.most_per_device) {
    refuse(key, command.view,
           {FaultKind::quota,
            "command",
            "Too many changes of this device wait to be confirmed by it; it confirms them when it is connected.",
            {},
            {}});
    return written();
  }
  wiring_.journal.begin({.key = key, .view = command.view, .body = body, .note = {}, .result = {}});
  begin(key, std::move(command), std::move(written));
}

/// It came again after a break.
void Commands::known(const store::CommandRow& row, const Bytes& body) {
  if (row.body != body)
    return refuse(
        row.key, row.view,
        {FaultKind::conflict, "command", "Another command has this number already; it gets a new one.", {}, {}});
  if (row.state != store::CommandState::done)
    return answer(row.key, {.view = row.view, .id = row.key.id, .done = false, .text = {}});
  tell_result(row);
}

void Commands::tell_result(const store::CommandRow& row) {
  const auto result = e2e::decode_to_device(std::as_bytes(std::span(row.result)));
  if (const auto* told = result ? std::get_if<e2e::CommandResult>(&*result) : nullptr) answer(row.key, *told);
}

void Commands::begin(const Key& key, e2e::Command command, std::move_only_function<void()> written) {
  auto& receiving = receiving_[key] = {.size = command.size, .at = 0, .view = command.view};
  if (command.verb == e2e::Verb::create && wiring_.made) receiving.digest.emplace();
  auto content = e2e::unpack(std::move(command.content));
  if (!content) {
    receiving_.erase(key);
    refuse(key, command.view, content.error());
    return written();
  }
  if (command.size == 0) {
    complete(key);
    return written();
  }
  add(key, std::move(*content), false, std::move(written));
}

void Commands::part(const std::string& user, View device, const e2e::CommandPart& part,
                    std::move_only_function<void()> written) {
  const Key key{user, Bytes(device), part.id};
  const auto found = receiving_.find(key);
  if (found == receiving_.end()) return written();  // its command is known, or was refused
  auto octets = e2e::unpack(part.octets);
  const auto& under_way = found->second;
  if (!octets || part.offset != under_way.at || octets->size() > under_way.size - under_way.at) {
    receiving_.erase(found);
    const auto* row = wiring_.journal.find(key);
    refuse(key, row == nullptr ? 0 : row->view,
           {FaultKind::invalid, "command", "A part of the content does not follow the one before.", {}, {}});
    return written();
  }
  add(key, std::move(*octets), part.last, std::move(written));
}

void Commands::add(const Key& key, Bytes octets, bool last, std::move_only_function<void()> written) {
  auto& under_way = receiving_.at(key);
  const auto at = under_way.at;
  under_way.at += octets.size();
  const bool whole = under_way.at == under_way.size;
  if (last && !whole) {
    receiving_.erase(key);
    const auto* row = wiring_.journal.find(key);
    refuse(key, row == nullptr ? 0 : row->view,
           {FaultKind::invalid, "command", "The content ended before its announced size.", {}, {}});
    return written();
  }
  if (under_way.digest) under_way.digest->add(octets);
  if (whole && under_way.digest)
    wiring_.made(key.user, key.device, under_way.view, under_way.digest->finish(), under_way.size);
  // A fault is told by received(): nothing counts before that.
  wiring_.journal.append(key, at, std::move(octets),
                         [written = std::move(written)](Result<void>) mutable { written(); });
  if (whole) complete(key);
}

void Commands::complete(const Key& key) {
  receiving_.erase(key);
  wiring_.journal.received(key, if_alive([this, key](Result<void> stored) {
                             const auto* row = wiring_.journal.find(key);
                             if (row == nullptr) return;
                             if (!stored) return wiring_.broken(key.user, key.device, stored.error());
                             answer(key, {.view = row->view, .id = key.id, .done = false, .text = {}});
                             lane(key.user).queue.push_back(key);
                             next(key.user);
                           }));
}

void Commands::stored(const std::string& user, View device, View id) {
  const Key key{user, Bytes(device), Bytes(id)};
  const auto* row = wiring_.journal.find(key);
  if (row != nullptr && row->state == store::CommandState::done) wiring_.journal.forget(key, [](Result<void>) {});
}

void Commands::greet(const std::string& user, View device) {
  for (const auto& row : wiring_.journal.done(user, device)) tell_result(row);
}

void Commands::forget(const std::string& user, View device) {
  const auto of = [&](const Key& key) { return key.user == user && (device.empty() || key.device == device); };
  std::erase_if(receiving_, [&](const auto& each) { return of(each.first); });
  if (const auto found = lanes_.find(user); found != lanes_.end()) {
    // What is being carried out at this moment stands first, and finds its row gone.
    auto& queue = found->second.queue;
    for (std::size_t at = found->second.busy ? 1 : 0; at < queue.size();) {
      if (of(queue[at]))
        queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(at));
      else
        ++at;
    }
  }
  wiring_.journal.forget_all(user, device, [](Result<void>) {});
}

void Commands::decide(std::uint64_t hold, bool release, store::Done<void> done) {
  wiring_.journal.decide(hold, release,
                         if_alive([this, done = std::move(done)](Result<std::vector<Key>> freed) mutable {
                           if (!freed) return done(std::unexpected(std::move(freed.error())));
                           for (const auto& key : *freed) lane(key.user).queue.push_back(key);
                           if (!freed->empty()) next(freed->front().user);
                           done({});
                         }));
}

void Commands::answer(const Key& key, const e2e::CommandResult& result) { wiring_.tell(key.user, key.device, result); }

void Commands::refuse(const Key& key, std::uint64_t view, const Fault& why) {
  answer(key, result_of(view, key.id, why));
}

std::vector<Commands::Waiting> Commands::waiting() const {
  std::vector<Waiting> all;
  for (const auto& [user, own] : lanes_)
    if (!own.queue.empty()) all.push_back({user, own.queue.size(), own.why});
  return all;
}

}  // namespace tidegate::journal
