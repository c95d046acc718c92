// SPDX-License-Identifier: Apache-2.0
#include "core/ctl/batch.hpp"

#include <algorithm>
#include <utility>

namespace tidegate::ctl {
namespace {

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  const auto first = line.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(blanks) - first + 1);
}

/// Faults that the next value would meet as well.
bool meets_all(Exit exit, const std::optional<Fault>& fault) {
  if (exit == Exit::not_running || exit == Exit::denied) return true;
  return fault && (fault->kind == FaultKind::unavailable || fault->kind == FaultKind::throttled);
}

}  // namespace

std::vector<std::string> list_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    if (!line.empty() && line.front() != '#') lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Batch::Batch(sim::World& world, std::string socket, Request request, std::string field, std::vector<std::string> values,
             OnAnswer answered)
    : world_(world),
      socket_(std::move(socket)),
      field_(std::move(field)),
      request_(std::move(request)),
      values_(std::move(values)),
      answered_(std::move(answered)) {}

Batch::~Batch() = default;

void Batch::start() {
  for (std::size_t i = 0; i < std::min(at_once, values_.size()); ++i) {
    slots_.push_back(std::make_unique<Slot>());
    ask(*slots_.back());
  }
}

void Batch::ask(Slot& slot) {
  slot.client.reset();
  if (stopped_ || next_ == values_.size()) return;
  auto request = request_;
  request.fields[field_] = values_[next_++];
  slot.answer = {};
  ++under_way_;
  slot.client = Client::ask(
      world_, socket_, request,
      [&slot](std::string_view raw, const Line& line) {
        slot.answer.raw.emplace_back(raw);
        slot.answer.lines.push_back(line);
      },
      [this, &slot](Exit exit, std::optional<Fault> fault) { ended(slot, exit, std::move(fault)); });
}

void Batch::ended(Slot& slot, Exit exit, std::optional<Fault> fault) {
  slot.answer.exit = exit;
  slot.answer.fault = std::move(fault);
  if (exit == Exit::done) {
    ++done_;
  } else if (slot.answer.fault && slot.answer.fault->kind == FaultKind::exists) {
    ++passed_over_;
  } else {
    ++refused_;
    if (exit_ == Exit::done) exit_ = exit;
    stopped_ = stopped_ || meets_all(exit, slot.answer.fault);
  }
  answered_(slot.answer);
  --under_way_;
  // Not here: the client that tells of its end is still at work.
  world_.reactor().post([this, &slot, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) ask(slot);
  });
}

}  // namespace tidegate::ctl
