// SPDX-License-Identifier: Apache-2.0
// Contents: of one item, of several that are read next, and those that come along with a page.
#include <algorithm>

#include "plugins/ews/base64.hpp"
#include "plugins/ews/session.hpp"

namespace tidegate::ews {
namespace {

constexpr std::uint64_t inline_page = 2U << 20;    // contents that come along with one page
constexpr std::uint64_t mime_together = 2U << 20;  // Size of the items of one GetItem with MIME
constexpr std::uint64_t ahead_most = 4U << 20;     // octets that are held of what is read next

/// Hands a MimeContent's octets on as they come; nothing is gathered.
class MimeStream final : public xml::Events {
 public:
  MimeStream(Range range, Sink& sink) : range_(range), sink_(sink) {}

  bool start(const xml::Name& name, std::span<const xml::Attribute>) override {
    inside_ = name.local == "MimeContent";
    seen_ |= inside_;
    return true;
  }
  bool text(std::string_view piece) override {
    if (!inside_) return true;
    std::string octets;
    broken_ |= !decoder_.feed(piece, octets);
    enough_ = broken_ || !give(octets);
    return !enough_;
  }
  bool end(const xml::Name&) override {
    inside_ = false;
    return true;
  }
  bool readable() const { return seen_ && !broken_ && (enough_ || decoder_.finish()); }
  std::uint64_t given = 0;

 private:
  bool give(std::string_view octets) {
    const auto begin = at_;
    at_ += octets.size();
    const auto skip = std::min<std::uint64_t>(range_.from > begin ? range_.from - begin : 0, octets.size());
    octets.remove_prefix(skip);
    octets = octets.substr(0, std::min<std::uint64_t>(octets.size(), range_.length - given));
    if (octets.empty()) return true;
    given += octets.size();
    return sink_(std::as_bytes(std::span(octets.data(), octets.size()))) && given < range_.length;
  }
  const Range range_;
  Sink& sink_;
  Base64Decoder decoder_;
  bool inside_ = false, seen_ = false, broken_ = false, enough_ = false;
  std::uint64_t at_ = 0;
};

/// Gathers the MimeContents of a GetItem by their ItemIds, until there is too much of it.
class MimeBundle final : public xml::Events {
 public:
  explicit MimeBundle(std::map<Bytes, Bytes>& into) : into_(into) {}

  bool start(const xml::Name& name, std::span<const xml::Attribute> attributes) override {
    inside_ = name.local == "MimeContent";
    if (name.local == "Items") id_.clear(), octets_.clear(), decoder_ = {}, good_ = false;
    if (inside_) good_ = true;
    if (name.local == "ItemId")
      for (const auto& each : attributes)
        if (each.name.local == "Id") id_ = each.value;
    return true;
  }
  bool text(std::string_view piece) override {
    if (!inside_) return true;
    good_ = good_ && decoder_.feed(piece, octets_);
    return held_ + octets_.size() <= ahead_most;
  }
  bool end(const xml::Name& name) override {
    inside_ = false;
    if (name.local != "Items" || !good_ || id_.empty() || !decoder_.finish()) return true;
    held_ += octets_.size();
    into_.insert_or_assign(std::move(id_), std::move(octets_));
    return true;
  }

 private:
  std::map<Bytes, Bytes>& into_;
  Base64Decoder decoder_;
  Bytes id_, octets_;
  std::uint64_t held_ = 0;
  bool inside_ = false, good_ = false;
};

std::uint64_t part_of(View octets, Range range, Sink& sink) {
  const auto part = octets.substr(std::min<std::uint64_t>(range.from, octets.size()), range.length);
  if (!part.empty()) sink(std::as_bytes(std::span(part)));
  return part.size();
}

}  // namespace

Result<void> EwsSession::bring_along(const Call& call, std::vector<Upsert>& upserts, std::uint32_t inline_up_to) {
  if (inline_up_to == 0) return {};
  std::map<View, Upsert*> small;
  std::vector<std::vector<Bytes>> flights(1);
  std::uint64_t together = 0, page = 0;
  for (auto& upsert : upserts) {
    if (upsert.size > inline_up_to || page + upsert.size > inline_page) continue;
    if (together + upsert.size > mime_together) {
      flights.emplace_back();
      together = 0;
    }
    together += upsert.size;
    page += upsert.size;
    flights.back().push_back(upsert.id);
    small.emplace(upsert.id, &upsert);
  }
  for (const auto& flight : flights) {
    if (flight.empty()) continue;
    auto got = items(call, flight, [](std::span<const Bytes> ids, Kind) { return get_mime(ids); });
    if (!got) return std::unexpected(got.error());
    for (const auto& item : *got) {
      const auto found = small.find(id_of(item));
      auto octets = mime_of(item);
      if (found == small.end() || !octets) continue;
      found->second->size = octets->size();  // the server's Size is another one
      if (octets->size() <= inline_up_to) found->second->content = std::move(*octets);
    }
  }
  return {};
}

// In one request, as far as its answer is not too long: what is not among it is asked for when it is read.
void EwsSession::expect(const Call& call, std::span<const Reading> next) {
  ahead_.clear();
  std::map<Kind, std::vector<Bytes>> wanted;
  for (const auto& [item, range] : next)
    if (auto what = named(item); wanted[what.kind].size() < backend_.batch().size())
      wanted[what.kind].push_back(std::move(what.id));
  for (const auto& [kind, ids] : wanted) {
    if (ids.size() < 2) continue;
    if (kind != Kind::mail) {
      for (auto& [id, octets] : objects_ahead(call, ids, kind)) ahead_.insert_or_assign(name_of({kind, id}), octets);
      continue;
    }
    MimeBundle bundle(ahead_);
    Answer answer({}, [](xml::Element&&) -> Result<void> { return {}; }, 1U << 20, &bundle);
    // A fault shows itself when they are read.
    (void)backend_.ask(call, who_, [&](Version) { return get_mime(ids); }, answer);
  }
}

Result<std::uint64_t> EwsSession::read(const Call& call, View item, Range range, Sink sink) {
  if (range.length == 0) return 0;
  if (const auto held = ahead_.extract(Bytes(item))) return part_of(held.mapped(), range, sink);
  if (const auto what = named(item); what.kind != Kind::mail) {
    auto there = object(call, what);
    if (!there) return std::unexpected(std::move(there.error()));
    return part_of(there->octets, range, sink);
  }
  const Bytes one[] = {Bytes(item)};
  MimeStream stream(range, sink);
  Trouble said;
  Answer answer(
      {"ResponseCode", "MessageText", "MessageXml"},
      [&said](xml::Element&& part) -> Result<void> {
        if (part.local == "ResponseCode") said.code = part.trimmed();
        if (part.local == "MessageText") said.text = part.trimmed();
        if (part.local == "MessageXml") take_values(part, said);
        return {};
      },
      1U << 20, &stream);
  if (auto done = backend_.ask(call, who_, [&](Version) { return get_mime(one); }, answer); !done)
    return std::unexpected(done.error());
  if (!said.code.empty() && said.code != "NoError") return std::unexpected(backend_.fault(said, who_));
  if (!stream.readable())
    return fault(FaultKind::invalid, backend_.where(),
                 "The Exchange server's answer has no readable content of this message.");
  return stream.given;
}

}  // namespace tidegate::ews
