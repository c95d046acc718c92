// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "core/sim/memory_disk.hpp"

namespace tidegate::sim {
namespace {

std::unexpected<Fault> broken(FaultKind kind, const std::string& path, std::string_view why) {
  return fault(kind, path, "Cannot use " + path + ": " + std::string(why) + ".");
}

class MemoryFiles final : public Files {
 public:
  MemoryFiles(MemoryDisk& disk, std::shared_ptr<const Life> life) : disk_(disk), life_(std::move(life)) {}

  Result<Bytes> read(const std::string& path, std::uint64_t limit) override {
    auto node = file(path);
    if (!node) return std::unexpected(node.error());
    return (*node)->data().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(limit, Bytes::npos)));
  }

  Result<Bytes> read_part(const std::string& path, std::uint64_t offset, std::uint64_t length) override {
    auto node = file(path);
    if (!node) return std::unexpected(node.error());
    if (offset >= (*node)->data().size()) return Bytes();
    return (*node)->data().substr(static_cast<std::size_t>(offset), static_cast<std::size_t>(length));
  }

  Result<void> create(const std::string& path, View octets, unsigned) override {
    if (life_->dead) return dead(path);
    if (disk_.find(clean(path))) return broken(FaultKind::exists, path, "it is there already");
    const auto node = disk_.make(clean(path), false);
    if (!node) return broken(FaultKind::not_found, path, "its directory is not there");
    if (node->write(0, octets)) return {};
    disk_.erase(clean(path));
    return full(path);
  }

  Result<void> append(const std::string& path, View octets) override {
    auto node = file(path);
    if (!node) return std::unexpected(node.error());
    if (!(*node)->write((*node)->data().size(), octets)) return full(path);
    return {};
  }

  Result<void> sync(const std::string& path) override {
    auto node = file(path);
    if (!node) return std::unexpected(node.error());
    (*node)->sync();
    disk_.synced();
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    if (life_->dead) return dead(path);
    const auto node = disk_.find(clean(path));
    if (!node || !node->directory()) return broken(FaultKind::not_found, path, "there is no such directory");
    disk_.sync_names(clean(path));
    return {};
  }

  Result<bool> sync_everything(const std::string& path) override {
    if (life_->dead) return std::unexpected(dead(path).error());
    disk_.sync_everything();
    disk_.synced();
    return true;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (life_->dead) return dead(from);
    if (!disk_.find(clean(from))) return broken(FaultKind::not_found, from, "it is not there");
    if (!disk_.rename(clean(from), clean(to)))
      return broken(FaultKind::not_found, to, "its directory is not there, or a directory is in the way");
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (life_->dead) return dead(path);
    if (!disk_.find(clean(path))) return broken(FaultKind::not_found, path, "it is not there");
    if (!disk_.erase(clean(path))) return broken(FaultKind::exists, path, "the directory is not empty");
    return {};
  }

  Result<void> make_directories(const std::string& path, unsigned) override {
    if (life_->dead) return dead(path);
    const auto whole = clean(path);
    for (std::size_t end = 0; end != std::string::npos;) {
      end = whole.find('/', end + 1);
      const auto part = whole.substr(0, end);
      const auto node = disk_.find(part);
      if (node ? !node->directory() : !disk_.make(part, true))
        return broken(FaultKind::exists, part, "a file is in the way");
    }
    return {};
  }

  Result<std::vector<FileInfo>> list(const std::string& directory) override {
    if (life_->dead) return dead(directory);
    const auto node = disk_.find(clean(directory));
    if (!node || !node->directory()) return broken(FaultKind::not_found, directory, "there is no such directory");
    std::vector<FileInfo> found;
    for (const auto& [name, entry] : disk_.list(clean(directory))) found.push_back(describe(name, *entry));
    return found;
  }

  Result<std::optional<FileInfo>> info(const std::string& path) override {
    if (life_->dead) return dead(path);
    const auto node = disk_.find(clean(path));
    if (!node) return std::nullopt;
    return describe(path.substr(path.rfind('/') + 1), *node);
  }

 private:
  static std::string clean(const std::string& path) {
    std::string out;
    for (const char c : path.starts_with('/') ? path : "/" + path)
      if (c != '/' || !out.ends_with('/')) out += c;
    if (out.size() > 1 && out.ends_with('/')) out.pop_back();
    return out;
  }
  static FileInfo describe(std::string name, const MemoryDisk::Node& node) {
    return {.name = std::move(name),
            .directory = node.directory(),
            .size = node.data().size(),
            .inode = node.inode(),
            .mtime_ns = node.mtime()};
  }
  static std::unexpected<Fault> dead(const std::string& path) {
    return broken(FaultKind::unavailable, path, "this process was killed");
  }
  static std::unexpected<Fault> full(const std::string& path) {
    return broken(FaultKind::quota, path, "the disk is full: make room");
  }
  Result<MemoryDisk::NodePtr> file(const std::string& path) {
    if (life_->dead) return dead(path);
    auto node = disk_.find(clean(path));
    if (!node) return broken(FaultKind::not_found, path, "it is not there");
    if (node->directory()) return broken(FaultKind::unavailable, path, "it is a directory");
    return node;
  }

  MemoryDisk& disk_;
  std::shared_ptr<const Life> life_;
};

}  // namespace

std::unique_ptr<Files> files_of(MemoryDisk& disk, std::shared_ptr<const Life> life) {
  return std::make_unique<MemoryFiles>(disk, std::move(life));
}

}  // namespace tidegate::sim
