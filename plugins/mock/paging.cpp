// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/paging.hpp"

#include <algorithm>
#include <charconv>

namespace tidegate::mock {
namespace {

std::unexpected<Fault> expired(View scope) {
  return fault(FaultKind::anchor_expired, std::string(scope),
               "this anchor is not known any more; list the folder again");
}

std::optional<std::uint64_t> take_number(View& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return value;
}

/// Fills one page and knows when it is full.
class Filling {
 public:
  Filling(ItemFolder& folder, View scope, const Want& want)
      : folder_(folder), scope_(scope), want_(want), limit_(std::max<std::size_t>(1, want.limit)) {}

  bool full() const { return page_.changes.size() >= limit_ || octets_ >= page_octets; }
  std::size_t room() const { return limit_ - std::min(limit_, page_.changes.size()); }
  void gone(View name) { page_.changes.emplace_back(Removed{item_id(scope_, name), Bytes(scope_)}); }
  void item(View name) {
    auto upsert = folder_.upsert(name, want_.inline_up_to);
    if (!upsert) return;  // went between refresh and now: the next refresh journals that
    upsert->id = item_id(scope_, name);
    upsert->folders = {Bytes(scope_)};
    if (upsert->content) octets_ += upsert->content->size();
    page_.changes.emplace_back(std::move(*upsert));
  }
  void listed() { page_.changes.emplace_back(Listed{Bytes(scope_)}); }
  Page take(const Anchor& anchor, bool more) {
    page_.anchor = encode(anchor);
    page_.more = more;
    return std::move(page_);
  }

 private:
  ItemFolder& folder_;
  View scope_;
  const Want& want_;
  std::size_t limit_;
  std::size_t octets_ = 0;
  Page page_;
};

/// Changes above the anchor's number; false: the page is full before the last one.
bool live(ItemFolder& folder, Filling& page, Anchor& at) {
  for (const auto& noted : folder.after(at.number, page.room())) {
    if (page.full()) return false;
    if (noted.gone)
      page.gone(noted.name);
    else
      page.item(noted.name);
    at.number = noted.number;
  }
  if (at.number < folder.last() && !folder.after(at.number, 1).empty()) return false;
  at.number = folder.last();
  return true;
}

/// Items of the listing until the page is full; true: the listing is complete.
bool list(ItemFolder& folder, Filling& page, Anchor& at, const Want& want) {
  while (!page.full()) {
    const auto items = folder.older(at.below ? &*at.below : nullptr, page.room());
    if (items.empty()) return true;
    for (const auto& noted : items) {
      if (page.full()) return false;
      auto place = folder.place(noted.name);
      if (!place) continue;
      if (place->received < want.since) return true;  // everything older is out of the window too
      if (noted.number <= at.start) page.item(noted.name);
      at.below = std::move(*place);
    }
  }
  return false;
}

}  // namespace

std::string encode(const Anchor& anchor) {
  auto text = std::string(anchor.listing ? "L " : "D ") + anchor.epoch + ' ' + std::to_string(anchor.number);
  if (!anchor.listing) return text;
  text += ' ' + std::to_string(anchor.start);
  if (anchor.below) {
    text += ' ' + std::to_string(static_cast<std::uint64_t>(anchor.below->received.time_since_epoch().count()));
    text += ' ' + anchor.below->name;
  }
  return text;
}

std::optional<Anchor> decode_anchor(View text) {
  Anchor anchor;
  if (!text.starts_with("D ") && !text.starts_with("L ")) return {};
  anchor.listing = text.front() == 'L';
  text.remove_prefix(2);
  const auto space = text.find(' ');
  if (space == text.npos) return {};
  anchor.epoch = text.substr(0, space);
  text.remove_prefix(space + 1);
  const auto number = take_number(text);
  if (!number) return {};
  anchor.number = *number;
  if (!anchor.listing) return text.empty() ? std::optional(anchor) : std::nullopt;
  const auto start = take_number(text);
  if (!start) return {};
  anchor.start = *start;
  if (text.empty()) return anchor;
  const auto received = take_number(text);
  if (!received) return {};
  anchor.below =
      Place{std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(*received))), Bytes(text)};
  return anchor;
}

Result<Page> next_page(ItemFolder& folder, View scope, View anchor, const Want& want) {
  Anchor at{folder.epoch(), folder.last(), true, folder.last(), {}};
  if (!anchor.empty()) {
    auto given = decode_anchor(anchor);
    if (!given || given->epoch != folder.epoch() || given->number < folder.floor()) return expired(scope);
    if (given->number > folder.last())  // law 10
      return fault(FaultKind::regressed, std::string(scope),
                   "the folder went back in time, as after a restore; check it, then list it again");
    at = std::move(*given);
  }
  Filling page(folder, scope, want);
  if (!live(folder, page, at)) return page.take(at, true);
  if (!at.listing) return page.take(at, false);
  if (!list(folder, page, at, want)) return page.take(at, true);
  page.listed();
  at.listing = false;
  return page.take(at, false);
}

Bytes item_id(View folder, View name) {
  Bytes id(folder);
  id += '/';
  id += name;
  return id;
}

std::pair<View, View> split_id(View id) {
  const auto slash = id.rfind('/');
  if (slash == id.npos) return {{}, id};
  return {id.substr(0, slash), id.substr(slash + 1)};
}

}  // namespace tidegate::mock
