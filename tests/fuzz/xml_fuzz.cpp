// SPDX-License-Identifier: Apache-2.0
// Any octets, in any pieces: the reader ends in a fault or in balanced events, and pieces make no difference.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/xml/element.hpp"

namespace {

using namespace tidegate::xml;

struct Heard final : Events {
  bool start(const Name& name, std::span<const Attribute> attributes) override {
    ++open;
    all += '<' + std::string(name.uri) + ' ' + std::string(name.local);
    for (const auto& each : attributes) all += ' ' + std::string(each.value);
    return true;
  }
  bool text(std::string_view piece) override { return (all += piece, true); }
  bool end(const Name&) override {
    if (open-- == 0) std::abort();
    return (all += '>', true);
  }
  std::size_t open = 0;
  std::string all;
};

bool run(std::string_view all, std::size_t step, Heard& heard) {
  Reader reader(heard, {.octets = 1 << 20});
  for (std::size_t at = 0; at < all.size(); at += step)
    if (!reader.feed(all.substr(at, step))) return false;
  return reader.finish().has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  Heard whole, pieces;
  const bool good = run(all, all.size(), whole);
  const bool good_in_pieces = run(all, data[0] % 64 + 1, pieces);
  if (good && (whole.open != 0 || !good_in_pieces || whole.all != pieces.all)) std::abort();
  if (good != tree(all, {.octets = 1 << 20}).has_value()) std::abort();
  if (!good && good_in_pieces) std::abort();
  const std::string text(all);
  Heard back;
  if (!run("<a>" + escaped(text) + "</a>", 4096, back)) std::abort();
  return 0;
}
