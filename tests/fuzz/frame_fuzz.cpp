// SPDX-License-Identifier: Apache-2.0
// A stream of octets cut into frames: whatever comes out must encode to something that decodes to the same.
#include <cstdlib>

#include "core/wire/frame.hpp"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Octets octets(reinterpret_cast<const std::byte*>(data), size);
  wire::FrameReader reader(size % 2 == 0 ? wire::max_frame : 100);
  const std::size_t piece = size == 0 ? 1 : 1 + data[0] % 64;
  while (!octets.empty()) {
    const auto now = octets.first(std::min(piece, octets.size()));
    octets = octets.subspan(now.size());
    reader.feed(now);
    for (auto next = reader.next(); next && *next; next = reader.next()) {
      Bytes again;
      wire::encode_to(again, **next);
      const auto twice = wire::decode({reinterpret_cast<const std::byte*>(again.data()) + 4, again.size() - 4});
      if (!twice || *twice != **next) std::abort();
    }
  }
  return 0;
}
