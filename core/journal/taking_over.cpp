// SPDX-License-Identifier: Apache-2.0
// What others tell of a meeting (CANCEL, REPLY), taken over into the calendars of whoever acknowledges it (the arrows:
// answering.hpp). No message leaves, and what is done twice is as if it were done once; the ledger has it so that it
// does not undo what was done to the event afterwards.
#include "core/journal/answering.hpp"
#include "core/journal/run.hpp"
#include "core/journal/settling.hpp"
#include "core/journal/verbs.hpp"

namespace tidegate::journal {
namespace {

constexpr std::size_t stamp_size = 16;  // in front of SchedulingRow::answer

/// Whether the server that has this does itself what is sent about it; by the mail, it has done so already, or is about
/// to, and may tell others of what we change there. CalDAV says so of each object only when it is answered: that is
/// broken off before anything is done.
Result<bool> schedules_itself(const Call& call, Session& session, View item) {
  const auto can = session.capabilities();
  if (can.schedules) return true;
  if ((can.verbs & can_respond) == 0) return false;
  bool would = false;
  Attempt asking{Bytes(16, '\0'), {}, [&](View) -> Result<void> {
                   would = true;
                   return fault(FaultKind::cancelled, "invitation", "This was only asked.");
                 }};
  auto answered = session.respond(call, item, {tidegate::Reply::accept, {}}, asking);
  if (would || answered) return true;
  const auto kind = answered.error().kind;
  if (judge(e2e::Verb::respond, kind) == Verdict::again || kind == FaultKind::not_found)
    return std::unexpected(std::move(answered.error()));
  return kind != FaultKind::unsupported;
}

Fault left_to_server() {
  return {FaultKind::unsupported,
          "invitation",
          "Your calendar server takes over itself what organizers and guests send; nothing was changed.",
          {},
          {}};
}

}  // namespace

void Commands::take_over(const std::shared_ptr<Run>& run, std::size_t at) {
  auto& answer = *run->answer;
  const auto& claimed = answer.claimed;
  if (claimed.claim == store::Claim::sent) return finish(run, std::nullopt);
  if (View(claimed.before).substr(0, stamp_size) > View(answer.row.answer).substr(0, stamp_size))
    return finish(run, Fault{FaultKind::denied,
                             "invitation",
                             "A later message about the same has been taken over before: nothing was changed.",
                             {},
                             {}});
  if (at == answer.events.size()) {
    const Fault nowhere{FaultKind::not_found,
                        "invitation",
                        "No calendar of yours has what this message is about; there is nothing to change.",
                        {},
                        {}};
    return finish(run, answer.refused.value_or(nowhere));
  }
  const auto& row = answer.events[at];
  auto changing = [id = row.id, revision = row.content_rev, answer = run->answer, zones = zones_,
                   outcome = run->outcome](const Call& call, Session& session) -> std::optional<Fault> {
    Bytes there;
    if (auto wrong = read_all(call, session, id, there)) return wrong;
    auto wanted = told_object(*answer, there, zones->source());
    if (!wanted) return std::move(wanted.error());
    if (!*wanted) return std::nullopt;  // its server was quicker, or another program
    const auto scheduled = schedules_itself(call, session, id);
    if (!scheduled) return scheduled.error();
    if (*scheduled) return left_to_server();
    auto done = session.update(call, id, revision, source_of(**wanted));
    if (!done) return std::move(done.error());
    outcome->written = std::move(*done);
    return std::nullopt;
  };
  auto then = [this, run, at, backend = row.backend](Result<void> done) {
    auto& told = *run->answer;
    if (done) {
      remember_event(*run, backend);
      return answered(run, told.row, backend);
    }
    auto& why = done.error();
    if (judge(e2e::Verb::update, why.kind) == Verdict::again) return again(run, why);
    if (why.kind == FaultKind::conflict) wiring_.accounts.hint(run->key.user, backend, event_scopes(run));
    if (why.kind == FaultKind::conflict && waits_for_page(run, why)) return;
    if (!told.refused) told.refused = std::move(why);
    take_over(run, at + 1);
  };
  wiring_.accounts.act(run->key.user, row.backend, std::move(changing), if_alive(std::move(then)));
}

}  // namespace tidegate::journal
