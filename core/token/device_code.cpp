// SPDX-License-Identifier: Apache-2.0
#include "core/token/device_code.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/token/refresh.hpp"

namespace tidegate::token {
namespace {

// Whatever the endpoint says: a code is entered within an hour, and nobody waits longer than five minutes to hear of
// it.
constexpr std::chrono::seconds longest_life{3600}, longest_interval{300};
constexpr std::chrono::seconds slower{5};  // RFC 8628 §3.5, slow_down

/// False: the Call ended first.
bool wait_until(Clock::time_point when, const Call& call) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, call.stop, std::min(when, call.deadline), [] { return false; });
  return !call.stop.stop_requested() && Clock::now() < call.deadline;
}

Result<Granted> poll(const Client& client, Request request, const Secret& secret, const DeviceCode& code,
                     const Call& call) {
  request.device_code = code.device_code;
  request.scope.clear();
  for (Polling polling(code, Clock::now());;) {
    if (!wait_until(polling.next(), call))
      return fault(FaultKind::cancelled, "token endpoint", "Nobody waits any more for the code to be entered.");
    // An assertion is good for one use.
    if (auto signed_again = prove(client, secret, request); !signed_again)
      return std::unexpected(std::move(signed_again.error()));
    if (auto over = polling.heard(ask(client.endpoint, request, call), Clock::now())) return std::move(*over);
  }
}

}  // namespace

Polling::Polling(const DeviceCode& code, Clock::time_point now)
    : interval_(std::clamp(code.interval, std::chrono::seconds(1), longest_interval)),
      next_(now + interval_),
      end_(now + std::min(code.good_for, longest_life)) {}

std::optional<Result<Granted>> Polling::heard(Result<Granted> answer, Clock::time_point now) {
  if (answer) return answer;
  const auto& said = answer.error();
  const bool asked = said.cause == "authorization_pending" || said.cause == "slow_down";
  const bool away = said.kind == FaultKind::unavailable || said.kind == FaultKind::throttled ||
                    (said.kind == FaultKind::cancelled && !asked);
  if (!asked && !away) return answer;
  if (said.cause == "slow_down") interval_ += slower;
  if (!asked) interval_ *= 2;  // RFC 8628 §3.5: so that an outage is not made longer
  interval_ = std::min(interval_, longest_interval);
  next_ = now + std::max<Clock::duration>(interval_, said.retry_after);
  if (next_ < end_) return std::nullopt;
  if (!asked) return answer;
  return fault(FaultKind::denied, said.where, "The code was not entered in time: begin again, and enter the new one.");
}

Result<void> grant_by_device_code(const Client& client, const Secret& secret, const std::string& identity,
                                  const std::function<void(const DeviceCode&)>& show, const Call& call) {
  if (!client.device_endpoint || client.refresh_token_dir.empty())
    return fault(
        FaultKind::invalid, "token_device_endpoint",
        "To grant access by a code the back-end needs token_device_endpoint = the address that gives codes, and "
        "refresh_token_dir = where the refresh token goes.");
  if (identity.empty() || identity.front() == '.' ||
      identity.find_first_of(std::string_view("/\0", 2)) != identity.npos)
    return fault(FaultKind::invalid, "refresh_token_dir", "This user's name can be no file's name.");
  const auto path = client.refresh_token_dir + "/" + identity;
  if (auto room = keep(path, {}, call); !room) return room;  // before anybody takes the trouble
  Request request{.client_id = client.id, .scope = client.scope, .auth = client.auth};
  if (auto proved = prove(client, secret, request); !proved) return proved;
  auto asking = request;
  asking.asks_device_code = true;
  auto answer = post(*client.device_endpoint, asking, call);
  if (!answer) return std::unexpected(std::move(answer.error()));
  const auto code = read_device_code(*answer);
  if (!code) return std::unexpected(code.error());
  show(*code);
  auto granted = poll(client, std::move(request), secret, *code, call);
  if (!granted) return std::unexpected(std::move(granted.error()));
  if (granted->refresh_token.empty())
    return fault(FaultKind::invalid, "token endpoint",
                 "Access was granted, but no refresh token came with it: ask for one by token_scope (often "
                 "offline_access), and allow this client refresh tokens there.");
  return keep(path, granted->refresh_token, call);
}

}  // namespace tidegate::token
