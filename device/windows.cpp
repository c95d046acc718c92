// SPDX-License-Identifier: Apache-2.0
// What leaves this device because it wants it no longer (design: state, rule 10): recorded before the file goes, never
// a command upwards.
#include "core/e2e/windows.hpp"

#include "device/group.hpp"
#include "device/shelf.hpp"

namespace tidegate::device {

void Shelf::load_windows() {
  windows_.clear();
  for (const auto& view : index_->views())
    if (view.position) windows_[view.view] = view.position->windows;
}

/// With the position that comes next.
void Shelf::keep_within(std::uint64_t view, const std::vector<e2e::Window>& windows) {
  if (windows_[view] == windows) return;
  flush();
  windows_[view] = windows;
  std::vector<Gid> outside;
  index_->each(view, [&](const ItemRow& row) {
    // What only this device has stays until the store has it.
    if (row.origin != Origin::local && !e2e::covered(windows, row.folders, row.kind, row.received))
      outside.push_back(row.gid);
  });
  for (const auto& gid : outside) {
    auto row = index_->item(view, gid);
    // Taken away by somebody: the next look finds that removal.
    if (auto found = row; !found || !locate(*found)) continue;
    let_go(*row);
  }
}

void Shelf::leave_if_outside(std::uint64_t view, const Gid& gid) {
  auto row = index_->item(view, gid);
  if (!row || row->origin == Origin::local) return;
  if (e2e::covered(windows_[view], row->folders, row->kind, row->received)) return;
  touch(view, gid);
  let_go(*row);
  flush();
}

}  // namespace tidegate::device
