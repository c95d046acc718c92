// SPDX-License-Identifier: Apache-2.0
// What arrives in suite vmes-1: points, sealed frames as they come, and frames of the fuzzer's own M, sealed rightly,
// so that what is behind the MAC is reached.
#include <cstdlib>

#include "core/vmes1/seal.hpp"

using namespace tidegate;

namespace {

vmes1::Key key() { return vmes1::Key(std::array<std::byte, vmes1::Key::size>{}); }

void agree(View point) {
  static const auto own = vmes1::Ephemeral::from("\x01\x02\x03");
  if (own->agree(point) && point.size() != vmes1::point_size && point.size() != vmes1::compressed_size) std::abort();
}

void open(View octets) {
  if (const auto text = vmes1::open(key(), octets); text && text->size() > vmes1::most_text) std::abort();
  const auto sealed = vmes1::seal_compressed(key(), vmes1::Iv{}, octets);
  const auto text = vmes1::open(key(), sealed);
  if (text && text->size() > vmes1::most_text) std::abort();
  vmes1::Reader reader(key(), vmes1::Direction::to_gateway);
  const auto first = reader.open(sealed);
  if (reader.open(sealed)) std::abort();  // repeated
  if (!first) return;
  vmes1::Writer writer(key(), vmes1::Direction::to_gateway, [](std::span<std::byte>) {});
  vmes1::Reader again(key(), vmes1::Direction::to_gateway);
  const auto octets_of = again.open(writer.seal(first->substr(0, vmes1::most_octets)));
  if (!octets_of || *octets_of != first->substr(0, vmes1::most_octets)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const View octets(reinterpret_cast<const char*>(data + 1), size - 1);
  data[0] % 2 == 0 ? agree(octets) : open(octets);
  return 0;
}
