// SPDX-License-Identifier: Apache-2.0
// Carrying out: what the command names is looked up, the verb called, its effect brought into the log, the result
// written down and told.
#include <algorithm>

#include "core/journal/run.hpp"
#include "core/journal/settling.hpp"

namespace tidegate::journal {

namespace {

constexpr e2e::Gid no_gid{};
constexpr int waits_most = 3;

Fault gone(const char* what) { return {FaultKind::not_found, "command", what, {}, {}}; }

Folder folder_of(const store::FolderRow& row) {
  Folder made;
  made.id = row.id;
  made.scope = row.scope;
  made.name = row.name;
  made.kind = row.kind;
  made.role = row.role;
  made.rights = row.rights;
  made.color = row.color;
  return made;
}

/// It would be made there, and no device would ever hear of it.
Fault not_served(Kind kind) {
  const char* things = "such things";
  switch (kind) {
    case Kind::event:
      things = "events";
      break;
    case Kind::task:
      things = "tasks";
      break;
    case Kind::contact:
      things = "contacts";
      break;
    case Kind::note:
      things = "journal entries or notes";
      break;
    case Kind::mail:
      things = "messages";
      break;
    case Kind::file:
      things = "files";
      break;
  }
  return {FaultKind::unsupported,
          "command",
          std::string("Your gateway takes no ") + things +
              " from the server of this folder; what is made here stays on this device. Your administrator can change "
              "that.",
          {},
          {}};
}

const store::FolderRow* find(const std::vector<store::FolderRow>& rows, const e2e::Gid& gid) {
  const auto found = std::ranges::find_if(rows, [&](const auto& row) { return row.gid == gid && !row.gone; });
  return gid == no_gid || found == rows.end() ? nullptr : &*found;
}

bool of_folders(e2e::Verb verb) {
  return verb == e2e::Verb::make_folder || verb == e2e::Verb::change_folder || verb == e2e::Verb::remove_folder;
}

}  // namespace

void Commands::next(const std::string& user) {
  auto& own = lane(user);
  if (own.busy || own.rest) return;
  for (; !own.queue.empty(); own.queue.pop_front()) {
    const auto* row = wiring_.journal.find(own.queue.front());
    if (row == nullptr || row->state == store::CommandState::done) continue;
    auto body = e2e::decode_to_gateway(std::as_bytes(std::span(row->body)));
    if (auto* command = body ? std::get_if<e2e::Command>(&*body) : nullptr) return run(own, *row, std::move(*command));
  }
}

void Commands::run(Lane& own, const store::CommandRow& row, e2e::Command command) {
  if (in_memory_ > 0 && in_memory_ + command.size > wiring_.settings.in_memory) {
    if (std::ranges::find(thirsty_, row.key.user) == thirsty_.end()) thirsty_.push_back(row.key.user);
    return;
  }
  own.busy = true;
  in_memory_ += command.size;
  auto run = std::make_shared<Run>();
  run->key = row.key;
  run->view = row.view;
  run->order->user = row.key.user;
  run->order->note = row.note;
  run->order->repeated = row.state == store::CommandState::started;
  run->order->command = std::move(command);
  if (run->order->command.verb == e2e::Verb::remove && !allowed(own, row)) return hold(run);
  look_up(std::move(run));
}

/// Each counts once, however often it is tried; what somebody released is of no device and does not count.
bool Commands::allowed(Lane& own, const store::CommandRow& row) {
  if (row.key.device.empty() || row.state != store::CommandState::received || own.allowed == row.key.id) return true;
  if (!removals_.allows(row.key.user, row.key.device, wiring_.world.reactor().now())) return false;
  own.allowed = row.key.id;
  return true;
}

/// The device gets its items back, and somebody is asked.
void Commands::hold(const std::shared_ptr<Run>& run) {
  e2e::CommandResult result{.view = run->view, .id = run->key.id, .done = true, .text = {}};
  result.fault = static_cast<std::uint32_t>(FaultKind::denied) + 1;
  result.text =
      "This device removes more at once than is believed: the rest is back here, and your administrator is asked "
      "whether it was meant.";
  const auto now = wiring_.world.reactor().wall().time_since_epoch();
  store::HeldRemoval held{run->key, e2e::encode(e2e::ToDevice(result)),
                          std::chrono::duration_cast<std::chrono::seconds>(now).count()};
  wiring_.journal.hold(std::move(held), if_alive([this, run, result](Result<store::HoldRow> hold) {
                         if (!hold) return again(run, hold.error());
                         if (hold->count == 1 && wiring_.held) wiring_.held(*hold);
                         answer(run->key, result);
                         lane(run->key.user).queue.pop_front();
                         free_lane(run->key.user);
                       }));
}

void Commands::look_up(std::shared_ptr<Run> run) {
  const auto view = run->view;
  wiring_.log.folders(view, if_alive([this, run](Result<std::vector<store::FolderRow>> rows) {
                        if (!rows) return again(run, rows.error());
                        folders(run, std::move(*rows));
                      }));
}

void Commands::folders(const std::shared_ptr<Run>& run, std::vector<store::FolderRow> rows) {
  auto& order = *run->order;
  const auto& command = order.command;
  const auto* folder = find(rows, command.folder);
  const auto* to = find(rows, of_folders(command.verb) ? command.gid : command.to);
  if (command.verb == e2e::Verb::send && folder == nullptr) {
    order.backend = wiring_.accounts.mail_backend(run->key.user);
    const auto sent = std::ranges::find_if(
        rows, [&](const auto& row) { return row.role == Role::sent && !row.gone && row.backend == order.backend; });
    if (sent != rows.end()) folder = &*sent;
  }
  if (folder == nullptr && command.folder != no_gid) return finish(run, gone("The folder is no longer in the store."));
  // Gone is what was asked for, whoever did it: this command perhaps, before the gateway died.
  if (to == nullptr && command.verb == e2e::Verb::remove_folder) return finish(run, std::nullopt);
  if (to == nullptr && (command.verb == e2e::Verb::move || command.verb == e2e::Verb::change_folder))
    return finish(run, gone("The target folder is no longer in the store."));
  for (const auto* row : {folder, to}) {
    if (row == nullptr) continue;
    if (!order.backend.empty() && order.backend != row->backend)
      return finish(run, Fault{FaultKind::unsupported,
                               "command",
                               "Things cannot be moved between two different servers; copy and remove instead.",
                               {},
                               {}});
    order.backend = row->backend;
    order.scopes.push_back(row->scope);
    (row == folder ? order.folder : order.to) = folder_of(*row);
  }
  if (command.verb == e2e::Verb::remove_folder && to->role != Role::none)
    return finish(run,
                  Fault{FaultKind::denied, "command", "This folder is needed for what it is for; it stays.", {}, {}});
  if (of_folders(command.verb)) {
    if (order.backend.empty()) order.backend = wiring_.accounts.mail_backend(run->key.user);
    order.scopes = {Bytes()};
    return ready(run);
  }
  if (command.verb == e2e::Verb::create && !wiring_.accounts.serves(run->key.user, order.backend, command.kind))
    return finish(run, not_served(command.kind));
  if (command.verb == e2e::Verb::create || command.verb == e2e::Verb::send) return ready(run);
  item(run, std::move(rows));
}

void Commands::item(const std::shared_ptr<Run>& run, std::vector<store::FolderRow> rows) {
  if (run->order->command.verb == e2e::Verb::respond) {
    run->answer = std::make_shared<Answer>();
    run->answer->folders = rows;
  }
  auto found = [this, run, rows = std::move(rows)](Result<std::vector<store::ItemRow>> items) {
    if (!items) return again(run, items.error());
    if (items->empty() || items->front().seq_gone != 0) return created_here(run);
    auto& row = items->front();
    run->order->item = row.id;
    run->order->from_log = true;
    run->order->backend = row.backend;
    for (const auto& folder : rows)
      if (std::ranges::find(row.folders, folder.gid) != row.folders.end()) run->order->scopes.push_back(folder.scope);
    if (run->answer) run->answer->named = row;
    const auto& command = run->order->command;
    const bool misplaced =
        command.folder != no_gid && std::ranges::find(row.folders, command.folder) == row.folders.end();
    if (misplaced && (command.verb == e2e::Verb::remove || command.verb == e2e::Verb::move))
      return look(run, std::move(row));
    ready(run);
  };
  wiring_.log.items(run->view, {run->order->command.gid}, if_alive(std::move(found)));
}

/// The log has it in another folder than the command. Somebody may have been quicker; or the log is behind: a move
/// whose new id the back-end could not tell. The store says which.
void Commands::look(const std::shared_ptr<Run>& run, store::ItemRow row) {
  auto reading = [id = row.id](const Call& call, Session& session) -> std::optional<Fault> {
    auto read = session.read(call, id, {0, 1}, [](Octets) { return false; });
    if (!read) return std::move(read.error());
    return std::nullopt;
  };
  wiring_.accounts.act(run->key.user, run->order->backend, std::move(reading),
                       if_alive([this, run, row = std::move(row)](Result<void> there) {
                         if (there) return elsewhere(run, row);
                         const auto& why = there.error();
                         if (log_is_behind(run, why)) return;
                         if (judge(run->order->command.verb, why.kind) == Verdict::again) return again(run, why);
                         elsewhere(run, row);
                       }));
}

/// Another device of the user's was quicker and moved it: the command ends with that.
void Commands::elsewhere(const std::shared_ptr<Run>& run, const store::ItemRow& row) {
  const auto& command = run->order->command;
  // A removal must not take what somebody else has just put away.
  if (command.verb == e2e::Verb::remove)
    return finish(
        run,
        Fault{FaultKind::conflict, "command", "It was moved to another folder meanwhile and stays there.", {}, {}});
  if (std::ranges::find(row.folders, command.to) == row.folders.end())
    return finish(run, gone("The item is no longer in that folder."));
  run->seq = row.seq();
  finish(run, std::nullopt);
}

/// The store has no such item and the log does: a page is asked for, and tells where it is or that it is gone. Not for
/// ever: some stores never say. True: the command waits.
bool Commands::log_is_behind(const std::shared_ptr<Run>& run, const Fault& why) {
  auto& own = lane(run->key.user);
  if (why.kind != FaultKind::not_found || own.waited == waits_most) return false;
  const std::chrono::milliseconds pause = wiring_.settings.retry_first * (1 << own.waited++);
  own.why = why.text;
  wiring_.accounts.hint(run->key.user, run->order->backend, run->order->scopes);
  // Nothing was done: the next attempt is a first one, whatever this one noted.
  if (run->noted->empty() && run->order->note.empty()) {
    rest(run, pause);
  } else {
    wiring_.journal.started(run->key, {}, if_alive([this, run, pause](Result<void>) { rest(run, pause); }));
  }
  return true;
}

/// No item has this gid: is it what a device chose for one that it created?
void Commands::created_here(const std::shared_ptr<Run>& run) {
  wiring_.log.chosen(run->view, run->order->command.gid, if_alive([this, run](Result<store::Chosen> chosen) {
                       if (!chosen) return again(run, chosen.error());
                       auto& order = *run->order;
                       if (chosen->backend.empty()) {
                         const auto verdict = judge(order.command.verb, FaultKind::not_found);
                         if (verdict == Verdict::done) return finish(run, std::nullopt);
                         return finish(run, gone("The item is no longer in the store."));
                       }
                       order.command.gid = chosen->gid;
                       order.item = chosen->id;
                       order.backend = chosen->backend;
                       ready(run);
                     }));
}

void Commands::ready(std::shared_ptr<Run> run) {
  if (run->answer) return answer(run);
  if (run->order->command.size == 0) return act(std::move(run));
  wiring_.journal.content(run->key, if_alive([this, run](Result<Bytes> content) {
                            if (!content) return again(run, content.error());
                            // A backup holds no contents, and of those that need one only what had been started.
                            if (content->size() != run->order->command.size)
                              return finish(run, Fault{FaultKind::ambiguous,
                                                       "command",
                                                       "The gateway was lost while this was being done; whether it was "
                                                       "done is not known.",
                                                       {},
                                                       {}});
                            run->order->content = std::move(*content);
                            act(run);
                          }));
}

void Commands::act(std::shared_ptr<Run> run) {
  const auto call = [this, run](Result<void> started) {
    if (!started) return again(run, started.error());
    auto start = [noted = run->noted, starter = wiring_.journal.starter(run->key)](View note) {
      *noted = note;
      return starter(note);
    };
    wiring_.accounts.act(run->key.user, run->order->backend, verb_of(run->order, run->outcome, std::move(start)),
                         if_alive([this, run](Result<void> done) { acted(run, std::move(done)); }));
  };
  if (notes_itself(run->order->command.verb) || run->order->repeated) return call({});
  wiring_.journal.started(run->key, {}, if_alive(call));
}

void Commands::acted(std::shared_ptr<Run> run, Result<void> done) {
  if (done) return effect(std::move(run));
  const auto& order = *run->order;
  if (order.from_log && log_is_behind(run, done.error())) return;
  if (looks_again(run, done.error()) || sends_again(run, done.error())) return;
  switch (judge(order.command.verb, done.error().kind)) {
    case Verdict::done:
      if (order.command.verb == e2e::Verb::remove_folder) return effect(std::move(run));
      // Not there: gone, or moved by somebody, under the same id perhaps. The next page tells which.
      return finish(std::move(run), std::nullopt);
    case Verdict::failed:
      return finish(std::move(run), std::move(done.error()));
    case Verdict::again:
      return again(run, done.error());
  }
}

/// Nobody knows whether it was done. Told its note, a back-end looks for what a create has made before it makes it
/// again, and looks for what it may have sent in Sent, and does not send: a server that files it itself may take a
/// moment. True: the command waits for its turn.
bool Commands::looks_again(const std::shared_ptr<Run>& run, const Fault& why) {
  const auto& order = *run->order;
  const bool noted = !run->noted->empty() || !order.note.empty();
  const bool looks = order.command.verb == e2e::Verb::create
                         ? noted
                         : order.command.verb == e2e::Verb::send && !order.folder.id.empty();
  if (why.kind != FaultKind::ambiguous || !looks) return false;
  auto& own = lane(run->key.user);
  if (own.waited == waits_most) return false;
  const std::chrono::milliseconds pause = wiring_.settings.retry_first * (1 << own.waited++);
  own.why = why.text;
  rest_noted(run, pause);
  return true;
}

/// Nobody can see whether it was sent, and whoever runs this gateway prefers twice to never: once more, with the same
/// Message-ID. The note says that this is the last time. True: the command waits for its turn.
bool Commands::sends_again(const std::shared_ptr<Run>& run, const Fault& why) {
  const auto& order = *run->order;
  if (!wiring_.settings.resends || order.command.verb != e2e::Verb::send || why.kind != FaultKind::ambiguous)
    return false;
  const auto& note = run->noted->empty() ? order.note : *run->noted;
  if (is_last_sending(note) || schedules(order.content)) return false;
  auto& own = lane(run->key.user);
  own.why = why.text;
  own.waited = 0;
  const auto pause = own.backoff.after(why, dice());
  wiring_.journal.started(run->key, last_sending(), if_alive([this, run, pause](Result<void> marked) {
                            if (!marked) return again(run, marked.error());
                            rest(run, pause);
                          }));
  return true;
}

/// The log first, so that the device finds there what its result says.
void Commands::effect(std::shared_ptr<Run> run) {
  using What = store::Effect::What;
  const auto& command = run->order->command;
  store::Effect effect{.view = run->view,
                       .gid = command.gid,
                       .flags = {command.flags_add, command.flags_clear, command.keywords_add, command.keywords_clear},
                       .from = command.folder,
                       .to = command.to,
                       .backend = run->order->backend,
                       .written = run->outcome->written.value_or(Written{}),
                       .edited = command.content_rev,
                       .size = command.size,
                       .folder = run->outcome->folder.value_or(Folder{}),
                       .tree = std::move(run->outcome->tree)};
  switch (command.verb) {
    case e2e::Verb::set_flags:
      effect.what = What::flags;
      break;
    case e2e::Verb::move:
      effect.what = What::moved;
      break;
    case e2e::Verb::remove:
      effect.what = What::removed;
      break;
    case e2e::Verb::update:
      effect.what = What::updated;
      break;
    case e2e::Verb::create:
    case e2e::Verb::send:
      if (command.gid == no_gid) return finish(std::move(run), std::nullopt);
      effect.what = What::created;
      break;
    case e2e::Verb::make_folder:
    case e2e::Verb::change_folder:
      if (effect.folder.id.empty()) return finish(std::move(run), std::nullopt);
      effect.what = command.verb == e2e::Verb::make_folder ? What::folder_made : What::folder_changed;
      break;
    case e2e::Verb::remove_folder:
      effect.what = What::folder_removed;
      break;
    default:  // the next page tells
      return finish(std::move(run), std::nullopt);
  }
  wiring_.log.effect(std::move(effect), if_alive([this, run](Result<store::Effected> effected) {
                       if (!effected) return again(run, effected.error());
                       run->order->command.gid = effected->gid;
                       run->seq = effected->seq;
                       auto& scopes = run->order->scopes;
                       scopes.insert(scopes.end(), effected->scopes.begin(), effected->scopes.end());
                       if (effected->seq != 0)
                         wiring_.changed(run->view, effected->head, of_folders(run->order->command.verb));
                       finish(run, std::nullopt);
                     }));
}

void Commands::finish(std::shared_ptr<Run> run, std::optional<Fault> why) {
  const auto& command = run->order->command;
  e2e::CommandResult result{.view = run->view, .id = run->key.id, .done = true, .text = {}};
  if (why) {
    result.fault = static_cast<std::uint32_t>(why->kind) + 1;
    result.text = why->text;
  } else {
    result.gid = command.gid;
    result.seq = run->seq;
  }
  auto encoded = e2e::encode(e2e::ToDevice(result));
  wiring_.journal.finished(run->key, std::move(encoded), if_alive([this, run, result](Result<void> written) {
                             if (!written) return again(run, written.error());
                             if (run->key.device.empty())  // nobody will say that it is stored
                               wiring_.journal.forget(run->key, [](Result<void>) {});
                             else
                               answer(run->key, result);
                             wiring_.accounts.hint(run->key.user, run->order->backend, run->order->scopes);
                             auto& own = lane(run->key.user);
                             own.backoff.succeeded();
                             own.why.clear();
                             own.waited = 0;
                             own.queue.pop_front();
                             in_memory_ -= run->order->command.size;
                             free_lane(run->key.user);
                           }));
}

void Commands::free_lane(const std::string& user) {
  lane(user).busy = false;
  next(user);
  if (const auto found = lanes_.find(user); found != lanes_.end() && found->second.queue.empty()) lanes_.erase(found);
  feed_thirsty();
}

void Commands::feed_thirsty() {
  for (const auto& waiting : std::exchange(thirsty_, {})) next(waiting);
}

void Commands::again(const std::shared_ptr<Run>& run, const Fault& why) {
  const auto user = run->key.user;
  auto& own = lane(user);
  own.why = why.text;
  const auto pause = own.backoff.after(why, dice());
  wiring_.note(3, user + ": a change of a device waits: " + why.text);
  rest_noted(run, pause);
}

/// What its verb noted before it failed is on disk already; the next attempt must be given it.
void Commands::rest_noted(const std::shared_ptr<Run>& run, std::chrono::milliseconds pause) {
  if (run->noted->empty()) return rest(run, pause);
  wiring_.journal.started(run->key, *run->noted, if_alive([this, run, pause](Result<void>) { rest(run, pause); }));
}

void Commands::rest(const std::shared_ptr<Run>& run, std::chrono::milliseconds pause) {
  const auto user = run->key.user;
  in_memory_ -= run->order->command.size;
  auto& resting = lane(user);
  resting.busy = false;
  resting.rest = wiring_.world.reactor().after(pause, [this, user] {
    lane(user).rest.reset();
    next(user);
  });
  feed_thirsty();
}

}  // namespace tidegate::journal
