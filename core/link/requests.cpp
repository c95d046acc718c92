// SPDX-License-Identifier: Apache-2.0
#include "core/link/requests.hpp"

#include <utility>

namespace tidegate::link {
namespace {

wire::Answer unknown_fate(std::uint64_t request, std::string text) {
  return {.request = request, .code = wire::Code::unavailable, .text = std::move(text), .retry_after_ms = 0};
}

constexpr std::size_t report_octets = std::size_t{128} << 10;

}  // namespace

Result<std::uint64_t> Requests::number(wire::Control& control, sim::Instant now) {
  auto* field = std::visit(
      []<class T>(T& message) -> std::uint64_t* {
        if constexpr (requires { message.request; } && !std::is_same_v<T, wire::Answer>)
          return &message.request;
        else
          return nullptr;
      },
      control);
  if (!field) {
    if (std::holds_alternative<wire::StartupReport>(control) || std::holds_alternative<wire::Alert>(control) ||
        std::holds_alternative<wire::Notice>(control))
      return 0;
    return fault(FaultKind::invalid, "link", "This message is not for a gateway to send.");
  }
  if (waiting_.size() >= most)
    return fault(FaultKind::throttled, "link", "Too many requests wait for the relay's answer; try again in a minute.");
  *field = ++last_;
  waiting_.emplace(last_, now + answered_within);
  return last_;
}

std::vector<wire::Answer> Requests::overdue(sim::Instant now) {
  std::vector<wire::Answer> answers;
  while (!waiting_.empty() && waiting_.begin()->second <= now) {
    answers.push_back(unknown_fate(waiting_.begin()->first,
                                   "The relay did not answer in time; it may have been done all the same, so look "
                                   "before you repeat it."));
    waiting_.erase(waiting_.begin());
  }
  return answers;
}

std::vector<wire::Answer> Requests::lost() {
  std::vector<wire::Answer> answers;
  for (const auto& [request, due] : std::exchange(waiting_, {}))
    answers.push_back(unknown_fate(request,
                                   "The connection to the relay was lost before it answered; it may have been done all "
                                   "the same, so look before you repeat it."));
  return answers;
}

std::optional<sim::Instant> Requests::next_due() const {
  return waiting_.empty() ? std::nullopt : std::optional(waiting_.begin()->second);
}

std::vector<wire::StartupReport> cut(wire::StartupReport report) {
  std::vector<wire::StartupReport> parts(1);
  std::size_t octets = 0;
  for (auto& user : report.users) {
    const auto size = user.user.size() + user.text.size() + 16;
    if (octets + size > report_octets && !parts.back().users.empty()) {
      parts.emplace_back();
      octets = 0;
    }
    octets += size;
    parts.back().users.push_back(std::move(user));
  }
  return parts;
}

}  // namespace tidegate::link
