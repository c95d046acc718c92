// SPDX-License-Identifier: Apache-2.0
// A temporary directory with users, and a mock back-end over it, for the tests of this folder.
#pragma once
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/plugin/host.hpp"
#include "core/sim/world.hpp"
#include "plugins/mock/mock.hpp"

namespace tidegate::mock {

namespace fs = std::filesystem;

class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "tidegate-mock-XXXXXX").string();
    if (::mkdtemp(name.data())) path = name;
  }
  ~Scratch() { fs::remove_all(path); }
  void user(const std::string& name) const {
    for (const auto* box : {"new", "cur", "tmp"}) fs::create_directories(path / name / box);
  }
  /// As a mail system delivers: by tmp/ and a rename.
  void deliver(const std::string& user, const std::string& name, const std::string& octets,
               const std::string& below = "new") const {
    std::ofstream(path / user / "tmp" / name, std::ios::binary) << octets;
    fs::rename(path / user / "tmp" / name, path / user / below / name);
  }
  fs::path path;
};

/// Settings as the core would hand them over: the table's fallbacks, and what is given.
inline Result<std::unique_ptr<Backend>> make_backend(Host& host, const std::map<std::string, std::string>& given) {
  static const auto plugin = make_plugin();
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& setting : plugin->settings()) {
    const auto at = given.find(setting.key);
    values.emplace_back(setting.key, at == given.end() ? std::string(setting.fallback) : at->second);
  }
  return plugin->make(host, values);
}

inline Source source_of(std::string octets) {
  return [octets = std::move(octets), at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto size = std::min(into.size(), octets.size() - at);
    std::memcpy(into.data(), octets.data() + at, size);
    at += size;
    return size;
  };
}

/// What is told, for comparing: "+id flags", "-id", "listed".
inline std::vector<std::string> told(const Page& page) {
  std::vector<std::string> words;
  for (const auto& change : page.changes)
    if (const auto* item = std::get_if<Upsert>(&change))
      words.push_back("+" + item->id + " " + std::to_string(item->flags));
    else if (const auto* gone = std::get_if<Removed>(&change))
      words.push_back("-" + gone->id);
    else if (const auto* folder = std::get_if<FolderUpsert>(&change))
      words.push_back("folder " + folder->folder.id);
    else if (std::holds_alternative<Listed>(change))
      words.emplace_back("listed");
  return words;
}

}  // namespace tidegate::mock
