// SPDX-License-Identifier: Apache-2.0
// Photos of contacts: attachments that bear a mark. [MS-OXWSATT], [MS-OXWSCONT]
#include <algorithm>
#include <map>

#include "plugins/ews/contacts.hpp"
#include "plugins/ews/session.hpp"

namespace tidegate::ews {
namespace {

constexpr std::uint64_t photo_most = 1U << 20;       // a larger one stays on the server alone
constexpr std::uint64_t photos_together = 4U << 20;  // of one GetAttachment

}  // namespace

Result<void> EwsSession::bring_photos(const Call& call, std::span<xml::Element> contacts) {
  std::map<Bytes, xml::Element*> wanted;
  std::vector<std::vector<Bytes>> flights(1);
  std::uint64_t together = 0;
  for (auto& contact : contacts) {
    auto [id, size] = photo_of(contact);
    if (id.empty() || size > photo_most) continue;
    if (together + size > photos_together || flights.back().size() >= backend_.batch().size()) {
      flights.emplace_back();
      together = 0;
    }
    together += size;
    wanted.emplace(id, &contact);
    flights.back().push_back(std::move(id));
  }
  for (const auto& flight : flights) {
    if (flight.empty()) continue;
    auto got = backend_.messages(call, who_, "GetAttachment", [&](Version) { return get_attachments(flight); });
    if (!got) return std::unexpected(std::move(got.error()));
    for (const auto& message : *got) {
      if (const auto trouble = trouble_of(message)) {
        auto why = backend_.fault(*trouble, who_);
        // A photo that is gone meanwhile is none; a contact whose server is busy would seem to have lost it.
        if (why.kind != FaultKind::not_found && why.kind != FaultKind::invalid) return std::unexpected(std::move(why));
        continue;
      }
      const auto* id = find(message, {"Attachments", "FileAttachment", "AttachmentId"});
      const auto contact = id == nullptr ? wanted.end() : wanted.find(Bytes(id->attribute("Id")));
      if (contact != wanted.end())
        add_photo(*contact->second, words(*find(message, {"Attachments", "FileAttachment"}), "Content"));
    }
  }
  return {};
}

Result<bool> EwsSession::change_photo(const Call& call, View contact, const xml::Element& there,
                                      std::string_view before, std::string_view after) {
  if (before == after) return false;
  if (const auto old = photo_of(there); !old.id.empty()) {
    auto gone = backend_.one(call, who_, "DeleteAttachment", [&](Version) { return delete_attachment(old.id); });
    if (!gone && gone.error().kind != FaultKind::not_found) return std::unexpected(std::move(gone.error()));
  }
  if (after.empty()) return true;
  auto made = backend_.one(call, who_, "CreateAttachment", [&](Version) { return create_photo(contact, after); });
  if (!made) return std::unexpected(std::move(made.error()));
  return true;
}

}  // namespace tidegate::ews
