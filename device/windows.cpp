// SPDX-License-Identifier: Apache-2.0
// What leaves this device because it wants it no longer (design: state, rule 10): recorded before the file goes, never
// a command upwards.
#include "core/e2e/windows.hpp"

#include "core/pim/instances.hpp"
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
  const auto before = windows_[view];
  windows_[view] = windows;
  std::vector<Gid> outside;
  index_->each(view, [&](const ItemRow& row) {
    // What only this device has stays until the store has it.
    if (row.origin == Origin::local) return;
    const bool moved = e2e::instances(before, row.kind) != e2e::instances(windows, row.kind);
    if (!e2e::covered(windows, row.folders, row.kind, row.received) || (moved && nothing_happens(row)))
      outside.push_back(row.gid);
  });
  for (const auto& gid : outside) {
    auto row = index_->item(view, gid);
    // Taken away by somebody: the next look finds that removal.
    if (auto found = row; !found || !locate(*found)) continue;
    let_go(*row);
  }
}

/// Within what this device wants to know of its calendars. The gateway asks the same of the same octets.
bool Shelf::nothing_happens(const ItemRow& row) {
  const auto wanted = e2e::instances(windows_[row.view], row.kind);
  if (wanted.all()) return false;
  auto found = row;
  const auto path = locate(found);
  if (!path) return false;
  const auto octets = files_.read(*path, object_limit);
  return octets && !pim::wanted_between(*octets, zones_.source(), wanted.from, wanted.until);
}

void Shelf::leave_if_outside(std::uint64_t view, const Gid& gid) {
  auto row = index_->item(view, gid);
  if (!row || row->origin == Origin::local) return;
  if (e2e::covered(windows_[view], row->folders, row->kind, row->received) && !nothing_happens(*row)) return;
  touch(view, gid);
  let_go(*row);
  flush();
}

}  // namespace tidegate::device
