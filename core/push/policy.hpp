// SPDX-License-Identifier: Apache-2.0
// A device's policy, as far as it decides what of a view is there: its windows (docs/wire.md §8.3), and how a position
// comes from one set of windows to another. Pure.
#pragma once
#include <cstdint>
#include <vector>

#include "core/e2e/sync.hpp"
#include "core/store/log.hpp"

namespace tidegate::push {

/// What these settings want of the folders there are, and of the instances of events. Days begin at midnight UTC, so
/// that a window stands still for a day.
std::vector<e2e::Window> windows_of(const e2e::Settings&, const std::vector<store::FolderRow>&, std::int64_t now_unix);

/// Before anything was sent: a position that covers nothing.
std::vector<e2e::Window> no_windows();

/// Gives the position other windows: a job for each part of a folder that was not covered before, inbox first; what a
/// job has not reached and nobody wants any more is left out of it. What is covered no longer is the device's to drop.
/// Where other instances of events are wanted than before, the whole of a calendar is looked through for them.
void cover(e2e::Position&, std::vector<e2e::Window>, std::vector<store::FolderRow>);

}  // namespace tidegate::push
