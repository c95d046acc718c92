// SPDX-License-Identifier: Apache-2.0
// Changes of a calendar object that change what they name and nothing else: every other line stays as it came. Pure.
#pragma once
#include <functional>

#include "core/pim/instances.hpp"

namespace tidegate::pim {

using Edit = std::function<void(Component&)>;

/// Changes one instance. One that has no override yet gets one: a copy of what rules it (without rules and exceptions),
/// with a RECURRENCE-ID in the form and zone of the master's DTSTART, behind the last component of the object. An
/// object that does not recur is changed itself. Faults: not_found (no such instance), those of instances().
Result<void> edit_instance(CalendarObject&, const Moment& id, const Zone& floating, const Edit&);

/// Takes one instance out: an EXDATE in the form and zone of the master's DTSTART; its override goes. Fault not_found.
Result<void> remove_instance(CalendarObject&, const Moment& id, const Zone& floating);

/// Gives DTSTART, and DTEND or DUE by the same distance, to a component. The zone stays what it was where `start` has
/// the same form.
void move_to(CalendarObject&, Component&, const Moment& start, const Zone& floating);

/// Says that a component was changed: DTSTAMP and LAST-MODIFIED; `significant`: for others too, SEQUENCE goes up
/// (RFC 5546 §2.1.4).
void touch(Component&, Utc now, bool significant);

/// Tasks. Done: COMPLETED, 100 percent, STATUS; not done: what says so goes (RFC 5545 §3.8.1.8, 3.8.1.11, 3.8.2.1).
void set_completed(Component& todo, std::optional<Utc>);

}  // namespace tidegate::pim
