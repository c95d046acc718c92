// SPDX-License-Identifier: Apache-2.0
// Any element as an event, a task, a note or a contact of Exchange, with its files: what becomes an object can be read
// as one. Any object as what is sent: it is XML. Any answer of Autodiscover.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "core/pim/system_zones.hpp"
#include "core/xml/element.hpp"
#include "plugins/ews/attachments.hpp"
#include "plugins/ews/autodiscover.hpp"
#include "plugins/ews/contacts.hpp"
#include "plugins/ews/events.hpp"
#include "plugins/ews/notes.hpp"
#include "plugins/ews/objects.hpp"
#include "plugins/ews/tasks.hpp"

namespace {

using namespace tidegate;
using namespace tidegate::ews;

void must(bool fine) {
  if (!fine) std::abort();
}

void must_be_xml(const std::string& inner) { must(xml::tree("<x xmlns:t='u'>" + inner + "</x>").has_value()); }

void as_item(const xml::Element& item, const pim::ZoneSource& zones) {
  (void)occurrences_of(item);
  std::uint64_t held = 0;
  for (const auto& each : held_attachments(Kind::task, item)) held += each.size;
  must(held <= files_most);
  (void)is_note(item);
  for (const auto kind : {Kind::event, Kind::task, Kind::contact, Kind::note}) {
    const auto made = object_of(kind, item, std::span(&item, 1), zones);
    if (!made) continue;
    if (kind == Kind::contact)
      must(pim::Card::parse(*made).has_value());
    else
      must(pim::CalendarObject::parse(*made, zones).has_value());
  }
}

void as_object(View octets, const pim::ZoneSource& zones) {
  if (const auto card = pim::Card::parse(octets)) {
    const auto fields = contact_fields(*card);
    must_be_xml(contact_children(fields) + contact_updates({}, fields) + contact_updates(fields, {}));
    must(contact_fields(card_of(fields, "u", &*card)) == fields);
  }
  const auto object = pim::CalendarObject::parse(octets, zones);
  if (!object) return;
  if (object->kind() == Kind::note) {
    const auto fields = note_fields(*object);
    must_be_xml(note_children(fields) + note_updates({}, fields) + note_updates(fields, {}));
    must(pim::CalendarObject::parse(note_of(fields, "u", &*object), zones).has_value());
  }
  const auto files = files_in(*object);
  if (files) {
    // What is stored, and read with the same files at the server, has all of them again.
    auto at_server = xml::tree("<i xmlns:t='u'><Attachments>" + file_elements(*files) + "</Attachments></i>");
    must(at_server.has_value());
    int number = 0;
    for (auto& each : at_server->children.front().children)
      each.children.push_back({{}, "AttachmentId", {}, {{{}, "Id", std::to_string(++number)}}, {}});
    const auto stored = with_digests(octets);
    if (!pim::CalendarObject::parse(stored, zones)) return;  // a line has as many parameters as there may be
    const auto again = pim::CalendarObject::parse(with_files(stored, *at_server), zones);
    must(again.has_value());
    const auto read = files_in(*again);
    must(read && std::ranges::equal(*read, *files, {}, &File::octets, &File::octets));
  }
  if (const auto fields = task_fields(*object)) must_be_xml(task_children(*fields) + task_updates({}, *fields));
  if (const auto event = event_of(*object, "Europe/Berlin", zones)) {
    must_be_xml(event_children(*event, zones) + event_updates({}, event->master, event->zone, zones));
    for (const auto& [original, fields] : event->changed) (void)occurrence_index(*event, original, zones);
    must(pim::CalendarObject::parse(event_object(*event, "u", &*object, zones), zones).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static pim::SystemZones known;
  const auto zones = known.source();
  const View all(reinterpret_cast<const char*>(data), size);
  (void)read_soap_directions(all);
  (void)read_plain_directions(all);
  if (const auto element = xml::tree(all, {.octets = 1U << 16})) as_item(*element, zones);
  as_object(all, zones);
  return 0;
}
