// SPDX-License-Identifier: Apache-2.0
// Files of items and photos of contacts: asked for, made, taken away. [MS-OXWSATT], [MS-OXWSCONT]
#include <algorithm>
#include <map>

#include "plugins/ews/base64.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/groups.hpp"
#include "plugins/ews/session.hpp"

namespace tidegate::ews {
namespace {

constexpr std::uint64_t together_most = 4U << 20;           // of one GetAttachment, unless one alone is longer
constexpr std::uint64_t message_most = files_most / 2 * 3;  // of one attachment in base64, and what is around it

}  // namespace

Result<void> EwsSession::bring_attachments(const Call& call, Kind kind, std::span<xml::Element> items_,
                                           std::uint64_t most) {
  std::map<Bytes, xml::Element*> wanted;
  std::map<const xml::Element*, std::uint64_t> brought;  // whatever sizes the server said
  std::vector<std::vector<Bytes>> flights(1);
  std::uint64_t together = 0;
  for (auto& item : items_) {
    if (held_size(kind, item) > most) continue;
    for (auto& each : held_attachments(kind, item)) {
      if (each.octets) continue;
      if (together + each.size > together_most || flights.back().size() >= backend_.batch().size()) {
        flights.emplace_back();
        together = 0;
      }
      together += each.size;
      wanted.emplace(each.id, &item);
      flights.back().push_back(std::move(each.id));
    }
  }
  while (!flights.empty()) {
    const auto flight = std::move(flights.back());
    flights.pop_back();
    if (flight.empty()) continue;
    auto got =
        backend_.messages(call, who_, "GetAttachment", [&](Version) { return get_attachments(flight); }, message_most);
    if (!got && got.error().kind == FaultKind::too_large) {
      // One is longer than the server says: it stays there.
      if (flight.size() > 1)
        for (const auto& id : flight) flights.push_back({id});
      continue;
    }
    if (!got) return std::unexpected(std::move(got.error()));
    for (const auto& message : *got) {
      if (const auto trouble = trouble_of(message)) {
        auto why = backend_.fault(*trouble, who_);
        // One that is gone meanwhile is none; an item whose server is busy would seem to have lost it.
        if (why.kind != FaultKind::not_found && why.kind != FaultKind::invalid) return std::unexpected(std::move(why));
        continue;
      }
      const auto* file = find(message, {"Attachments", "FileAttachment"});
      const auto* id = file == nullptr ? nullptr : find(*file, "AttachmentId");
      const auto item = id == nullptr ? wanted.end() : wanted.find(Bytes(id->attribute("Id")));
      if (item == wanted.end()) continue;
      const auto content = words(*file, "Content");
      auto& all = brought[item->second];
      if (all + content.size() > message_most) continue;
      all += content.size();
      add_content(*item->second, item->first, content);
    }
  }
  return {};
}

Result<void> EwsSession::make_attachment(const Call& call, View item, const std::string& element) {
  auto made = backend_.one(call, who_, "CreateAttachment", [&](Version) { return create_attachment(item, element); });
  if (!made) return std::unexpected(std::move(made.error()));
  return {};
}

Result<void> EwsSession::remove_attachment(const Call& call, View id) {
  auto gone = backend_.one(call, who_, "DeleteAttachment", [&](Version) { return delete_attachment(id); });
  if (!gone && gone.error().kind != FaultKind::not_found) return std::unexpected(std::move(gone.error()));
  return {};
}

// The new one first: who dies in between leaves both.
Result<bool> EwsSession::change_photo(const Call& call, View contact, const xml::Element& there,
                                      const Fields& wanted_) {
  auto photos = attachments_of(there);
  std::erase_if(photos, [](const auto& each) { return !each.photo; });
  std::string wanted;
  (void)from_base64(text_at(wanted_, photo_path), wanted);
  const auto kept = std::ranges::find_if(photos, [&](const auto& each) { return each.octets == wanted; });
  bool changed = false;
  if (!wanted.empty() && kept == photos.end()) {
    const auto element = file_attachment(photo_file, {}, text_at(wanted_, photo_path), true);
    if (auto made = make_attachment(call, contact, element); !made) return std::unexpected(std::move(made.error()));
    changed = true;
  }
  for (auto each = photos.begin(); each != photos.end(); ++each) {
    // One that a device could not see goes only where another takes its place.
    if (each == kept || (wanted.empty() && !each->octets)) continue;
    if (auto gone = remove_attachment(call, each->id); !gone) return std::unexpected(std::move(gone.error()));
    changed = true;
  }
  return changed;
}

Result<bool> EwsSession::change_files(const Call& call, View item, const xml::Element& there,
                                      const std::vector<File>& wanted, bool only_more) {
  const auto changes = changes_between(attachments_of(there), wanted);
  for (const auto& each : changes.made)
    if (auto made = make_attachment(call, item, file_elements({each})); !made)
      return std::unexpected(std::move(made.error()));
  if (only_more) return !changes.made.empty();
  for (const auto& id : changes.gone)
    if (auto gone = remove_attachment(call, id); !gone) return std::unexpected(std::move(gone.error()));
  return !changes.made.empty() || !changes.gone.empty();
}

Result<Written> EwsSession::with_files_of(const Call& call, const Named& what, const xml::Element& there,
                                          const Said& said, Written done, bool only_more) {
  if (said.element == group_element) return done;
  auto changed = what.kind == Kind::contact ? change_photo(call, what.id, there, said.fields)
                                            : change_files(call, what.id, there, said.files, only_more);
  if (!changed) return std::unexpected(std::move(changed.error()));
  if (!*changed) return done;
  return revision(call, what);
}

}  // namespace tidegate::ews
