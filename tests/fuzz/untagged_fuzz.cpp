// SPDX-License-Identifier: Apache-2.0
// Any octets as an untagged response of an IMAP server: what is read must have been recognised by its first octets,
// must read the same with and without its line end, and hold no set of numbers that is out of order.
#include <cstdint>
#include <cstdlib>

#include "plugins/imap/untagged.hpp"

using namespace tidegate::imap;

namespace {

void check(const UidSet& set) {
  std::uint64_t before = 0;
  for (const Run& run : set.runs()) {
    if (run.first == 0 || run.first > run.last || (before != 0 && run.first <= before + 1)) std::abort();
    before = run.last;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(reinterpret_cast<const char*>(data), size);
  const auto said = parse_untagged(line);
  const auto with_end = parse_untagged(line + "\r\n");
  if (said.has_value() != with_end.has_value()) std::abort();
  if (!said) return 0;
  if (said->index() != with_end->index() || begins_ours(line + "\r\n") != Ours::yes) std::abort();
  if (const auto* gone = std::get_if<Vanished>(&*said)) check(gone->uids);
  if (const auto* listing = std::get_if<Listing>(&*said); listing != nullptr && listing->name.empty()) std::abort();
  return 0;
}
