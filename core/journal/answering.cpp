// SPDX-License-Identifier: Apache-2.0
// Answers to invitations, step by step (the arrows: answering.hpp). A gateway that died goes through them again: what
// the ledger and the command's note say is not done a second time.
#include "core/journal/answering.hpp"

#include <algorithm>

#include "core/journal/run.hpp"
#include "core/journal/settling.hpp"
#include "core/journal/verbs.hpp"
#include "core/pim/canonical.hpp"

namespace tidegate::journal {
namespace {

// Which step a note is of; behind it is what the step's own attempt noted. The mail's are those of sending (verbs.cpp).
constexpr char step_respond = 'R', step_send = 'S', step_file = 'F', step_calendar = 'C';
constexpr std::size_t content_most = std::size_t{64} << 20;
constexpr int waits_most = 3;
constexpr std::size_t made_most = 256;

/// What that step noted in an earlier life.
Bytes noted_by(const Bytes& note, char step) { return note.starts_with(step) ? note.substr(1) : Bytes(); }

Fault may_be_sent(const std::string& message_id) {
  return {FaultKind::ambiguous,
          "invitation",
          "Whether the organizer has this answer is not known: look for " + message_id +
              " in Sent. It is not sent again; an answer with another comment is another one.",
          {},
          {}};
}

/// Whoever it asked has no such thing to answer: another way is left.
bool another_way(FaultKind kind) {
  return kind == FaultKind::unsupported || kind == FaultKind::not_found || kind == FaultKind::denied;
}

bool keeps_events(const store::FolderRow& row) {
  return row.kind == Kind::event && !row.gone && (row.rights == 0 || (row.rights & may_insert) != 0);
}

}  // namespace

std::optional<Fault> read_all(const Call& call, Session& session, View item, Bytes& into) {
  auto read = session.read(call, item, {}, [&](Octets part) {
    into.append(reinterpret_cast<const char*>(part.data()), part.size());
    return into.size() <= content_most;
  });
  if (!read) return std::move(read.error());
  if (into.size() > content_most)
    return Fault{
        FaultKind::too_large, "invitation", "The message is too large to look for an invitation in it.", {}, {}};
  return std::nullopt;
}

void Commands::answer(const std::shared_ptr<Run>& run) {
  const auto now = std::chrono::floor<std::chrono::seconds>(wiring_.world.reactor().wall());
  const auto& named = run->answer->named;
  const Answering by{run->key.user, now, named && named->kind == Kind::mail};
  auto reading = [order = run->order, into = run->answer, zones = zones_, by](
                     const Call& call, Session& session) -> std::optional<Fault> {
    Bytes content;
    if (auto wrong = read_all(call, session, order->item, content)) return wrong;
    const auto& read = order->command.reply == acknowledged ? read_told : read_invitation;
    return read(content, by, order->command, zones->source(), *into);
  };
  wiring_.accounts.act(run->key.user, run->order->backend, std::move(reading), if_alive([this, run](Result<void> read) {
                         if (read) return consult(run);
                         if (run->order->from_log && log_is_behind(run, read.error())) return;
                         if (judge(e2e::Verb::respond, read.error().kind) == Verdict::again)
                           return again(run, read.error());
                         finish(run, std::move(read.error()));
                       }));
}

/// The ledger and the log, in one look.
void Commands::consult(const std::shared_ptr<Run>& run) {
  auto gids = std::make_shared<std::vector<store::Gid>>();
  auto looking = [answer = run->answer, view = run->view, gids](void* sqlite) -> Result<void> {
    auto claimed = store::look_at_scheduling(sqlite, answer->row);
    if (!claimed) return std::unexpected(std::move(claimed.error()));
    answer->claimed = std::move(*claimed);
    auto found = store::with_fingerprint(sqlite, view, pim::uid_fingerprint(answer->request->uid()));
    if (!found) return std::unexpected(std::move(found.error()));
    *gids = std::move(*found);
    return {};
  };
  wiring_.log.look(std::move(looking), if_alive([this, run, gids](Result<void> looked) {
                     if (!looked) return again(run, looked.error());
                     wiring_.log.items(run->view, *gids,
                                       if_alive([this, run](Result<std::vector<store::ItemRow>> rows) {
                                         if (!rows) return again(run, rows.error());
                                         std::erase_if(*rows, [](const auto& row) { return row.seq_gone != 0; });
                                         run->answer->events = std::move(*rows);
                                         if (run->answer->events.empty())
                                           for (const auto& made : made_events_)
                                             if (made.view == run->view && made.uid == run->answer->request->uid())
                                               run->answer->events.push_back(made.row);
                                         choose_way(run);
                                       }));
                   }));
}

void Commands::choose_way(const std::shared_ptr<Run>& run) {
  auto& answer = *run->answer;
  if (run->order->command.reply == acknowledged) return take_over(run, 0);
  // A back-end's own answer has no Message-ID; it settles itself what became of it.
  const bool mailed = !answer.claimed.message_id.empty();
  switch (answer.claimed.claim) {
    case store::Claim::sent:
      // What this very command sent may not have been filed yet.
      if (run->order->note.starts_with(step_file)) return submit(run);
      return mailed ? put_into_calendar(run) : finish(run, std::nullopt);
    case store::Claim::unknown:
      if (!mailed) break;
      // With its note the back-end looks in Sent, and does not send.
      if (run->order->note.starts_with(step_send) && answer.claimed.message_id == answer.row.message_id)
        return submit(run);
      answer.unknown = may_be_sent(answer.claimed.message_id);
      return put_into_calendar(run);
    case store::Claim::go:
      break;
  }
  ask_server(run, 0);
}

/// The item that the command names, then what calendars have of it: each at its back-end, if that schedules.
void Commands::ask_server(const std::shared_ptr<Run>& run, std::size_t at) {
  const auto& order = *run->order;
  const auto& events = run->answer->events;
  if (at > events.size()) return submit(run);
  const auto backend = at == 0 ? order.backend : events[at - 1].backend;
  const auto item = at == 0 ? order.item : events[at - 1].id;
  if (at > 0 && backend == order.backend && item == order.item) return ask_server(run, at + 1);
  auto row = run->answer->row;
  row.message_id.clear();
  auto claim = [row](void* sqlite, View) -> Result<void> {
    auto claimed = store::claim_scheduling(sqlite, row);
    if (!claimed) return std::unexpected(std::move(claimed.error()));
    return {};
  };
  auto responding = [order = run->order, item, noted = run->noted, starter = wiring_.journal.starter(run->key, claim)](
                        const Call& call, Session& session) -> std::optional<Fault> {
    if ((session.capabilities().verbs & can_respond) == 0)
      return Fault{FaultKind::unsupported, "invitation", "This server answers no invitations itself.", {}, {}};
    Attempt attempt{order->command.id, noted_by(order->note, step_respond), [&](View note) {
                      *noted = step_respond + Bytes(note);
                      return starter(*noted);
                    }};
    const auto answer = static_cast<decltype(Reply::answer)>(std::min(order->command.reply, 2U));
    auto done = session.respond(call, item, {answer, order->command.comment}, attempt);
    if (!done) return std::move(done.error());
    return std::nullopt;
  };
  wiring_.accounts.act(run->key.user, backend, std::move(responding),
                       if_alive([this, run, row, backend, at](Result<void> done) {
                         if (!done && another_way(done.error().kind)) return ask_server(run, at + 1);
                         if (!done && judge(e2e::Verb::respond, done.error().kind) == Verdict::again)
                           return again(run, done.error());
                         if (!done) return finish(run, std::move(done.error()));
                         answered(run, row, backend);
                       }));
}

void Commands::answered(const std::shared_ptr<Run>& run, const store::SchedulingRow& row, const std::string& backend) {
  auto settling = [row](void* sqlite) -> Result<void> {
    if (auto claimed = store::claim_scheduling(sqlite, row); !claimed) return std::unexpected(claimed.error());
    return store::settle_scheduling(sqlite, row, store::Fate::taken);
  };
  wiring_.log.transact(std::move(settling), if_alive([this, run, backend](Result<void> settled) {
                         if (!settled) return again(run, settled.error());
                         wiring_.accounts.hint(run->key.user, backend, event_scopes(run));
                         finish(run, std::nullopt);
                       }));
}

std::vector<Bytes> Commands::event_scopes(const std::shared_ptr<Run>& run) const {
  std::vector<Bytes> scopes;
  for (const auto& folder : run->answer->folders)
    if (folder.kind == Kind::event && !folder.gone) scopes.push_back(folder.scope);
  return scopes;
}

/// By mail, as any mail is sent and filed (verbs.cpp); the ledger is told with the notes of its steps.
void Commands::submit(const std::shared_ptr<Run>& run) {
  auto order = std::make_shared<Order>();
  const auto& answer = *run->answer;
  order->command = {.view = run->view, .id = run->key.id, .verb = e2e::Verb::send};
  order->command.received = answer.reply.now.time_since_epoch().count();
  order->command.recipients = {answer.organizer};
  order->user = run->key.user;
  order->backend = wiring_.accounts.mail_backend(run->key.user);
  if (order->backend.empty())
    return finish(run, Fault{FaultKind::unsupported, "invitation", "There is no mail server to answer by.", {}, {}});
  for (const auto& row : answer.folders)
    if (row.role == Role::sent && !row.gone && row.backend == order->backend) {
      order->folder.id = row.id;
      order->scopes = {row.scope};
    }
  order->content = mail_of(answer);
  if (const auto& note = run->order->note; note.starts_with(step_send) || note.starts_with(step_file))
    order->note = note;
  order->repeated = !order->note.empty();
  auto along = [row = answer.row](void* sqlite, View note) -> Result<void> {
    if (note.starts_with(step_file)) return store::settle_scheduling(sqlite, row, store::Fate::taken);
    auto claimed = store::claim_scheduling(sqlite, row);
    if (!claimed) return std::unexpected(std::move(claimed.error()));
    if (claimed->claim == store::Claim::go) return {};
    return std::unexpected(may_be_sent(claimed->message_id));
  };
  auto start = [noted = run->noted, starter = wiring_.journal.starter(run->key, along)](View note) {
    auto started = starter(note);
    if (started) *noted = note;
    return started;
  };
  wiring_.accounts.act(run->key.user, order->backend, verb_of(order, std::make_shared<Outcome>(), std::move(start)),
                       if_alive([this, run, order](Result<void> sent) {
                         wiring_.accounts.hint(run->key.user, order->backend, order->scopes);
                         submitted(run, std::move(sent));
                       }));
}

void Commands::submitted(const std::shared_ptr<Run>& run, Result<void> sent) {
  auto& answer = *run->answer;
  const bool left = run->noted->starts_with(step_file) || run->order->note.starts_with(step_file);
  if (!sent && judge(e2e::Verb::send, sent.error().kind) == Verdict::again) return again(run, sent.error());
  if (!sent && !left && sent.error().kind == FaultKind::ambiguous) {
    answer.unknown = may_be_sent(answer.row.message_id);
    return put_into_calendar(run);
  }
  if (!sent && left)
    wiring_.note(3, run->key.user + ": the copy of an answer to an invitation was not filed: " + sent.error().text);
  const auto fate = sent || left ? store::Fate::taken : store::Fate::refused;
  wiring_.log.transact([row = answer.row, fate](void* sqlite) { return store::settle_scheduling(sqlite, row, fate); },
                       if_alive([this, run, fate, sent = std::move(sent)](Result<void> settled) mutable {
                         if (!settled) return again(run, settled.error());
                         if (fate == store::Fate::refused) return finish(run, std::move(sent.error()));
                         put_into_calendar(run);
                       }));
}

/// What a calendar has of it gets the answer; else it is put there, unless it was declined.
void Commands::put_into_calendar(const std::shared_ptr<Run>& run) {
  const auto& answer = *run->answer;
  const auto* there = answer.named && answer.named->kind != Kind::mail ? &*answer.named : nullptr;
  if (there == nullptr && !answer.events.empty()) there = &answer.events.front();
  if (there != nullptr) return change_event(run, *there);
  const store::FolderRow* into = nullptr;
  for (const auto& row : answer.folders)
    if (keeps_events(row) && wiring_.accounts.serves(run->key.user, row.backend, answer.request->kind()) &&
        (into == nullptr || (row.role == Role::calendar && into->role != Role::calendar)))
      into = &row;
  if (into == nullptr || answer.reply.answer == pim::Answer::declined) return finish(run, answer.unknown);
  make_event(run, *into);
}

void Commands::change_event(const std::shared_ptr<Run>& run, const store::ItemRow& row) {
  auto changing = [id = row.id, revision = row.content_rev, answer = run->answer, zones = zones_,
                   outcome = run->outcome](const Call& call, Session& session) -> std::optional<Fault> {
    Bytes there;
    if (auto wrong = read_all(call, session, id, there)) return wrong;
    auto wanted = calendar_object(*answer, there, zones->source());
    if (!wanted) return std::move(wanted.error());
    if (!*wanted) return std::nullopt;
    auto done = session.update(call, id, revision, source_of(**wanted));
    if (!done) return std::move(done.error());
    outcome->written = std::move(*done);
    return std::nullopt;
  };
  wiring_.accounts.act(
      run->key.user, row.backend, std::move(changing),
      if_alive([this, run, backend = row.backend](Result<void> done) { in_calendar(run, backend, std::move(done)); }));
}

void Commands::make_event(const std::shared_ptr<Run>& run, const store::FolderRow& folder) {
  auto making = [order = run->order, outcome = run->outcome, answer = run->answer, zones = zones_, into = folder.id,
                 noted = run->noted, starter = wiring_.journal.starter(run->key)](
                    const Call& call, Session& session) -> std::optional<Fault> {
    auto wanted = calendar_object(*answer, {}, zones->source());
    if (!wanted) return std::move(wanted.error());
    auto token = order->command.id;  // not the mail's, nor its copy's
    token.back() = static_cast<char>(token.back() ^ 2);
    Attempt attempt{token, noted_by(order->note, step_calendar), [&](View note) {
                      *noted = step_calendar + Bytes(note);
                      return starter(*noted);
                    }};
    const NewItem item{answer->request->kind(), (*wanted)->size(), 0, {}, {}};
    auto done = session.create(call, into, item, source_of(**wanted), attempt);
    if (!done) return std::move(done.error());
    outcome->written = std::move(*done);
    return std::nullopt;
  };
  wiring_.accounts.act(run->key.user, folder.backend, std::move(making),
                       if_alive([this, run, backend = folder.backend](Result<void> done) {
                         in_calendar(run, backend, std::move(done));
                       }));
}

void Commands::in_calendar(const std::shared_ptr<Run>& run, const std::string& backend, Result<void> done) {
  wiring_.accounts.hint(run->key.user, backend, event_scopes(run));
  if (done) {
    remember_event(*run, backend);
    return finish(run, run->answer->unknown);
  }
  auto& why = done.error();
  if (judge(e2e::Verb::update, why.kind) == Verdict::again) return again(run, why);
  if ((why.kind == FaultKind::conflict || why.kind == FaultKind::exists || why.kind == FaultKind::not_found ||
       why.kind == FaultKind::ambiguous) &&
      waits_for_page(run, why))
    return;
  if (run->answer->unknown) return finish(run, run->answer->unknown);
  why.text = "The answer was sent, but the calendar does not have it: " + why.text;
  finish(run, std::move(why));
}

/// Somebody was quicker, and the log does not know it yet: a server that puts invitations there itself, for one. Not
/// for ever; true: the command waits.
bool Commands::waits_for_page(const std::shared_ptr<Run>& run, const Fault& why) {
  auto& own = lane(run->key.user);
  if (own.waited >= waits_most) return false;
  const std::chrono::milliseconds pause = wiring_.settings.retry_first * (1 << own.waited++);
  own.why = why.text;
  rest_noted(run, pause);
  return true;
}

void Commands::remember_event(const Run& run, const std::string& backend) {
  const auto& written = run.outcome->written;
  if (!written || written->id.empty()) return;
  const auto& uid = run.answer->request->uid();
  std::erase_if(made_events_, [&](const MadeEvent& each) { return each.view == run.view && each.uid == uid; });
  if (made_events_.size() == made_most) made_events_.pop_front();
  MadeEvent made{run.view, uid, {}};
  made.row.backend = backend;
  made.row.id = written->id;
  made.row.content_rev = written->content_rev;
  made.row.kind = run.answer->request->kind();
  made_events_.push_back(std::move(made));
}

}  // namespace tidegate::journal
