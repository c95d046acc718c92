// SPDX-License-Identifier: Apache-2.0
// Notes: messages of the class IPM.StickyNote, and VJOURNAL without a day. [MS-OXONOTE], RFC 5545 §3.6.3. Pure.
//
// Exchange has one text whose first line is the subject; a journal has SUMMARY and DESCRIPTION. Between them stands the
// one text.
#pragma once
#include "core/pim/calendar.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

inline constexpr std::string_view note_class = "IPM.StickyNote";
/// Whether an item is of that class, or of one below it.
bool is_note(const xml::Element& item);

std::string note_shape();
Fields note_fields(const xml::Element& note);
Fields note_fields(const pim::CalendarObject&);
/// The object that says what the fields say and, beside that, all that `base` says.
Bytes note_of(const Fields&, const std::string& uid, const pim::CalendarObject* base);
std::string note_updates(const Fields& before, const Fields& after);
std::string note_children(const Fields&);

}  // namespace tidegate::ews
