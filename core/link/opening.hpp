// SPDX-License-Identifier: Apache-2.0
// The requests of RTS as octets, and what their answers mean (docs/wire.md §1, §2). Pure.
#pragma once
#include <string>

#include "core/http/head.hpp"
#include "core/link/life.hpp"
#include "core/link/url.hpp"

namespace tidegate::link {

/// A request, whole: head and body in one string.
using Request = std::string;

Request ask_request(const Url& relay);  ///< GET /rts/connect

/// What the relay offered, looked through.
struct Offer {
  wire::Opened opened;
  Url event, data;
};
/// Faults: invalid, denied (URLs elsewhere).
Result<Offer> read_offer(const Url& relay, View body);

/// Who opens: what goes into the envelope besides the offer.
struct Opener {
  const store::Identity& identity;
  wire::Instance instance;
  bool interception_allowed = false;
};
/// POST EventUrl, signed for that TLS connection. With interception_allowed the binding is left out.
Result<Request> open_request(const Url& relay, const Offer&, const Opener&, View channel_binding);

/// The head of each data POST, up to and without Content-Length.
Result<std::string> data_head(const Offer&, std::uint32_t lane, std::uint64_t session);

Result<Request> register_request(const Url& relay, wire::Register, View secret, View channel_binding);

/// POST /rts/restore, signed for that TLS connection with the seed that follows from the recovery key.
Result<Request> retrieve_request(const Url& relay, const Offer&, std::uint64_t from, View seed, View channel_binding);

/// What an answer that isn't 200 means. `said`: its body as far as it came (a sentence, if text/plain).
struct Refusal {
  Fault fault;
  Trouble trouble = Trouble::passing;
};
Refusal refusal_of(const Url& at, const http::ResponseHead&, View said);
/// What a connection that could not be made or broke means.
Refusal refusal_of(const Fault&);

}  // namespace tidegate::link
