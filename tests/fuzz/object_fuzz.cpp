// SPDX-License-Identifier: Apache-2.0
// Files of a vdir and mails from anywhere, as the device reads them: what an object is, and the words of an item.
#include <cstdlib>

#include "device/charsets.hpp"
#include "device/item_text.hpp"
#include "device/vdir_object.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidegate;
  if (size == 0) return 0;
  const View octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto kind = data[0] % 2 == 0 ? Kind::event : Kind::contact;
  const auto object = device::read_object(octets, kind);
  if (object.wrong.empty() && (object.uid.empty() || object.canonical.size() != 32)) std::abort();
  const auto text = device::read_object_text(octets, kind);
  const auto mail = device::read_mail_text(octets);
  if (mail.words.size() > 64 * (size + 64)) std::abort();
  // Folded once is folded for good, and never longer.
  const auto folded = device::folded(mail.words);
  if (folded.size() != mail.words.size() || device::folded(folded) != folded) std::abort();
  (void)device::for_people(text.words);
  return 0;
}
