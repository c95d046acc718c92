// SPDX-License-Identifier: Apache-2.0
// Any octets as an answer of EWS, in any pieces: pages of changes, items, notices, envelopes; pieces make no
// difference.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plugins/ews/answers.hpp"
#include "plugins/ews/items.hpp"

namespace {

using namespace tidegate;
using namespace tidegate::ews;

std::string told(std::string_view octets, std::size_t step) {
  std::string all;
  SyncParts parts;
  Answer answer(
      SyncParts::names(),
      [&](xml::Element&& part) {
        for (const auto& each : part.children) {
          if (const auto item = upsert_of(each, "f")) all += item->id + item->state_rev;
          if (const auto folder = folder_of(each, {})) all += folder->name;
          (void)mime_of(each);
        }
        const auto notices = notices_in(part);
        all += std::to_string(notices.of.size());
        return parts.take(std::move(part));
      },
      1U << 16);
  for (std::size_t at = 0; at < octets.size(); at += step)
    if (!answer.feed(octets.substr(at, step))) break;
  if (!answer.finish()) return "broken";
  const auto page = parts.page("here");
  return all + (page ? page->state : page.error().text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t step = 1 + data[0];
  if (told(all, all.size()) != told(all, step)) std::abort();
  Envelopes envelopes(1U << 12);
  for (std::size_t at = 0; at < all.size(); at += step)
    if (!envelopes.feed(all.substr(at, step), [](std::string_view each) { return !each.empty(); })) break;
  (void)recipients_in(all);
  (void)date_time(all);
  (void)parse_anchor(all);
  return 0;
}
