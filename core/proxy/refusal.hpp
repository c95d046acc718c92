// SPDX-License-Identifier: Apache-2.0
// Why a proxy did not let us through, in sentences that a person can act on. Pure; no sentence holds a password.
#pragma once
#include <string>

#include "core/sim/network.hpp"

namespace tidegate::proxy {

/// What became of one attempt to be let through.
struct Outcome {
  unsigned status = 0;       ///< of the last answer to CONNECT; 0: there was none that could be read
  bool heard = false;        ///< something was said
  bool connected = true;     ///< there was a connection
  int os_error = 0;          ///< errno, if there was none
  std::string offered = {};  ///< with 407: "Basic, NTLM"
  bool usable = false;       ///< with 407: one of them is spoken here
  std::string cause = {};    ///< the library's words
};

/// `target`: "host:port" that the proxy was asked for. Kinds: auth (407), denied (403), invalid (no proxy there), else
/// unavailable.
Fault refusal(const sim::Proxy&, const std::string& target, const Outcome&);
Fault unknown_name(const sim::Proxy&, std::string cause);
Fault no_answer(const sim::Proxy&, const std::string& target);

}  // namespace tidegate::proxy
