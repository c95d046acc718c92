// SPDX-License-Identifier: Apache-2.0
#include "core/proxy/refusal.hpp"

#include <cerrno>
#include <system_error>

#include "core/proxy/address.hpp"

namespace tidegate::proxy {
namespace {

std::string demand(const sim::Proxy& via, const std::string& name, const Outcome& outcome) {
  const auto offered = outcome.offered.empty() ? std::string("no scheme") : outcome.offered;
  if (!outcome.usable)
    return name + " demands a login (407) and offers only " + offered +
           ", which is not spoken here: its administrator must offer Basic, Digest or NTLM to this machine.";
  if (via.user.empty())
    return name + " demands a user and a password (407; it offers " + offered + "): set " + via.credentials_by + ".";
  return name + " does not accept the user or the password given for it (407; it offers " + offered + "): correct " +
         via.credentials_by + ". Attempts are far apart until then, so that no account is locked.";
}

std::string unreachable(const std::string& name, const sim::Proxy& via, int error) {
  switch (error) {
    case ECONNREFUSED:
      return name + " refused the connection: is it running, and is the port in " + via.named_by + " right?";
    case ENETUNREACH:
    case EHOSTUNREACH:
      return "There is no way to the proxy " + place_of(via.host, via.port) + ": check the network and its routes.";
    default:
      return name + " cannot be reached: check " + via.named_by + ", the network and any firewall.";
  }
}

}  // namespace

Fault refusal(const sim::Proxy& via, const std::string& target, const Outcome& outcome) {
  const auto place = place_of(via.host, via.port), name = "The proxy " + place;
  const auto make = [&](FaultKind kind, std::string text) {
    return Fault{kind, place, std::move(text), outcome.cause, {}};
  };
  if (!outcome.connected) return make(FaultKind::unavailable, unreachable(name, via, outcome.os_error));
  switch (outcome.status) {
    case 0:
      if (outcome.heard)
        return make(FaultKind::invalid,
                    "What answers at " + place + " is no HTTP proxy: check the address in " + via.named_by + ".");
      return make(FaultKind::unavailable, name +
                                              " closed the connection without an answer: is it an HTTP proxy, and "
                                              "may this machine use it?");
    case 407:
      return make(FaultKind::auth, demand(via, name, outcome));
    case 403:
      return make(FaultKind::denied, name + " forbids connections to " + target +
                                         " (403): its administrator must allow CONNECT to that name and port.");
    case 502:
    case 503:
    case 504:
      return make(FaultKind::unavailable, name + " does not reach " + target + " (" + std::to_string(outcome.status) +
                                              "): check that name, and that the proxy may connect to it.");
    default:
      return make(FaultKind::unavailable, name + " answers CONNECT to " + target + " with status " +
                                              std::to_string(outcome.status) + ": ask its administrator.");
  }
}

Fault unknown_name(const sim::Proxy& via, std::string cause) {
  return {FaultKind::unavailable,
          place_of(via.host, via.port),
          "No address is known for the proxy " + via.host + ": check the name in " + via.named_by +
              " and the name servers.",
          std::move(cause),
          {}};
}

Fault no_answer(const sim::Proxy& via, const std::string& target) {
  return {FaultKind::unavailable,
          place_of(via.host, via.port),
          "The proxy " + place_of(via.host, via.port) + " did not answer in time (asked for " + target + "): check " +
              via.named_by + ", the network and any firewall.",
          {},
          {}};
}

}  // namespace tidegate::proxy
