// SPDX-License-Identifier: Apache-2.0
// The command journal: what was done on this device and the gateway has not yet answered for good, in the order in
// which it was done (docs/wire.md §8.8; table `commands` of device.db). A command is written in the transaction that
// also changes the item's row, so that neither is ever there without the other. One thread at a time; failures are
// Trouble.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/e2e/sync.hpp"
#include "device/database.hpp"
#include "device/pending.hpp"

namespace tidegate::device {

struct CommandRow {
  enum class State : std::uint8_t {
    waiting,  ///< never handed to a session
    sent,     ///< perhaps with the gateway; sent again until its result is stored
    failed,   ///< the result was a fault that a person should see; not sent any more
    unknown   ///< a mail that may have been sent; not sent any more unless a person says so
  };
  std::uint64_t number = 0;  ///< the order; given by put()
  State state = State::waiting;
  e2e::Command command;    ///< without content
  std::string path;        ///< send, update, create of what is no mail: the file with the content; create of a mail:
                           ///< empty (the item's own file); make_folder: its directory below the Maildir's root
  std::uint64_t skip = 0;  ///< octets of that file before the content
  Bytes sha256;            ///< of the content
  std::int64_t at_unix = 0;
  std::uint64_t ignored = 0;  ///< remove, update: number of the last news of its item not taken for its sake
  std::string text;           ///< failed, unknown: a sentence

  bool live() const { return state == State::waiting || state == State::sent; }
  bool has_content() const {
    return command.verb == e2e::Verb::create || command.verb == e2e::Verb::send || command.verb == e2e::Verb::update;
  }
  /// Its content is a file of its own, which goes with it.
  bool spooled() const { return has_content() && !path.empty(); }
};

/// "setting flags of a message", "moving a message to Work" …; `folder`: how a folder is called, if that is known.
using FolderName = std::function<std::string(std::uint64_t view, const Gid&)>;
std::string in_words(const CommandRow&, const FolderName& folder = {});

class Journal {
 public:
  explicit Journal(Database& database) : database_(database) {}

  void put(const CommandRow&);  ///< behind all others; within the caller's transaction
  std::optional<CommandRow> find(View id);
  std::optional<CommandRow> numbered(std::uint64_t number);
  std::optional<CommandRow> next(std::uint64_t after);             ///< the first live one behind that number
  std::vector<CommandRow> of(std::uint64_t view, const Gid&);      ///< live ones of an item, in order
  Pending pending(std::uint64_t view, const Gid&, View but = {});  ///< the same as what they amount to; without one id
  PendingItems pending();                                          ///< of every item
  PendingFolders folders();
  std::vector<CommandRow> list(std::size_t limit);  ///< all, in order
  std::vector<CommandRow> failed_of(std::uint64_t view, const Gid&);
  std::uint64_t count(CommandRow::State);
  std::size_t live();  ///< how many have no result yet

  std::set<std::string> paths();  ///< of spooled mails (and of new directories)

  void sent(std::uint64_t number);
  void fail(std::uint64_t number, CommandRow::State, std::string_view text);
  void again(CommandRow, View id);  ///< as a new command, behind all others
  void erase(std::uint64_t number);
  void ignored(std::uint64_t view, const Gid&, std::uint64_t seq);  ///< noted with its live removals and updates
  /// An item got another gid: its commands that were never sent name it by that.
  void rename_item(std::uint64_t view, const Gid& from, const Gid& to);

 private:
  Database& database_;
};

}  // namespace tidegate::device
