// SPDX-License-Identifier: Apache-2.0
// What can go wrong, as a value. std only: part of the plugin SDK, and used by the whole house.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace tidegate {

using Bytes = std::string;      ///< opaque octets, never text
using View = std::string_view;  ///< the same, borrowed for the length of the call
using Octets = std::span<const std::byte>;

/// The kind decides what happens next (retry, re-authenticate, drop, list again, stop); the texts only inform.
enum class FaultKind : std::uint8_t {
  auth,            ///< credentials refused: stop until they change
  denied,          ///< authenticated, but not allowed
  not_found,       ///< what was named does not exist (any more)
  conflict,        ///< the revision named is not the present one: nothing was changed
  exists,          ///< it is there already
  anchor_expired,  ///< the anchor is no longer known: list again
  regressed,       ///< the back-end's state went backwards (restored from a backup): hold deletions and ask
  throttled,       ///< too many requests: again after retry_after
  unavailable,     ///< cannot be reached or is broken for now: again with back-off
  too_large,       ///< over a limit of either side
  quota,           ///< the mailbox is full
  unsupported,     ///< this back-end cannot do it, ever
  invalid,         ///< what the other side said breaks its own protocol
  cancelled,       ///< deadline passed or stop requested
  ambiguous,       ///< it may have been done: settle by looking, never repeat blindly
};

struct Fault {
  FaultKind kind = FaultKind::unavailable;
  std::string where;  ///< back-end, folder, file:line, host:port …: what an administrator would look at
  std::string text;   ///< one public sentence: what happened and what to do; never content, never a secret
  std::string cause;  ///< private detail for the log (errno text, server's own words); never shown to a user
  std::chrono::milliseconds retry_after{};
};

template <class T>
using Result = std::expected<T, Fault>;

/// The word for a kind, as in logs and in docs ("anchor expired").
constexpr std::string_view to_string(FaultKind kind) noexcept {
  switch (kind) {
    case FaultKind::auth:
      return "auth";
    case FaultKind::denied:
      return "denied";
    case FaultKind::not_found:
      return "not found";
    case FaultKind::conflict:
      return "conflict";
    case FaultKind::exists:
      return "exists";
    case FaultKind::anchor_expired:
      return "anchor expired";
    case FaultKind::regressed:
      return "regressed";
    case FaultKind::throttled:
      return "throttled";
    case FaultKind::unavailable:
      return "unavailable";
    case FaultKind::too_large:
      return "too large";
    case FaultKind::quota:
      return "quota";
    case FaultKind::unsupported:
      return "unsupported";
    case FaultKind::invalid:
      return "invalid";
    case FaultKind::cancelled:
      return "cancelled";
    case FaultKind::ambiguous:
      return "ambiguous";
  }
  return "unknown";
}

inline std::unexpected<Fault> fault(FaultKind kind, std::string where, std::string text, std::string cause = {}) {
  return std::unexpected(Fault{kind, std::move(where), std::move(text), std::move(cause), {}});
}

}  // namespace tidegate
