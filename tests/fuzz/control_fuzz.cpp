// SPDX-License-Identifier: Apache-2.0
// Every message that is not sealed. The first octet chooses which.
#include <cstdlib>

#include "core/wire/control.hpp"

using namespace tidegate;

namespace {

void check(auto decoder, View octets) {
  const auto message = decoder(octets);
  if (!message) return;
  const auto again = decoder(wire::encode(*message));
  if (!again || *again != *message) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const View octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 200:
      check(wire::decode_wake_up, octets);
      break;
    case 201:
      check(wire::decode_wake_up_ack, octets);
      break;
    case 202:
      check(wire::decode_closed, octets);
      break;
    case 203:
      check(wire::decode_credit, octets);
      break;
    case 204:
      check(wire::decode_rts_connection, octets);
      break;
    case 205:
      check(wire::decode_register, octets);
      break;
    case 206:
      check(wire::decode_registered, octets);
      break;
    case 207:
      check(wire::decode_opened, octets);
      break;
    case 208:
      check(wire::decode_stream_open, octets);
      break;
    case 209:
      check(wire::decode_stream_reset, octets);
      break;
    case 210:
      check(wire::decode_retrieve, octets);
      break;
    case 211:
      check(wire::decode_retrieved, octets);
      break;
    default:
      if (const auto control = wire::to_control({.type = data[0], .body = Bytes(octets)})) {
        const auto again = wire::to_control(wire::to_frame(*control));
        if (!again || *again != *control) std::abort();
      }
  }
  return 0;
}
