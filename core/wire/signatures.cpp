// SPDX-License-Identifier: Apache-2.0
// What is signed (docs/wire.md §2): built the same way at both ends.
#include <array>
#include <stdexcept>

#include "core/wire/control.hpp"

namespace tidegate::wire {
namespace {

void append_part(Bytes& out, View part) {
  // Every part is bounded by the codec or made by ourselves; a longer one would make the lengths ambiguous.
  if (part.size() > 0xffff) throw std::length_error("a signed part over 65535 octets");
  out += static_cast<char>(part.size() >> 8);
  out += static_cast<char>(part.size());
  out += part;
}

Bytes labelled(View label, std::initializer_list<View> parts) {
  Bytes out(label);
  out += '\0';
  for (const View part : parts) append_part(out, part);
  return out;
}

}  // namespace

Bytes opening_signature_input(const RtsConnection& envelope, View event_host, View key_id, View key,
                              View channel_binding, View envelope_sha256) {
  std::array<char, 16> instance{};
  for (std::size_t i = 0; i < 8; ++i) {
    instance[i] = static_cast<char>(envelope.instance.counter >> (56 - 8 * i));
    instance[8 + i] = static_cast<char>(envelope.instance.random >> (56 - 8 * i));
  }
  return labelled("tidegate-rts-1 connect", {envelope.relay_host, event_host, key_id, key, envelope.guid,
                                             View(instance.data(), instance.size()), channel_binding, envelope_sha256});
}

Bytes registration_signature_input(const Register& message, View channel_binding) {
  return labelled("tidegate-rts-1 register",
                  {message.relay_host, message.license, message.public_key, channel_binding});
}

Bytes restore_signature_input(const Retrieve& message, View key_id, View key, View channel_binding) {
  return labelled("tidegate-rts-1 restore", {message.relay_host, key_id, key, message.restore_key, channel_binding});
}

Bytes device_signature_input(View relay_host, View nonce, View user, View device_id, View channel_binding) {
  return labelled("tidegate-device-1 login", {relay_host, nonce, user, device_id, channel_binding});
}

}  // namespace tidegate::wire
