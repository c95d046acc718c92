// SPDX-License-Identifier: Apache-2.0
#include "core/link/opening.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/link/signing.hpp"

namespace tidegate::link {
namespace {

constexpr std::string_view octet_stream = "application/octet-stream";
constexpr std::size_t most_said = 300;
constexpr std::size_t most_key = 512;  // of KeyId and Key each, so that a head stays small
constexpr auto retry_unsaid = std::chrono::seconds(30);

Result<Request> post(const Url& url, http::Fields extra, View body) {
  http::Fields fields{{"Host", url.authority()},
                      {"Content-Type", std::string(octet_stream)},
                      {"Content-Length", std::to_string(body.size())}};
  for (const auto& field : extra.all()) fields.add(field.name, field.value);
  auto head = http::serialise_request("POST", url.path, fields);
  if (head) *head += body;
  return head;
}

std::string sentence(const http::ResponseHead& head, View said) {
  const auto* type = head.fields.find("Content-Type");
  if (!type || !type->starts_with("text/plain")) return {};
  std::string text(said.substr(0, most_said));
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  const auto end = text.find_last_not_of(' ');
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

// RFC 9110 §10.2.3; the date form is not used between ours.
std::chrono::milliseconds retry_after(const http::ResponseHead& head) {
  const auto* value = head.fields.find("Retry-After");
  std::uint32_t seconds = 0;
  if (!value) return retry_unsaid;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), seconds);
  return error == std::errc{} && end == value->data() + value->size() ? std::chrono::seconds(seconds) : retry_unsaid;
}

struct Meaning {
  FaultKind kind;
  Trouble trouble;
  std::string text;
};

Meaning meaning_of(unsigned status) {
  if (status >= 300 && status < 400)
    return {FaultKind::invalid, Trouble::passing,
            fmt::format("The relay answers with a redirection ({}), which is not followed; correct relay = .", status)};
  switch (status) {
    case 400:
      return {FaultKind::invalid, Trouble::passing,
              "The relay finds the request wrong (400); see that the versions fit and that relay = names it as its "
              "operator does."};
    case 401:
      return {FaultKind::auth, Trouble::refused,
              "The relay does not accept this gateway (401): is it registered there (`tidegatectl register`), is its "
              "clock right, does a proxy open TLS on the way?"};
    case 403:
      return {FaultKind::denied, Trouble::refused,
              "The relay refuses this gateway (403): its licence is suspended, expired or without seats; ask the "
              "relay's operator."};
    case 404:
    case 405:
      return {FaultKind::invalid, Trouble::passing,
              fmt::format("What answers there is no tidegate relay ({}); correct relay = .", status)};
    case 407:
      return {FaultKind::auth, Trouble::refused, "A proxy on the way demands a password (407); see its settings."};
    case 409:
      return {FaultKind::conflict, Trouble::superseded,
              "Another gateway uses this identity (409): this one has stopped. If that one is a copy, switch it off, "
              "then run `tidegatectl resume`."};
    case 413:
      return {FaultKind::too_large, Trouble::passing, "The relay finds a request too large (413)."};
    case 429:
      return {FaultKind::throttled, Trouble::busy, "The relay asks for fewer attempts (429); the next one waits."};
    case 503:
      return {FaultKind::unavailable, Trouble::busy,
              "The relay is too busy or shutting down (503); it is tried again."};
    default:
      return {FaultKind::unavailable, Trouble::passing,
              fmt::format("The relay answers with status {}; it is tried again.", status)};
  }
}

Fault broken_offer(const Url& relay, std::string cause) {
  return {FaultKind::invalid,
          relay.authority(),
          "The relay's offer cannot be read; see that relay = names a tidegate relay and that the versions fit.",
          std::move(cause),
          {}};
}

}  // namespace

Request ask_request(const Url& relay) {
  return fmt::format("GET /rts/connect HTTP/1.1\r\nHost: {}\r\n\r\n", relay.authority());
}

