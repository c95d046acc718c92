// SPDX-License-Identifier: Apache-2.0
// What a person's mail program did to the Maildir becomes commands (design: state, rules 4-8): rows and journal change
// in one transaction, after the files it speaks of were synced; only then are foreign names changed to ours. A kill at
// any step is put right by the next look. On the disk pool's thread; failures are Trouble.
#pragma once
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
  };
  Done take(const Findings&, const PendingItems&);

 private:
  struct Rename {
    std::string from, to;
  };
  void rename(const std::vector<Rename>&);
  void place(const Findings::Placed&);
  void fresh(const Findings::Fresh&);
  std::optional<Gid> stub_of(const FoundFile&);
  void refuse_stub(ItemRow&, const Gid& of);
  bool kept_as_copy(ItemRow&);
  void gone(const Findings::Gone&);
  bool is_draft(const ItemRow&) const;
  void remove(const ItemRow&);
  void release();
  void command(e2e::Command, Bytes sha256 = {});
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
  std::vector<Rename> renames_, moves_;  ///< moves_: into another folder
  Done done_;
};

}  // namespace tidegate::device
