// SPDX-License-Identifier: Apache-2.0
// The files of items in a folder's directory as they lie there now, whatever the index knows of them: for what looks
// beside a running device and changes nothing (search, agenda, respond). Blocking.
#pragma once
#include <functional>

#include "core/sim/files.hpp"
#include "device/tree.hpp"

namespace tidegate::device {

/// `path` is whole, `name` its last component. A directory that is not there has none.
void each_file(sim::Files&, const Places&, const FolderRow&,
               const std::function<void(std::string path, const sim::FileInfo&)>&);

}  // namespace tidegate::device
