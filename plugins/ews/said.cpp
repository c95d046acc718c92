// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/said.hpp"

#include <fmt/format.h>

#include "core/pim/system_zones.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/groups.hpp"
#include "plugins/ews/notes.hpp"
#include "plugins/ews/tasks.hpp"

namespace tidegate::ews {

pim::ZoneSource zones() {
  static pim::SystemZones known;
  return known.source();
}

Result<Said> said_by(Kind kind, const Bytes& octets, const std::string& home) {
  if (kind == Kind::contact) {
    auto card = pim::Card::parse(octets);
    if (!card) return std::unexpected(std::move(card.error()));
    if (!card->group()) return Said{card->uid(), contact_fields(*card), {}, std::string(element_of(kind))};
    auto fields = group_fields(*card);
    if (!fields) return std::unexpected(std::move(fields.error()));
    return Said{card->uid(), std::move(*fields), {}, group_element};
  }
  auto object = pim::CalendarObject::parse(octets, zones());
  if (!object) return std::unexpected(std::move(object.error()));
  if (object->kind() != kind)
    return fault(FaultKind::unsupported, {}, "Such an object does not belong into that folder.");
  auto files = files_in(*object);
  if (!files) return std::unexpected(std::move(files.error()));
  const std::string element(element_of(kind));
  if (kind == Kind::event) {
    auto event = event_of(*object, home, zones());
    if (!event) return std::unexpected(std::move(event.error()));
    return Said{object->uid(), event->master, std::move(*event), element, std::move(*files)};
  }
  if (kind == Kind::note) return Said{object->uid(), note_fields(*object), {}, element, std::move(*files)};
  auto fields = task_fields(*object);
  if (!fields) return std::unexpected(std::move(fields.error()));
  return Said{object->uid(), std::move(*fields), {}, element, std::move(*files)};
}

std::unexpected<Fault> said_at(const std::string& where, Fault why) {
  why.where = why.where.empty() ? where : where + ": " + why.where;
  return std::unexpected(std::move(why));
}

std::string ask_objects(std::span<const Bytes> ids, Kind kind) { return get_objects(ids, object_shape(kind)); }

std::string set_ready(std::string_view element, const Property& property, const std::string& ready) {
  return fmt::format("<t:SetItemField>{0}<t:{1}>{2}</t:{1}></t:SetItemField>", property.path(), element, ready);
}

}  // namespace tidegate::ews
