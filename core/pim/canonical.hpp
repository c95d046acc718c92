// SPDX-License-Identifier: Apache-2.0
// What an object means, as octets: two objects mean the same where these are equal. The order of lines and components,
// folds, the case of names, who wrote it (PRODID) and when (DTSTAMP), how a zone is called or defined, and how a text
// is escaped make no difference. Not to be shown or stored as an object. Pure.
#pragma once
#include "core/pim/calendar.hpp"

namespace tidegate::pim {

Bytes canonical(const CalendarObject&);
inline bool same_meaning(const CalendarObject& a, const CalendarObject& b) { return canonical(a) == canonical(b); }

/// Of the UID, as core/sdk/store.hpp wants it of calendars and contacts; the same in every room and plugin.
std::array<std::byte, 20> uid_fingerprint(std::string_view uid);

}  // namespace tidegate::pim
