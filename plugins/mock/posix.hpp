// SPDX-License-Identifier: Apache-2.0
// The few calls on files the mock makes, with faults instead of errno. Any thread.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include <sys/stat.h>

#include "core/sdk/store.hpp"
#include "plugins/mock/folder.hpp"

namespace tidegate::mock {

/// errno as a Fault about that path: not_found, denied, exists, quota, unavailable.
std::unexpected<Fault> failed(const std::string& path, std::string_view doing, int error);

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::int64_t mtime_ns(const struct stat&);
/// The file systems' own clock (coarse), to compare with mtimes.
std::int64_t disk_now_ns();
/// Opens a plain file for reading; fault invalid if it is something else.
Result<std::unique_ptr<Content>> open_content(const std::string& path);
/// At most `limit` octets of the content's beginning.
Result<std::string> head(Content&, std::uint64_t limit);
Result<void> sync_directory(const std::string& path);

}  // namespace tidegate::mock
