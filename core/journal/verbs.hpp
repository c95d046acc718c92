// SPDX-License-Identifier: Apache-2.0
// A command as a call of the Store: what runs on a back-end's worker thread.
#pragma once
#include <functional>
#include <memory>

#include "core/account/account.hpp"
#include "core/e2e/sync.hpp"

namespace tidegate::journal {

/// A command with what the log knows of what it names. Not changed while a verb is under way.
struct Order {
  e2e::Command command;
  std::string user;
  std::string backend;
  Bytes item;                 ///< the back-end's id; empty where the command names none
  bool from_log = false;      ///< `item` is what the log has: it may have moved since
  Folder folder{}, to{};      ///< of the back-end; id empty where none
  std::vector<Bytes> scopes;  ///< that the command may change
  Bytes content;
  Bytes note;             ///< of an earlier attempt
  bool repeated = false;  ///< there was one
};

struct Outcome {
  std::optional<Written> written;  ///< of the item (send: of the filed copy)
  std::optional<Folder> folder;    ///< make_folder, change_folder: as it is now
  std::vector<Folder> tree;        ///< change_folder: all folders, if its id is another one
};

/// Gives `content`, which must outlive it, in order.
Source source_of(View content);
/// The note of a mail that is to be sent for the second time, which is the last one.
Bytes last_sending();
bool is_last_sending(View note);
/// Whether a mail holds an invitation or an answer to one (RFC 6047): servers act on each.
bool schedules(View mail);

/// `start`: makes the note durable; called on the worker thread.
account::Accounts::StoreVerb verb_of(std::shared_ptr<const Order>, std::shared_ptr<Outcome>,
                                     std::function<Result<void>(View note)> start);

}  // namespace tidegate::journal
