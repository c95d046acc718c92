// SPDX-License-Identifier: Apache-2.0
// The messages inside the seal (a paired device may be broken or hostile), and unpacking what they carry.
#include <cstdlib>

#include "core/e2e/sync.hpp"

using namespace tidegate;

namespace {

Octets octets_of(View view) { return {reinterpret_cast<const std::byte*>(view.data()), view.size()}; }

template <class Decoder>
auto check(Decoder decoder, Octets octets) {
  auto message = decoder(octets);
  if (message) {
    const auto again = decoder(octets_of(e2e::encode(*message)));
    if (!again || *again != *message) std::abort();
  }
  return message;
}

void check_packed(const e2e::Packed& packed) {
  const auto out = e2e::unpack(packed, 100'000);
  if (out && out->size() != packed.size) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Octets octets(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      if (const auto message = check(e2e::decode_to_device, octets)) {
        if (const auto* item = std::get_if<e2e::Item>(&*message)) check_packed(item->first);
        if (const auto* part = std::get_if<e2e::ItemPart>(&*message)) check_packed(part->octets);
      }
      break;
    case 1:
      if (const auto message = check(e2e::decode_to_gateway, octets))
        if (const auto* command = std::get_if<e2e::Command>(&*message)) check_packed(command->content);
      break;
    case 2:
      check(e2e::decode_pairing_hello, octets);
      break;
    case 3:
      check(e2e::decode_pairing_done, octets);
      break;
    case 4:
      check(e2e::decode_position, octets);
      break;
    default: {
      const View view(reinterpret_cast<const char*>(octets.data()), octets.size());
      for (const auto how : {e2e::Compression::deflate, e2e::Compression::zstd}) {
        check_packed({how, octets.size() * 3, Bytes(view)});
        const auto back = e2e::unpack(e2e::pack(view, how), std::size_t{64} << 20);
        if (!back || *back != view) std::abort();
      }
    }
  }
  return 0;
}
