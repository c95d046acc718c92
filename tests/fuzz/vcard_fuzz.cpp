// SPDX-License-Identifier: Apache-2.0
// Cards of any origin: what is taken comes back to the octet; a card in another version is one. Mails with invitations
// ride along: the same octets.
#include <cstdlib>

#include "core/pim/itip.hpp"
#include "core/pim/vcard.hpp"

using namespace tidegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const View octets(reinterpret_cast<const char*>(data), size);
  (void)pim::scheduling_part(octets);
  const auto card = pim::Card::parse(octets);
  if (!card) return 0;
  if (card->octets() != octets) std::abort();
  (void)card->photo();
  (void)card->entries("TEL");
  (void)pim::canonical(*card);
  for (const auto version : {pim::CardVersion::v3_0, pim::CardVersion::v4_0})
    if (!pim::Card::parse(card->as(version).octets())) std::abort();
  return 0;
}
