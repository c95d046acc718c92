// SPDX-License-Identifier: Apache-2.0
// Invitations (iTIP, RFC 5546) and how they go by mail (iMIP, RFC 6047): found in a mail, answered by a mail, and the
// answer noted in the object. Who sends, and that it happens once: store::SchedulingLedger. Pure.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/pim/calendar.hpp"

namespace tidegate::pim {

/// The octets (UTF-8) of a scheduling message in a mail: a part text/calendar with a METHOD, or a calendar file whose
/// object has one; the first of the first kind wins. None: the mail is none. That it makes sense is for parse() to say.
struct SchedulingPart {
  Bytes octets;
  std::string method;  ///< REQUEST, CANCEL, REPLY …: the object's own word, upper case
};
std::optional<SchedulingPart> scheduling_part(View mail);

/// A calendar user's address without `mailto:`, as it compares: lower case.
std::string address_of(std::string_view uri);

/// The ATTENDEE among the user's addresses. In a group invitation (nobody of it is the user): none.
const Line* attendee_of(const Component&, std::span<const std::string> addresses);
std::string organizer_of(const CalendarObject&);  ///< his address; empty: there is none
std::int64_t sequence_of(const Component&);
/// Which instance a component is about, as an instant; none: the whole. Floating times and dates are alike for both
/// sides wherever they are looked at from.
std::optional<Utc> instance_of(const CalendarObject&, const Component&);

enum class Answer : std::uint8_t { accepted, tentative, declined };
std::string_view partstat(Answer);

/// A message leaves at most once for each of these: who answers what, in which revision of it.
/// The answer itself is not in it: another one is another message, which the ledger tells apart.
struct SchedulingKey {
  std::string uid;
  std::string recurrence;  ///< RECURRENCE-ID as written; empty: the whole
  std::int64_t sequence = 0;
  std::string recipient;  ///< the organizer's address
  Bytes octets() const;   ///< the same key, the same octets; 32
};
SchedulingKey scheduling_key(const CalendarObject& request);

struct Reply {
  std::string attendee;  ///< one of the user's addresses, as the invitation has it
  Answer answer = Answer::accepted;
  std::string comment;  ///< empty: none
  Utc now{};
};

/// The METHOD:REPLY object (RFC 5546 §3.2.3), for each component in which the user is asked. Faults: unsupported (no
/// organizer; not a REQUEST), denied (the user is not invited, or is the organizer).
Result<Bytes> reply_to(const CalendarObject& request, const Reply&);

/// Notes the answer in the user's own copy of the object: PARTSTAT of his ATTENDEE, nothing else; of no METHOD any
/// more. `by_mail`: the server is not to answer as well (RFC 6638 §7.1). Fault denied: he is not invited.
Result<void> note_answer(CalendarObject&, const Reply&, bool by_mail);

/// Brings a request that is answered into the copy that a calendar has of it: with the answer. What is there in the
/// same or a newer revision (SEQUENCE) stays and gets no more than the answer; what is older is replaced, but for its
/// alarms. A request for the whole replaces older instances too, one for some instances these alone. The same UID.
Result<void> take_answered(CalendarObject& own, const CalendarObject& request, const Reply&, bool by_mail);

/// The mail that carries a reply: to the organizer, as multipart/alternative (RFC 6047 §2.4).
struct ReplyMail {
  std::string from, to;    ///< addresses
  std::string summary;     ///< of the event
  std::string message_id;  ///< with angle brackets
  Utc now{};
  Answer answer = Answer::accepted;
  std::string comment;
};
Bytes imip_mail(const ReplyMail&, View reply);

}  // namespace tidegate::pim
