// SPDX-License-Identifier: Apache-2.0
// An answer to an invitation, as it is carried out: internal to core/journal. What it amounts to is pure, and runs on a
// back-end's worker thread; Commands goes from step to step (answering.cpp).
//
//   read the item ──► ask the ledger ──► a back-end that schedules answers it ─────────────────────────────────► done
//                          │ none does, or it has no such item
//                          ├──► claimed, with the step's note ──► mail to the organizer ──► taken, filed ──┐
//                          ├──taken before──────────────────────────────────────────────────────────────────┤
//                          └──may have been sent before──(never again)──────────────────────────────────────┤
//                                         the calendar gets it, or the answer in what it has of it ◄────────┘──► done
//
// A message that is acknowledged (CANCEL, REPLY) needs no answer (taking_over.cpp):
//   read the item ──► ask the ledger ──► each calendar that has it, unless its server schedules ──► in the ledger ──►
//   done
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/e2e/sync.hpp"
#include "core/pim/itip.hpp"
#include "core/store/log.hpp"
#include "core/store/scheduling.hpp"

namespace tidegate::journal {

struct Answer {
  std::vector<store::FolderRow> folders;  ///< of the view
  std::optional<store::ItemRow> named;    ///< by the command: a mail, or what a calendar has; none: not in the log yet
  // Of the invitation.
  std::shared_ptr<const pim::CalendarObject> request;
  pim::Reply reply;
  Bytes reply_octets;
  std::string organizer, summary;
  store::SchedulingRow row;
  // Of the log and the ledger.
  store::Claimed claimed;
  std::vector<store::ItemRow> events;  ///< what calendars have of it
  std::optional<Fault> unknown;        ///< nobody knows whether it was sent: said at the end
  // Of a message that is taken over; `request` is its object.
  std::string sender;            ///< of the mail
  std::optional<Fault> refused;  ///< by the first calendar that was asked
};

/// Command::reply, beside the answers: what the message says is to be taken over into the calendar.
inline constexpr std::uint32_t acknowledged = 3;

/// Whose word, and when.
struct Answering {
  std::string user;
  pim::Utc now;
  bool mail;  ///< the item is a mail, else an object of a calendar
};
/// Fault: it cannot be answered, and why.
std::optional<Fault> read_invitation(View content, const Answering&, const e2e::Command&, const pim::ZoneSource&,
                                     Answer&);
/// The mail to the organizer. The same octets for the same command.
Bytes mail_of(const Answer&);
/// What a calendar is to have of it from now on; `there`: has now, empty: nothing. Nothing comes back if that is it.
Result<std::optional<Bytes>> calendar_object(const Answer&, View there, const pim::ZoneSource&);

/// Fault: there is nothing to take over, and why.
std::optional<Fault> read_told(View content, const Answering&, const e2e::Command&, const pim::ZoneSource&, Answer&);
/// What a calendar is to have from now on of what the message is about. Nothing: what it has. Fault: not by this
/// message.
Result<std::optional<Bytes>> told_object(const Answer&, View there, const pim::ZoneSource&);

/// All of an item; the fault tells people of a message.
std::optional<Fault> read_all(const Call&, Session&, View item, Bytes& into);

}  // namespace tidegate::journal
