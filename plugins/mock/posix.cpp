// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

namespace tidegate::mock {
namespace {

class FileContent final : public Content {
 public:
  FileContent(Fd fd, std::uint64_t size, std::string path) : fd_(std::move(fd)), size_(size), path_(std::move(path)) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) override {
    for (;;) {
      const auto got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return failed(path_, "read", errno);
    }
  }

 private:
  Fd fd_;
  std::uint64_t size_;
  std::string path_;
};

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

std::unexpected<Fault> failed(const std::string& path, std::string_view doing, int error) {
  auto kind = FaultKind::unavailable;
  if (error == ENOENT || error == ENOTDIR) kind = FaultKind::not_found;
  if (error == EACCES || error == EPERM || error == EROFS) kind = FaultKind::denied;
  if (error == EEXIST || error == ENOTEMPTY) kind = FaultKind::exists;
  if (error == ENOSPC || error == EDQUOT) kind = FaultKind::quota;
  // The name of a file may tell of its content (a subject, a person): private.
  return fault(kind, {},
               std::string("the mock's directory: can't ") + std::string(doing) + " (" + std::strerror(error) + ")",
               path);
}

std::int64_t mtime_ns(const struct stat& about) {
  return static_cast<std::int64_t>(about.st_mtim.tv_sec) * 1'000'000'000 + about.st_mtim.tv_nsec;
}

std::int64_t disk_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);  // what the kernel stamps inodes with
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

Result<std::unique_ptr<Content>> open_content(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return failed(path, "open", errno);
  struct stat about{};
  if (::fstat(fd.get(), &about) != 0) return failed(path, "look at", errno);
  if (!S_ISREG(about.st_mode))
    return fault(FaultKind::invalid, {}, "an item of the mock's directory is no plain file", path);
  return std::make_unique<FileContent>(std::move(fd), static_cast<std::uint64_t>(about.st_size), path);
}

Result<std::string> head(Content& content, std::uint64_t limit) {
  std::string text(static_cast<std::size_t>(std::min(limit, content.size())), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    auto got = content.read(have, std::as_writable_bytes(std::span(text).subspan(have)));
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    have += *got;
  }
  text.resize(have);
  return text;
}

Result<void> sync_directory(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return failed(path, "sync", errno);
  return {};
}

}  // namespace tidegate::mock