Result<Offer> read_offer(const Url& relay, View body) {
  auto opened = wire::decode_opened(body);
  if (!opened) return std::unexpected(broken_offer(relay, opened.error().text));
  if (opened->key_id.empty() || opened->key.empty() || opened->key_id.size() > most_key ||
      opened->key.size() > most_key)
    return std::unexpected(broken_offer(relay, "KeyId or Key missing or over 512 octets"));
  auto event = parse_below(relay, "EventUrl", opened->event_url);
  if (!event) return std::unexpected(std::move(event.error()));
  auto data = parse_below(relay, "DataUrl", opened->data_url);
  if (!data) return std::unexpected(std::move(data.error()));
  return Offer{*std::move(opened), *std::move(event), *std::move(data)};
}

Result<Request> open_request(const Url& relay, const Offer& offer, const Opener& opener, View channel_binding) {
  wire::RtsConnection envelope;
  envelope.guid = opener.identity.guid;
  envelope.license_id = opener.identity.license_id;
  envelope.instance = opener.instance;
  envelope.public_key = opener.identity.public_key;
  envelope.relay_host = relay.host;
  envelope.tls_interception_allowed = opener.interception_allowed;
  const auto input =
      wire::opening_signature_input(envelope, offer.event.host, offer.opened.key_id, offer.opened.key,
                                    opener.interception_allowed ? View() : channel_binding, sha256(encode(envelope)));
  auto signature = ed25519_sign(opener.identity.secret, input);
  if (!signature) return std::unexpected(std::move(signature.error()));
  envelope.signature = *std::move(signature);
  auto request = post(offer.event, {{"Tidegate-Key-Id", offer.opened.key_id}, {"Tidegate-Key", offer.opened.key}},
                      encode(envelope));
  if (!request) return std::unexpected(broken_offer(relay, request.error().text));
  return request;
}

Result<std::string> data_head(const Offer& offer, std::uint32_t lane, std::uint64_t session) {
  auto head = http::serialise_request("POST", offer.data.path,
                                      {{"Host", offer.data.authority()},
                                       {"Content-Type", std::string(octet_stream)},
                                       {"Tidegate-Key-Id", offer.opened.key_id},
                                       {"Tidegate-Key", offer.opened.key},
                                       {"Tidegate-Lane", std::to_string(lane)},
                                       {"Tidegate-Session", std::to_string(session)}});
  if (head) head->resize(head->size() - 2);  // the empty line comes after Content-Length
  return head;
}

Result<Request> register_request(const Url& relay, wire::Register message, View secret, View channel_binding) {
  message.relay_host = relay.host;
  auto signature = ed25519_sign(secret, wire::registration_signature_input(message, channel_binding));
  if (!signature) return std::unexpected(std::move(signature.error()));
  message.signature = *std::move(signature);
  Url url = relay;
  url.path = "/rts/register";
  return post(url, {}, encode(message));
}

Result<Request> retrieve_request(const Url& relay, const Offer& offer, std::uint64_t from, View seed,
                                 View channel_binding) {
  wire::Retrieve message{.restore_key = ed25519_public(seed), .from = from, .relay_host = relay.host, .signature = {}};
  auto signature = ed25519_sign(
      seed, wire::restore_signature_input(message, offer.opened.key_id, offer.opened.key, channel_binding));
  if (!signature) return std::unexpected(std::move(signature.error()));
  message.signature = *std::move(signature);
  Url url = relay;
  url.path = "/rts/restore";
  return post(url, {{"Tidegate-Key-Id", offer.opened.key_id}, {"Tidegate-Key", offer.opened.key}}, encode(message));
}

Refusal refusal_of(const Url& at, const http::ResponseHead& head, View said) {
  auto meaning = meaning_of(head.status);
  Refusal refusal{{meaning.kind, at.authority(), std::move(meaning.text), sentence(head, said), {}}, meaning.trouble};
  // What the relay says itself is more precise, and is meant for the administrator.
  if (!refusal.fault.cause.empty()) refusal.fault.text += " The relay says: " + refusal.fault.cause;
  if (meaning.trouble == Trouble::busy) refusal.fault.retry_after = retry_after(head);
  return refusal;
}

Refusal refusal_of(const Fault& fault) {
  // Only a proxy says so to a dial. A login that is tried often locks the account.
  if (fault.kind != FaultKind::auth) return {fault, Trouble::passing};
  Refusal refusal{fault, Trouble::refused};
  refusal.fault.text += " Then run `tidegatectl resume`.";
  return refusal;
}

}  // namespace tidegate::link
