// SPDX-License-Identifier: Apache-2.0
// RFC 6455 §4: from HTTP to WebSocket.
#include <array>

#include <openssl/evp.h>

#include "core/http/websocket.hpp"

namespace tidegate::http::websocket {
namespace {

std::string base64(std::span<const unsigned char> octets) {
  std::string out((octets.size() + 2) / 3 * 4 + 1, '\0');
  const auto size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), octets.data(), static_cast<int>(octets.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string key_of(Octets nonce) {
  return base64({reinterpret_cast<const unsigned char*>(nonce.data()), nonce.size()});
}

std::unexpected<Fault> refused(std::string_view what) {
  return fault(FaultKind::invalid, "WebSocket", "This is no WebSocket request: " + std::string(what) + ".");
}

}  // namespace

std::string accept_key(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  return base64(digest);
}

Result<std::string> accept_opening(const RequestHead& head) {
  if (head.method != "GET" || head.version != 11) return refused("it must be a GET in HTTP/1.1");
  if (!head.fields.has_token("Connection", "upgrade") || !head.fields.has_token("Upgrade", "websocket"))
    return refused("Connection: Upgrade and Upgrade: websocket must stand in it");
  const auto* version = head.fields.find("Sec-WebSocket-Version");
  if (version == nullptr || *version != "13")
    return fault(FaultKind::unsupported, "WebSocket", "Only version 13 of WebSocket is spoken here.");
  const auto* key = head.fields.find("Sec-WebSocket-Key");
  // 16 octets in base64: 22 digits and two equal signs.
  if (key == nullptr || key->size() != 24 || !key->ends_with("==")) return refused("its key is not 16 octets");
  return serialise_response(
      101, {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", accept_key(*key)}});
}

Result<std::string> request_opening(std::string_view host, std::string_view target, Octets nonce, const Fields& more) {
  Fields fields{{"Host", std::string(host)},
                {"Connection", "Upgrade"},
                {"Upgrade", "websocket"},
                {"Sec-WebSocket-Version", "13"},
                {"Sec-WebSocket-Key", key_of(nonce)}};
  for (const auto& field : more.all()) fields.add(field.name, field.value);
  return serialise_request("GET", target, fields);
}

Result<void> check_opening(const ResponseHead& head, Octets nonce) {
  if (head.status != 101) {
    const auto kind = head.status == 401 || head.status == 403 ? FaultKind::denied : FaultKind::unavailable;
    return fault(kind, "WebSocket",
                 "The server answered the opening of a WebSocket with " + std::to_string(head.status) + " " +
                     std::string(reason_of(head.status)) + ".");
  }
  const auto* accept = head.fields.find("Sec-WebSocket-Accept");
  if (!head.fields.has_token("Upgrade", "websocket") || !head.fields.has_token("Connection", "upgrade") ||
      accept == nullptr || *accept != accept_key(key_of(nonce)) ||
      head.fields.find("Sec-WebSocket-Extensions") != nullptr)
    return fault(FaultKind::invalid, "WebSocket",
                 "The server's answer to the opening of a WebSocket is not one: something on the way may have altered "
                 "it.");
  return {};
}

}  // namespace tidegate::http::websocket
