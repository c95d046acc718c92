// SPDX-License-Identifier: Apache-2.0
// What the gateway answers to commands (docs/wire.md §8.8). A result is durable together with its effect here; only
// then CommandStored is said.
#include <algorithm>

#include "device/group.hpp"
#include "device/names.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr Gid no_gid{};

FaultKind kind_of(std::uint32_t fault) { return static_cast<FaultKind>(fault - 1); }

}  // namespace

void Shelf::take(const e2e::CommandResult& result) {
  if (!result.done) return;
  flush();
  auto command = journal_->find(result.id);
  if (!command) {  // its result was stored, and the gateway did not hear that
    applied_.answers.emplace_back(e2e::CommandStored{result.id});
    return;
  }
  const auto verb = command->command.verb;
  if (verb == e2e::Verb::make_folder || verb == e2e::Verb::change_folder || verb == e2e::Verb::remove_folder)
    return take_folder_result(std::move(*command), result);
  Ended ended;
  ended.command = std::move(*command);
  ended.text = result.text;
  const auto& said = ended.command.command;
  const bool made = said.verb == e2e::Verb::create && result.fault == 0;
  const auto view = said.view;
  const auto gid = result.gid == no_gid ? said.gid : result.gid;
  touch(said.view, said.gid);
  switch (said.verb) {
    case e2e::Verb::set_flags:
      settle_flags(ended, result);
      break;
    case e2e::Verb::move:
      settle_move(ended, result);
      break;
    case e2e::Verb::remove:
      settle_remove(ended, result);
      break;
    case e2e::Verb::create:
      settle_create(ended, result);
      break;
    case e2e::Verb::update:
      settle_update(ended, result);
      break;
    case e2e::Verb::send:
      settle_send(ended, result);
      break;
    default:
      ended.forget = result.fault == 0;
  }
  group_->ended.push_back(std::move(ended));
  flush();
  if (made) leave_if_outside(view, gid);  // nobody sends what this device does not want
}

/// The store's flags move by what it was told; a Meta that came before the result may have said so already.
void Shelf::settle_flags(Ended& ended, const e2e::CommandResult& result) {
  const auto& said = ended.command.command;
  auto row = index_->item(said.view, said.gid);
  // An item that is not there any more has no flags: its Remove comes.
  ended.forget = result.fault == 0 || kind_of(result.fault) == FaultKind::not_found;
  if (!row) return;
  const auto before = journal_->pending(said.view, said.gid);
  const auto after = journal_->pending(said.view, said.gid, said.id);
  Stored now{row->folders, row->base_flags, row->keywords};
  if (result.fault == 0 && (result.seq == 0 || row->seq < result.seq)) {
    Pending carried_out;
    carried_out.add(said);
    now = now.with(carried_out);
  }
  restate(*row, now, before, after);
  group_->rows.push_back(std::move(*row));
}

void Shelf::settle_move(Ended& ended, const e2e::CommandResult& result) {
  const auto& said = ended.command.command;
  auto row = index_->item(said.view, said.gid);
  ended.forget = result.fault == 0 || kind_of(result.fault) == FaultKind::not_found;
  if (!row) return;
  const auto before = journal_->pending(said.view, said.gid);
  const auto after = journal_->pending(said.view, said.gid, said.id);
  auto folders = row->folders;
  if (result.fault == 0 && (result.seq == 0 || row->seq < result.seq)) {
    std::erase(folders, said.folder);
    if (std::ranges::find(folders, said.to) == folders.end()) folders.insert(folders.begin(), said.to);
  }
  restate(*row, {folders, row->base_flags, row->keywords}, before, after);
  group_->rows.push_back(std::move(*row));
}

