// SPDX-License-Identifier: Apache-2.0
// What happens when (`tidegate-device agenda`): instances of the events, and of the tasks that are still to be done, in
// the device's vdir, as seen from one zone. Looks at the files themselves, so that it shows what a program has just
// written; works beside a running device and without one, and changes nothing.
#pragma once
#include <string>
#include <vector>

#include "core/pim/instances.hpp"
#include "core/sim/files.hpp"
#include "device/tree.hpp"

namespace tidegate::device {

struct AgendaWish {
  std::string from;    ///< YYYY-MM-DD; empty: today
  std::string to;      ///< the last day; empty: `days` tell
  std::string days;    ///< how many; empty: 7
  std::string folder;  ///< its path for people; empty: all
  std::string zone;    ///< where it is looked at from, by its name; empty: this machine's
};

struct AgendaEntry {
  Kind kind = Kind::event;
  std::string folder, path, uid;
  std::string recurrence_id;  ///< of an instance of a series, as iCalendar writes it; else empty
  std::string title, place, status;
  std::string answer;                                 ///< PARTSTAT of the user; empty: he is not asked
  pim::Moment::Form form = pim::Moment::Form::zoned;  ///< date: all day
  pim::Utc begins, ends;
  pim::Local start, end;  ///< the same, there
};
struct AgendaTrouble {
  std::string path, text;  ///< `text` names the line
};
struct Agenda {
  std::vector<AgendaEntry> entries;    ///< in order of their beginnings, of a day those that take all of it first
  std::vector<AgendaTrouble> trouble;  ///< objects that cannot be shown, or not rightly: they are not
  pim::Local from, to;                 ///< [from, to)
  std::shared_ptr<const pim::Zone> zone;
};

/// `local`: this machine's zone, null if nobody knows it. `user`: his address.
/// Faults: invalid (what is wrong with the wish), not_found (no such folder).
Result<Agenda> agenda(sim::Files&, Index&, const Places&, const std::string& user, const pim::ZoneSource&,
                      std::shared_ptr<const pim::Zone> local, pim::Utc now, const AgendaWish&);

std::string agenda_text(const Agenda&);
/// {"from":DATE,"to":DATE (the first day behind),"instances":[{"kind":…,"title":…,"place":…,"folder":…,"all_day":bool,
///  "floating":bool,"start":…,"end":…,"begins_unix":n,"ends_unix":n,"status":…,"answer":…,"uid":…,"recurrence_id":…,
///  "path":…}],"trouble":[{"path":…,"text":…}]}
std::string agenda_json(const Agenda&);

}  // namespace tidegate::device
