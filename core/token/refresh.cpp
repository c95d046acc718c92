// SPDX-License-Identifier: Apache-2.0
#include "core/token/refresh.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tidegate::token {
namespace {

constexpr std::size_t longest = 64 * 1024;  // as much as is read of a secret

std::unexpected<Fault> failed(const std::string& path, int error) {
  const auto kind = error == EACCES || error == EPERM || error == EROFS ? FaultKind::denied
                    : error == ENOSPC || error == EDQUOT                ? FaultKind::quota
                                                                        : FaultKind::unavailable;
  return fault(kind, path, "A new refresh token cannot be kept there; check space, owner and mode of the directory.",
               std::strerror(error));
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool sync_directory(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = folder >= 0 && ::fsync(folder) == 0;
  const int why = errno;
  if (folder >= 0) ::close(folder);
  errno = why;
  return done;
}

std::unexpected<Fault> no_grant(const std::string& path, std::string_view why) {
  return fault(FaultKind::auth, path,
               fmt::format("The file {}, which is to hold a refresh token, {}: let the user grant access again and put "
                           "the new refresh token there.",
                           path, why));
}

// A name that no user has: what reads the directory takes none that begins with a dot.
std::string beside(const std::string& path, std::string_view ending) {
  return fmt::format("{}/.{}.{}", directory_of(path), path.substr(path.rfind('/') + 1), ending);
}

/// Held by one process and thread at a time. The file stays: what is locked must not be another's new file.
class Lock {
 public:
  static Result<Lock> take(const std::string& path, const Call& call) {
    const auto name = beside(path, "lock");
    Lock lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock.fd_ < 0) return failed(name, errno);
    while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return failed(name, errno);
      if (call.stop.stop_requested() || Clock::now() >= call.deadline)
        return fault(FaultKind::cancelled, name, "Another process refreshes this token; it took too long.");
      ::poll(nullptr, 0, 20);  // flock knows no deadline
    }
    return lock;
  }
  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  Lock& operator=(Lock&&) = delete;

 private:
  explicit Lock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

Result<std::unique_ptr<Replacement>> Replacement::begin(const std::string& path) {
  auto fresh = beside(path, "new");
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed(fresh, errno);
  std::unique_ptr<Replacement> made(new Replacement(path, std::move(fresh), fd));
  if (::fchmod(fd, 0600) != 0) return failed(made->fresh_, errno);
  if (const int why = ::posix_fallocate(fd, 0, longest); why != 0) return failed(made->fresh_, why);
  return made;
}

Replacement::~Replacement() {
  if (fd_ >= 0) ::close(fd_);
  if (!fresh_.empty()) ::unlink(fresh_.c_str());
}

Result<void> Replacement::finish(const std::string& secret) {
  const auto text = secret + "\n";
  if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::ftruncate(fd_, static_cast<off_t>(text.size())) != 0 || ::fsync(fd_) != 0)
    return failed(fresh_, errno);
  if (::rename(fresh_.c_str(), path_.c_str()) != 0) return failed(path_, errno);
  fresh_.clear();
  if (!sync_directory(directory_of(path_))) return failed(path_, errno);
  return {};
}

Result<void> keep(const std::string& path, const std::string& refresh_token, const Call& call) {
  const auto lock = Lock::take(path, call);
  if (!lock) return std::unexpected(lock.error());
  auto replacement = Replacement::begin(path);
  if (!replacement) return std::unexpected(replacement.error());
  return refresh_token.empty() ? Result<void>() : (*replacement)->finish(refresh_token);
}

Result<Token> refresh(const std::string& path, const std::function<Result<Bytes>()>& read,
                      const std::function<Result<Granted>(const std::string&)>& ask, const Call& call) {
  // First, so that a name that can be no file's makes none, and a user without a token leaves no lock behind.
  if (auto there = read(); !there) {
    if (there.error().kind == FaultKind::not_found) return no_grant(path, "is not there");
    return std::unexpected(std::move(there.error()));
  }
  const auto lock = Lock::take(path, call);
  if (!lock) return std::unexpected(lock.error());
  auto replacement = Replacement::begin(path);
  if (!replacement) return std::unexpected(replacement.error());
  std::string refused;
  for (;;) {
    auto current = read();
    if (!current) return std::unexpected(std::move(current.error()));
    if (!is_token(*current)) return no_grant(path, "holds something else");
    if (*current == refused) return no_grant(path, "holds one that the token endpoint takes no more (invalid_grant)");
    auto granted = ask(*current);
    if (granted) {
      if (!granted->refresh_token.empty() && granted->refresh_token != *current)
        if (auto kept = (*replacement)->finish(granted->refresh_token); !kept) return std::unexpected(kept.error());
      return granted->access;
    }
    if (granted.error().cause != "invalid_grant") return std::unexpected(std::move(granted.error()));
    if (!refused.empty()) return no_grant(path, "holds one that the token endpoint takes no more (invalid_grant)");
    refused = std::move(*current);
  }
}

}  // namespace tidegate::token
