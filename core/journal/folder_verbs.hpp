// SPDX-License-Identifier: Apache-2.0
// Commands on folders as calls of the Store: internal to core/journal; on a back-end's worker thread.
#pragma once
#include <optional>

#include "core/journal/verbs.hpp"

namespace tidegate::journal {

/// A folder of that name which is there already is the one asked for, whoever made it.
std::optional<Fault> make_folder(const Call&, Session&, const Order&, Outcome&, Attempt&);
/// A repeat finds what its first attempt did.
std::optional<Fault> change_folder(const Call&, Session&, const Order&, Outcome&);
/// Of an empty folder only: what the device has not seen is not removed with it. Faults: conflict (it is not empty).
std::optional<Fault> remove_folder(const Call&, Session&, const Order&);

}  // namespace tidegate::journal
