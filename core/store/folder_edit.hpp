// SPDX-License-Identifier: Apache-2.0
// Rows of folders inside the writer's transaction: what a page and the effect of a command do alike. A folder's gid
// comes from the first id it was known by, and stays when the folder gets another one.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "core/store/view_edit.hpp"

namespace tidegate::store {

struct ServedBy {  ///< a back-end
  const std::string& name;
  std::int64_t no = 0;
};

/// As the back-end has it now. `listing`: of the tree's stream that names it. None: it was there just so.
std::optional<Gid> put_folder(ViewEdit&, const ServedBy&, const Folder&, std::int64_t listing);

/// The gid of a folder that an item names; true: a row was made for it, which the tree will complete.
std::pair<Gid, bool> name_folder(ViewEdit&, const ServedBy&, View id, View scope, Kind);

/// It is gone: what is in no other folder waits in limbo, its anchor goes. False: it was not there.
bool bury_folder(ViewEdit&, const ServedBy&, View id);

/// Why a scope is listed again; as in anchors.expired. After `regressed` what the listing misses goes under a hold.
enum class Relisting : std::uint8_t { no, expired, regressed };

/// The scope's next pages are a listing, matched by id, then by fingerprint. `now`: how the scope is called from now
/// on.
void list_anew(ViewEdit&, std::int64_t backend, View scope, View now, Relisting);

/// A folder of the log has the id, parent and name of `now` from now on, and what is below it follows, as far as `tree`
/// (all folders after the change) tells. The scopes that are to be listed; none: it is not there, or is so already.
std::vector<Bytes> change_folder(ViewEdit&, const ServedBy&, const Gid&, const Folder& now,
                                 const std::vector<Folder>& tree);

/// The number that folders named by the tree's present stream carry.
std::int64_t tree_listing(ViewEdit&, std::int64_t backend);

}  // namespace tidegate::store
