// SPDX-License-Identifier: Apache-2.0
#include "device/reasons.hpp"

#include "device/mail_header.hpp"

namespace tidegate::device {
namespace {

constexpr std::chrono::milliseconds superseded_pause{60'000};

struct Meaning {
  FaultKind kind;
  const char* text;
};

Meaning meaning(wire::Code code, Doing doing) {
  const bool enrolling = doing == Doing::enrolling || doing == Doing::pairing;
  switch (code) {
    case wire::Code::unauthorized:
      if (doing == Doing::enrolling)
        return {FaultKind::auth,
                "The relay does not accept this user name and password: check both; after several failures wait a "
                "little, or ask your administrator to reset the password."};
      return {FaultKind::auth,
              "This device is not enrolled any more (perhaps the account's password was reset): pair it again with "
              "`tidegate-device pair`."};
    case wire::Code::forbidden:
      return {FaultKind::denied,
              "The relay refuses this account (suspended, expired, or no free seat in the licence): ask your "
              "administrator."};
    case wire::Code::not_found:
      return {FaultKind::not_found,
              enrolling ? "The relay knows no such user, or no pairing code that begins like this one: check the user "
                          "name and the code, or ask for a new code."
                        : "The relay or gateway does not know this user any more: ask your administrator."};
    case wire::Code::conflict:
      return {FaultKind::conflict,
              enrolling ? "This pairing code was already used by another device: ask for a new code, and tell your "
                          "administrator if that was not you."
                        : "The relay refuses because something conflicts: ask your administrator."};
    case wire::Code::expired:
      if (doing == Doing::session)
        return {FaultKind::denied,
                "This device's admission has ended: what it has stays, nothing new comes. Ask your administrator."};
      return {FaultKind::denied, "This pairing code is too old: ask for a new one."};
    case wire::Code::crypto:
      return enrolling ? Meaning{FaultKind::auth,
                                 "The pairing code does not fit: check that it was typed exactly as in the mail, and "
                                 "that the mail is the newest one."}
                       : Meaning{FaultKind::invalid, "The sealed connection broke; connecting again."};
    case wire::Code::revoked:
      return {FaultKind::denied,
              "This device was revoked: what it has stays, nothing new comes. Pair it again if it is yours."};
    case wire::Code::suite_refused:
      return {FaultKind::denied,
              "The gateway wants another encryption than this device was paired with: pair it again."};
    case wire::Code::too_many:
      return {FaultKind::throttled, "Too many attempts: wait a little, then try again."};
    case wire::Code::unavailable:
      return {FaultKind::unavailable, "The relay cannot take this device just now; trying again."};
    case wire::Code::gateway_away:
      return {FaultKind::unavailable, "The company's gateway is not connected to the relay; waiting for it."};
    case wire::Code::superseded:
      return {
          FaultKind::conflict,
          "Another connection with this device's identity took over: if this device was copied, pair the copy anew."};
    case wire::Code::bye:
    case wire::Code::idle:
    case wire::Code::moved:
    case wire::Code::gap:
      return {FaultKind::unavailable, "The connection was ended by the other side; connecting again."};
    default:
      return {FaultKind::invalid, "The other side ended the connection; connecting again."};
  }
}

}  // namespace

Fault reason(wire::Code code, Doing doing, std::string_view said, std::uint64_t retry_after_ms) {
  const auto [kind, text] = meaning(code, doing);
  Fault fault{kind, "relay", text, {}, std::chrono::milliseconds(std::min<std::uint64_t>(retry_after_ms, 3'600'000))};
  // Two copies of one device would otherwise throw each other out as fast as they can connect.
  if (code == wire::Code::superseded) fault.retry_after = std::max(fault.retry_after, superseded_pause);
  // What a stranger says may hold anything: it is shown only as plain text.
  if (const auto plain = decode_words(said.substr(0, 300)); !plain.empty()) fault.text += " (" + plain + ")";
  return fault;
}

bool hopeless(wire::Code code, Doing doing) {
  switch (code) {
    case wire::Code::unauthorized:
    case wire::Code::revoked:
    case wire::Code::suite_refused:
    case wire::Code::expired:
      return true;
    case wire::Code::not_found:
    case wire::Code::conflict:
    case wire::Code::forbidden:
    case wire::Code::crypto:
    case wire::Code::too_many:
    case wire::Code::unavailable:
      return doing == Doing::enrolling || doing == Doing::pairing;
    default:
      return false;
  }
}

}  // namespace tidegate::device