/// Its file is gone from here. If the store kept the item (it was changed meanwhile, or may not be removed) or has it
/// again (another device moved it, and the store knows it by the same name), the whole of it is taken from there.
void Shelf::settle_remove(Ended& ended, const e2e::CommandResult& result) {
  const auto& said = ended.command.command;
  ended.forget = result.fault == 0 || kind_of(result.fault) == FaultKind::not_found;
  const bool back = ended.command.ignored > result.seq;
  ended.compare = (!ended.forget || back) && !index_->item(said.view, said.gid);
}

void Shelf::settle_create(Ended& ended, const e2e::CommandResult& result) {
  const auto& said = ended.command.command;
  ended.forget = result.fault == 0;
  if (ended.forget && ended.command.spooled()) group_->leaves.push_back(ended.command.path);
  auto row = index_->item(said.view, said.gid);
  if (result.fault != 0 || !row) return;
  const auto place = row->folder;
  if (row->origin == Origin::local) {
    row->origin = Origin::confirmed;
    row->seq = std::max<std::uint64_t>(result.seq, 1) - 1;  // its item is still to come, and has that number or more
  }
  if (result.gid != no_gid && result.gid != said.gid) {
    if (index_->item(said.view, result.gid)) {  // it came as an item before this result, and adopted another file
      if (const auto path = locate(*row)) group_->leaves.push_back(*path);
      group_->erased.push_back({row->view, row->gid});
      group_->renamed.emplace_back(row->view, row->gid, result.gid);
      return;
    }
    if (row->kind != Kind::mail) {
      rename_item(*row, result.gid);
      group_->rows.push_back(std::move(*row));
      return;
    }
    if (!locate(*row)) row->name = renamed_for(row->name, mail_base(result.gid, row->size), flags_of_name(row->name));
    const bool renamed = need(files_.info(path_of(*row))) && base_of(row->name) == mail_base(result.gid, row->size);
    if (renamed) {  // a kill came between that and its transaction
      group_->erased.push_back({row->view, row->gid});
      group_->renamed.emplace_back(row->view, row->gid, result.gid);
      row->gid = result.gid;
    } else if (need(files_.info(path_of(*row)))) {
      rename_item(*row, result.gid);
    }
    row->folder = place;  // moved meanwhile: the next look finds that out
  }
  group_->rows.push_back(std::move(*row));
}

/// The store has it: under a revision that an Item tells, which comes by itself, or by a compare if the log could not
/// write it down. Or it has another version, which a compare brings; what was made of it here is kept aside.
void Shelf::settle_update(Ended& ended, const e2e::CommandResult& result) {
  const auto& said = ended.command.command;
  ended.forget = result.fault == 0 || kind_of(result.fault) == FaultKind::conflict;
  auto row = index_->item(said.view, said.gid);
  if (result.fault != 0 && kind_of(result.fault) == FaultKind::not_found)
    return make_again(ended, row.value_or(ItemRow{}));
  group_->leaves.push_back(ended.command.path);
  if (!row) return;  // it left the window, or was taken away here
  if (result.fault == 0) {
    const bool newer = ended.command.ignored > row->seq;
    if (row->content_rev == said.content_rev) row->content_rev.clear();
    if (result.seq == 0) row->seq = 0;
    ended.compare = newer || result.seq == 0;
    return group_->rows.push_back(std::move(*row));
  }
  // Somebody made the very same change.
  if (row->content_rev != said.content_rev && row->sha256 == ended.command.sha256) return;
  if (const auto path = locate(*row)) keep_aside(row->gid, row->kind, *path);
  group_->erased.push_back({row->view, row->gid});
  ended.compare = true;
}

