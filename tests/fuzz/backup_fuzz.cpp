// SPDX-License-Identifier: Apache-2.0
// A sealed backup as a relay or a file gives it: cut anywhere, it opens only if it is the one that was sealed.
#include <cstdlib>

#include "core/e2e/backup.hpp"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Bytes key(32, 'k');
  static const Bytes real = [] {
    e2e::BackupSealer sealer(key, Bytes(16, 'g'), 1, [](std::span<std::byte> out) {
      std::fill(out.begin(), out.end(), static_cast<std::byte>(7));
    });
    Bytes out;
    sealer.add(Bytes(100, 'x'), out);
    sealer.finish(out);
    return out;
  }();
  const std::size_t step = data[0] + 1U;
  // The real beginning, so that what is behind the head is reached.
  const std::size_t kept = size > 1 ? data[1] % (real.size() + 1) : 0;
  Bytes octets = real.substr(0, kept);
  if (size > 2) octets.append(reinterpret_cast<const char*>(data) + 2, size - 2);
  e2e::BackupOpener opener(key);
  Bytes plain;
  for (std::size_t at = 0; at < octets.size(); at += step)
    if (!opener.feed(View(octets).substr(at, step), plain)) return 0;
  if (opener.finish() && octets != real) std::abort();
  return 0;
}
