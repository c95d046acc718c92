// SPDX-License-Identifier: Apache-2.0
// The Guard before libetpan: how the network cuts the octets makes no difference, nothing is lost between what is kept
// and what passes, and what is kept is ours.
#include <cstdint>
#include <cstdlib>

#include "plugins/imap/guard.hpp"
#include "plugins/imap/untagged.hpp"

using namespace tidegate::imap;

namespace {

struct Sifted {
  bool fine = true;
  bool middle = false;
  std::string pass;
  std::vector<std::string> kept;
};

Sifted sift(std::string_view octets, std::size_t piece) {
  Guard guard;
  guard.expect({.line = 300, .depth = 6, .literal = 100, .total = UINT64_MAX});
  Sifted out;
  while (out.fine && !octets.empty()) {
    const auto now = octets.substr(0, piece);
    octets.remove_prefix(now.size());
    out.fine = guard.feed(now, &out.pass);
    for (auto& line : guard.take_kept()) out.kept.push_back(std::move(line));
  }
  out.middle = guard.in_the_middle();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Sifted whole = sift(all, all.size());
  const Sifted pieces = sift(all, 1 + data[0] % 32);
  if (whole.fine != pieces.fine || whole.pass != pieces.pass || whole.kept != pieces.kept) std::abort();
  std::size_t octets = whole.pass.size();
  for (const std::string& line : whole.kept) {
    if (!line.ends_with('\n') || begins_ours(line) != Ours::yes) std::abort();
    parse_untagged(line);
    octets += line.size();
  }
  if (octets > all.size() || (whole.fine && !whole.middle && octets != all.size())) std::abort();
  return 0;
}
