// SPDX-License-Identifier: Apache-2.0
// Invitations (RFC 5546, RFC 6047) among this device's mails and calendars, and the answers to them
// (`tidegate-device respond`). The mails lie here whole, so that they are found without asking anybody; an answer is a
// command, which the gateway carries out (docs/wire.md §8.8). Beside a running device, which notices at its next look.
#pragma once
#include <string>
#include <vector>

#include "core/pim/instances.hpp"
#include "core/pim/itip.hpp"
#include "core/sim/world.hpp"
#include "device/tree.hpp"

namespace tidegate::device {

struct Invitation {
  enum class State : std::uint8_t {
    open,
    waiting,    ///< answered here; the gateway has not said that it is done
    failed,     ///< answered here, and that could not be done: the queue says why
    answered,   ///< `answer`
    cancelled,  ///< by a later mail, or in the calendar
    off,        ///< by this mail, and the calendar does not say so
    replied,    ///< `guest` says `answer`, and the calendar does not say so
    over,       ///< it is not to happen any more
    counter     ///< no invitation: somebody proposes another time, which cannot be answered here
  };
  State state = State::open;
  std::uint64_t view = 0;
  Gid gid{};  ///< of the mail, or of the event in a calendar
  Kind kind = Kind::mail;
  std::string path, folder;
  std::string uid, recurrence_id, title, place, organizer;
  bool notice = false;  ///< a cancellation or a guest's answer: to be acknowledged instead of answered
  std::string guest;    ///< whose answer it is
  std::string note;     ///< under which what was answered here is remembered
  std::int64_t sequence = 0;
  std::int64_t received = 0;  ///< Unix seconds
  std::string answer;         ///< PARTSTAT as the calendar has it
  std::optional<pim::Utc> begins;
  std::optional<pim::Moment> start;
};

struct InvitationWish {
  std::string days;                    ///< mails of so many; empty: 90
  std::vector<std::string> addresses;  ///< of the user
};
struct Invitations {
  std::vector<Invitation> found;  ///< the newest first
  std::vector<std::pair<std::string, std::string>>
      trouble;  ///< path and what is wrong: invitations that cannot be read
  std::shared_ptr<const pim::Zone> zone;
};

/// Fault invalid: what is wrong with the wish.
Result<Invitations> invitations(sim::World&, Index&, const Places&, const pim::ZoneSource&,
                                std::shared_ptr<const pim::Zone> local, const InvitationWish&);

struct ResponseWish {
  std::string which;      ///< the mail's file or gid, or the event's UID
  std::string answer;     ///< accept, decline, tentative; acknowledge
  std::string comment{};  ///< empty: none
  std::string as{};       ///< who of those who are invited; empty: the account's address
};
/// Journals the answer, or the acknowledgement. Faults: invalid (no such answer), not_found (nothing of that name, or
/// several), denied (there is nothing to answer: why). What it is an answer to.
Result<std::string> respond(sim::World&, Index&, const Invitations&, const ResponseWish&);

/// Those that can be answered or acknowledged; `all`: whatever became of them.
std::string invitations_text(const Invitations&, bool all);
/// [{"gid":…,"uid":…,"recurrence_id":…,"sequence":n,"title":…,"place":…,"organizer":…,"guest":…,"start":…,"state":…,"answer":…,
///  "received_unix":n,"folder":…,"path":…}, …]
std::string invitations_json(const Invitations&, bool all);

}  // namespace tidegate::device
