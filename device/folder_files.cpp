// SPDX-License-Identifier: Apache-2.0
#include "device/folder_files.hpp"

#include <vector>

#include "device/names.hpp"

namespace tidegate::device {

void each_file(sim::Files& files, const Places& places, const FolderRow& folder,
               const std::function<void(std::string path, const sim::FileInfo&)>& take) {
  const bool mail = folder.info.kind == Kind::mail;
  const auto& root = mail ? places.maildir : places.vdir;
  for (const char* part : mail ? std::vector<const char*>{"/new", "/cur"} : std::vector<const char*>{""}) {
    const auto directory = root + (folder.directory.empty() ? "" : "/" + folder.directory) + part;
    const auto listed = files.list(directory);
    if (!listed) continue;
    for (const auto& file : *listed) {
      if (file.directory || file.name.starts_with('.')) continue;
      if (!mail && !file.name.ends_with(vdir_suffix(folder.info.kind))) continue;
      take(directory + "/" + file.name, file);
    }
  }
}

}  // namespace tidegate::device
