// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/sim/real_world.hpp"

namespace tidegate::sim {
namespace {

std::unexpected<Fault> broken(const std::string& path, std::string_view did, int error) {
  auto kind = FaultKind::unavailable;
  std::string hint = "check the disk";
  if (error == ENOENT || error == ENOTDIR) kind = FaultKind::not_found, hint = "it is not there";
  if (error == EEXIST || error == ENOTEMPTY) kind = FaultKind::exists, hint = "it is there already";
  if (error == EACCES || error == EPERM || error == EROFS)
    kind = FaultKind::denied, hint = "check who owns it and its permissions";
  if (error == ENOSPC || error == EDQUOT) kind = FaultKind::quota, hint = "the disk is full: make room";
  return fault(kind, path, "Cannot " + std::string(did) + " " + path + ": " + hint + ".",
               std::generic_category().message(error));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, unsigned mode = 0) {
    do fd_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

Result<void> write_all(int fd, const std::string& path, View octets) {
  while (!octets.empty()) {
    const auto wrote = ::write(fd, octets.data(), octets.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return broken(path, "write", errno);
    octets.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

/// Local file systems whose syncfs(2) waits for the data and flushes the device; a FUSE daemon, say, may hear nothing.
bool flushes_whole(int fd) {
  constexpr long xfs = 0x58465342;  // not in linux/magic.h
  struct statfs about{};
  if (::fstatfs(fd, &about) != 0) return false;
  constexpr std::array known{static_cast<long>(EXT4_SUPER_MAGIC), xfs, static_cast<long>(BTRFS_SUPER_MAGIC),
                             static_cast<long>(F2FS_SUPER_MAGIC), static_cast<long>(TMPFS_MAGIC)};
  return std::ranges::find(known, static_cast<long>(about.f_type)) != known.end();
}

FileInfo describe(std::string name, const struct stat& data) {
  return {.name = std::move(name),
          .directory = S_ISDIR(data.st_mode),
          .size = static_cast<std::uint64_t>(data.st_size),
          .inode = data.st_ino,
          .mtime_ns = data.st_mtim.tv_sec * 1'000'000'000 + data.st_mtim.tv_nsec};
}

class PosixFiles final : public Files {
 public:
  Result<Bytes> read(const std::string& path, std::uint64_t limit) override { return read_part(path, 0, limit); }

  Result<Bytes> read_part(const std::string& path, std::uint64_t offset, std::uint64_t limit) override {
    const Descriptor file(path, O_RDONLY);
    if (!file) return broken(path, "open", errno);
    if (offset > 0 && ::lseek(file.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return broken(path, "read", errno);
    Bytes all;
    while (all.size() < limit) {
      const auto had = all.size();
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(limit - had, 65536));
      all.resize(had + want);
      const auto got = ::read(file.get(), all.data() + had, want);
      all.resize(had + (got > 0 ? static_cast<std::size_t>(got) : 0));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return broken(path, "read", errno);
      if (got == 0) break;
    }
    return all;
  }

  Result<void> create(const std::string& path, View octets, unsigned mode) override {
    const Descriptor file(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!file) return broken(path, "create", errno);
    auto done = write_all(file.get(), path, octets);
    if (!done) ::unlink(path.c_str());  // a caller who was told "not created" must not find half of it
    return done;
  }

  Result<void> append(const std::string& path, View octets) override {
    const Descriptor file(path, O_WRONLY | O_APPEND);
    if (!file) return broken(path, "open", errno);
    return write_all(file.get(), path, octets);
  }

  Result<void> sync(const std::string& path) override { return sync_at(path, O_RDONLY); }
  Result<void> sync_directory(const std::string& path) override { return sync_at(path, O_RDONLY | O_DIRECTORY); }

  Result<bool> sync_everything(const std::string& path) override {
    const Descriptor file(path, O_RDONLY);
    if (!file) return broken(path, "open", errno);
    if (!flushes_whole(file.get())) return false;
    if (::syncfs(file.get()) != 0) return broken(path, "sync", errno);
    return true;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return broken(from, "rename", errno);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (std::remove(path.c_str()) != 0) return broken(path, "remove", errno);
    return {};
  }

  Result<void> make_directories(const std::string& path, unsigned mode) override {
    for (std::size_t end = 1; end != std::string::npos;) {
      end = path.find('/', end);
      const auto part = path.substr(0, end);
      if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST && errno != EISDIR) {
        const int error = errno;
        struct stat data{};
        if (::stat(part.c_str(), &data) != 0) return broken(part, "make directory", error);
      }
      if (end != std::string::npos) ++end;
    }
    struct stat data{};
    if (::stat(path.c_str(), &data) != 0) return broken(path, "make directory", errno);
    if (!S_ISDIR(data.st_mode)) return broken(path, "make directory", EEXIST);
    return {};
  }

  Result<std::vector<FileInfo>> list(const std::string& directory) override {
    struct Close {
      void operator()(DIR* d) const { ::closedir(d); }
    };
    const std::unique_ptr<DIR, Close> open(::opendir(directory.c_str()));
    if (!open) return broken(directory, "list", errno);
    std::vector<FileInfo> found;
    for (errno = 0; const auto* entry = ::readdir(open.get()); errno = 0) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      struct stat data{};
      // Gone since readdir saw it: then it does not belong to the answer.
      if (::fstatat(::dirfd(open.get()), entry->d_name, &data, AT_SYMLINK_NOFOLLOW) != 0) continue;
      found.push_back(describe(std::string(name), data));
    }
    if (errno != 0) return broken(directory, "list", errno);
    return found;
  }

  Result<std::optional<FileInfo>> info(const std::string& path) override {
    struct stat data{};
    if (::stat(path.c_str(), &data) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
      return broken(path, "look at", errno);
    }
    return describe(path.substr(path.rfind('/') + 1), data);
  }

 private:
  static Result<void> sync_at(const std::string& path, int flags) {
    const Descriptor file(path, flags);
    if (!file) return broken(path, "open", errno);
    int failed = 0;
    do failed = ::fsync(file.get());
    while (failed != 0 && errno == EINTR);
    if (failed != 0) return broken(path, "sync", errno);
    return {};
  }
};

}  // namespace

std::unique_ptr<Files> posix_files() { return std::make_unique<PosixFiles>(); }

}  // namespace tidegate::sim
