// SPDX-License-Identifier: Apache-2.0
// What others tell of a meeting by mail (iMIP, RFC 6047), brought into what a calendar has of it: for calendars whose
// server does not do that. Somebody looked at the mail and wants it; still nothing is believed that does not come from
// whom it concerns, or is older than what is there. Pure.
#pragma once
#include <span>
#include <string>

#include "core/pim/calendar.hpp"

namespace tidegate::pim {

/// The one address in From, lower case; empty: there is none, or several.
std::string sender_of(View mail);

/// CANCEL (RFC 5546 §3.2.5), in a guest's copy: STATUS, DTSTAMP and SEQUENCE of what it names, which may be one
/// instance; nothing else changes, and nothing if it is cancelled already. Faults: denied (`sender` is not its
/// organizer, nor who sends for him (SENT-BY); it is older than what is there), not_found (no such instance),
/// unsupported (THISANDFUTURE).
Result<void> take_cancel(CalendarObject& own, const CalendarObject& cancel, const std::string& sender);

/// REPLY (RFC 5546 §3.2.3), in the organizer's copy: PARTSTAT of the guest, in what he answers. `organizer`: the
/// addresses of whose calendar it is. Faults: denied (not organized by him; `sender` is not the guest; the guest is not
/// among those who are invited; an answer to an older revision), not_found (no such instance), unsupported (neither
/// accepted, declined nor tentative), invalid (of no guest, or several).
Result<void> take_reply(CalendarObject& own, const CalendarObject& reply, const std::string& sender,
                        std::span<const std::string> organizer);

}  // namespace tidegate::pim
