// SPDX-License-Identifier: Apache-2.0
// The first refresh token, by a code that a person enters in any browser (RFC 8628).
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "core/token/source.hpp"

namespace tidegate::token {

/// What the device authorization endpoint gave.
struct DeviceCode {
  std::string device_code;                  ///< a secret
  std::string user_code, verification_uri;  ///< for a person; printable
  std::chrono::seconds good_for{}, interval{5};
};
/// Faults as read_answer(). Pure.
Result<DeviceCode> read_device_code(const Answer&);

/// When the token endpoint is asked whether the code was entered (RFC 8628 §3.5). Pure.
class Polling {
 public:
  Polling(const DeviceCode&, Clock::time_point now);
  Clock::time_point next() const { return next_; }
  /// What the endpoint said; nullopt: it is to be asked again at next(). Past the code's end it is a fault.
  std::optional<Result<Granted>> heard(Result<Granted>, Clock::time_point now);

 private:
  std::chrono::seconds interval_;
  Clock::time_point next_, end_;
};

/// Has somebody grant access: `show` is called once with what he is to do; then it blocks until he has, the code is no
/// longer good, or the Call ends. The refresh token takes its place in the client's directory, whatever was there.
/// Faults: invalid (the client has no device endpoint or no directory; the identity can be no file's name; no refresh
/// token came), those of ask() and of Replacement, cancelled.
Result<void> grant_by_device_code(const Client&, const Secret&, const std::string& identity,
                                  const std::function<void(const DeviceCode&)>& show, const Call&);

}  // namespace tidegate::token