/// Somebody removed it; the edit wins (design: state, rule 8). `row`: what is known of it here, if anything.
void Shelf::make_again(Ended& ended, ItemRow row) {
  const auto old = ended.command.command;
  const auto* folder = row.view == old.view ? tree_->find(row.view, row.folder) : nullptr;
  const bool here = folder != nullptr && !Tree::unfiled(*folder) && !tree_->gone({row.view, row.folder});
  ended.forget = true;
  if (!here) {  // nor is its folder
    group_->leaves.push_back(ended.command.path);
    if (folder != nullptr)
      if (const auto path = locate(row)) keep_aside(row.gid, row.kind, *path);
    if (row.view == old.view) group_->erased.push_back({old.view, old.gid});
    return;
  }
  group_->erased.push_back({row.view, row.gid});
  world_.reactor().random(row.gid);
  row.folders = {row.folder};
  row.origin = Origin::local;
  row.content_rev.clear();
  row.seq = 0;
  ended.instead = ended.command;
  auto& command = ended.instead->command;
  command = {.view = row.view,
             .verb = e2e::Verb::create,
             .gid = row.gid,
             .folder = row.folder,
             .kind = row.kind,
             .received = row.received,
             .size = old.size};
  command.id.resize(16);
  world_.reactor().random(std::as_writable_bytes(std::span(command.id)));
  ended.instead->state = CommandRow::State::waiting;
  group_->rows.push_back(std::move(row));
}

/// The filed copy comes like any other mail. A mail whose fate is unknown is shown, never lost, never sent twice by us.
void Shelf::settle_send(Ended& ended, const e2e::CommandResult& result) {
  ended.forget = result.fault == 0;
  if (ended.forget) group_->leaves.push_back(ended.command.path);
  if (result.fault == 0 || kind_of(result.fault) != FaultKind::ambiguous) return;
  ended.kept_as = CommandRow::State::unknown;
  ended.text = "It may have been sent: look into Sent, then `tidegate-device queue --again " +
               std::to_string(ended.command.number) + "` sends it again, --drop forgets it.";
}

void Shelf::end_command(const Ended& ended) {
  const auto& command = ended.command;
  if (ended.forget) {
    journal_->erase(command.number);
  } else {
    const auto text = ended.text.empty() ? std::string("The mailbox refused it.") : ended.text;
    // Which of the files it is, people know by its name.
    std::string name;
    if (command.command.kind != Kind::mail && command.has_content())
      if (const auto row = index_->item(command.command.view, command.command.gid)) name = row->name + ": ";
    journal_->fail(command.number, ended.kept_as, name + text);
    // What is wrong with one file (a line of it) concerns no other.
    ++refused_[{in_words(command, folder_name()), text.contains("Line ") ? name + text : text}];
  }
  if (ended.instead) journal_->put(*ended.instead), applied_.more_up = true;
  if (ended.compare) want_compare(command.command.view);
}

/// A mailbox that refuses one of many changes mostly refuses them all: that is one sentence.
void Shelf::tell_refusals() {
  for (const auto& [what, times] : refused_)
    applied_.notes.push_back("Not done: " + what.first +
                             (times > 1 ? " (" + std::to_string(times) + " times). " : std::string(". ")) +
                             what.second);
  refused_.clear();
}

/// Within a transaction: the wish survives until a compare is complete that began after it. One under way may have
/// passed what this is about.
void Shelf::want_compare(std::uint64_t view) {
  index_->want_compare(view);
  if (!compares_.contains(view) && asked_.insert(view).second) applied_.answers.emplace_back(e2e::CompareAsk{view});
}

/// Within a transaction, after CompareEnd. What came to be wanted meanwhile is asked for anew.
void Shelf::compared(std::uint64_t view, std::uint64_t wish) {
  asked_.erase(view);
  index_->compared(view, wish);
  if (index_->compare_wish(view) != 0 && asked_.insert(view).second)
    applied_.answers.emplace_back(e2e::CompareAsk{view});
}

/// The store has an item of this device's under another gid.
void Shelf::rename_commands(std::uint64_t view, const Gid& from, const Gid& to) {
  for (const auto& command : journal_->of(view, from))
    // The store has those octets in that folder already, and the command never left: it would double them.
    if (command.command.verb == e2e::Verb::create && command.state == CommandRow::State::waiting)
      journal_->erase(command.number);
  journal_->rename_item(view, from, to);
}

}  // namespace tidegate::device
