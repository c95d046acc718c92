// SPDX-License-Identifier: Apache-2.0
// Tasks and VTODO. [MS-OXWSTASK], RFC 5545 §3.6.2. Exchange's tasks know days, not hours. Pure.
#pragma once
#include "core/pim/calendar.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

std::string task_shape();
Fields task_fields(const xml::Element& task);
/// Fault unsupported: a recurrence that Exchange does not have.
Result<Fields> task_fields(const pim::CalendarObject&);
/// The object that says what the fields say and, beside that, all that `base` says.
Bytes task_of(const Fields&, const std::string& uid, const pim::CalendarObject* base);
std::string task_updates(const Fields& before, const Fields& after);
std::string task_children(const Fields&);

// What tasks, events and notes have in common.

/// A calendar with one new component.
pim::Component new_calendar(std::string_view component, const std::string& uid);

/// Subject, body, categories, importance, sensitivity.
void common_fields(const xml::Element& item, Fields&);
void common_fields(const pim::Component&, Fields&);
/// Changes the lines whose fields differ from `said`.
void set_common(pim::Component&, const Fields&, const Fields& said);
/// One line's text, if it differs.
void set_text(pim::Component&, std::string_view property, std::string_view wanted, std::string_view said);

}  // namespace tidegate::ews
