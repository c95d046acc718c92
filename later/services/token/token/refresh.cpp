// SPDX-License-Identifier: Apache-2.0
#include "core/token/refresh.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
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

}  // namespace

Result<std::unique_ptr<Replacement>> Replacement::begin(const std::string& path) {
  // A name that no user has: what reads the directory takes none that begins with a dot.
  auto fresh = directory_of(path) + "/." + path.substr(path.rfind('/') + 1) + ".new";
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

Result<Token> refresh(const Endpoint& endpoint, const Request& request, const std::string& path, const Call& call) {
  auto replacement = Replacement::begin(path);
  if (!replacement) return std::unexpected(replacement.error());
  auto granted = ask(endpoint, request, call);
  if (!granted) return std::unexpected(granted.error());
  if (!granted->refresh_token.empty() && granted->refresh_token != request.refresh_token)
    if (auto kept = (*replacement)->finish(granted->refresh_token); !kept) return std::unexpected(kept.error());
  return granted->access;
}

}  // namespace tidegate::token
