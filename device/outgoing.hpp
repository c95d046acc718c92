// SPDX-License-Identifier: Apache-2.0
// What a person's programs did to the Maildir and the vdir becomes commands (design: state, rules 4-9): rows and
// journal change in one transaction, after the files it speaks of were synced; only then are foreign names changed to
// ours. A kill at any step is put right by the next look. On the disk pool's thread; failures are Trouble.
//
// A vdir's files are written anew by their programs at any time, also while their octets go up. So what goes up is a
// copy in STATE/outbox, which the command names, and a file that was written again waits until the answer to what was
// sent has told the revision that it is an edit of (outgoing_objects.cpp).
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/sim/world.hpp"
#include "device/holds.hpp"
#include "device/journal.hpp"
#include "device/scan.hpp"
#include "device/tree.hpp"

namespace tidegate::device {

/// A hold as it was made, for people.
struct Held {
  std::uint64_t number = 0;
  std::string folder;
  std::size_t items = 0;
  bool mail = true;
};

class Outgoing {
 public:
  Outgoing(sim::World& world, Index& index, Tree& tree, Keywords& keywords)
      : world_(world),
        files_(world.files()),
        index_(index),
        tree_(tree),
        keywords_(keywords),
        journal_(index.database()),
        holds_(index.database()) {}

  struct Done {
    std::size_t commands = 0;
    std::vector<Held> held;
    std::vector<std::string> notes;
    bool waits = false;   ///< for an answer of the gateway; to be looked at again
    bool leaves = false;  ///< files are recorded as leaving
  };
  Done take(const Findings&, const PendingItems&);

 private:
  struct Rename {
    std::string from, to;
  };
  bool rename(const std::vector<Rename>&);
  void place(const Findings::Placed&);
  void bring_home(ItemRow, const FoundFile&, const Gid& home, const Pending&);
  void fresh(const Findings::Fresh&);
  std::optional<Gid> stub_of(const FoundFile&);
  void refuse_stub(ItemRow&, const Gid& of);
  bool kept_as_copy(ItemRow&);
  // outgoing_objects.cpp
  void copy_objects(const Findings&);
  std::optional<std::string> copy(const FoundFile&, const Bytes& sha256);
  void edited(const Findings::Edited&);
  void fresh_object(const Findings::Fresh&);
  void content_command(const ItemRow&, const std::string& copy);
  void forget_content(const CommandRow&);
  std::optional<CommandRow> content_of(const ItemRow&);
  bool revision_awaited(const ItemRow&);
  void gone(const Findings::Gone&);
  bool is_draft(const ItemRow&) const;
  void remove(const ItemRow&);
  void release();
  void command(e2e::Command, Bytes sha256 = {}, std::string copy = {});
  void sync(const Findings&);
  bool fileable(std::uint64_t view, const Gid& folder) const;
  Gid told_folder(const ItemRow&, const Pending&);
  std::int64_t now_unix() const;

  sim::World& world_;
  sim::Files& files_;
  Index& index_;
  Tree& tree_;
  Keywords& keywords_;
  Journal journal_;
  Holds holds_;
  // of one take()
  const PendingItems* pending_ = nullptr;
  std::vector<Rename> renames_, moves_;        ///< moves_: into another folder
  std::map<std::string, std::string> copies_;  ///< of a vdir's files: path → its copy
  Done done_;
};

}  // namespace tidegate::device
