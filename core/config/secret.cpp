// SPDX-License-Identifier: Apache-2.0
#include "core/config/secret.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tidegate::config {
namespace {

constexpr std::size_t longest = 64 << 10;

std::unexpected<Fault> refused(const std::string& path, int why) {
  const auto kind = why == ENOENT || why == ENOTDIR ? FaultKind::not_found
                    : why == EACCES                 ? FaultKind::denied
                                                    : FaultKind::unavailable;
  const auto* what = kind == FaultKind::not_found ? "doesn't exist"
                     : kind == FaultKind::denied  ? "can't be read by this process"
                                                  : "can't be read";
  return fault(kind, path, fmt::format("the secret file {} {}; check its name, owner and mode", path, what),
               std::strerror(why));
}

}  // namespace

Result<Bytes> read_secret_file(const std::string& path, const Warn& warn) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);  // a FIFO must not hang us
  if (fd < 0) return refused(path, errno);
  const std::unique_ptr<const int, void (*)(const int*)> closes(&fd, [](const int* it) { ::close(*it); });
  struct stat about{};
  if (::fstat(fd, &about) != 0) return refused(path, errno);
  if (!S_ISREG(about.st_mode))
    return fault(FaultKind::invalid, path,
                 fmt::format("the secret file {} is no plain file; name one that holds the secret", path));
  if (warn && (about.st_mode & S_IROTH))
    warn(fmt::format("the secret file {} can be read by everybody on this machine; chmod 600 it", path));
  Bytes text(longest + 1, '\0');
  std::size_t have = 0;
  for (;;) {
    const auto got = ::read(fd, text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(path, errno);
    have += static_cast<std::size_t>(got);
    if (got == 0 || have == text.size()) break;
  }
  if (have > longest)
    return fault(FaultKind::too_large, path,
                 fmt::format("the secret file {} is longer than 64 KiB; is it the right one?", path));
  text.resize(have);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty())
    return fault(FaultKind::invalid, path, fmt::format("the secret file {} is empty; write the secret into it", path));
  return text;
}

Result<Bytes> read_secret(std::string_view title, std::string_view key, const std::string& file, const Warn& warn) {
  if (!file.empty()) return read_secret_file(file, warn);
  std::string name = fmt::format("{}.{}", title, key);
  std::ranges::replace(name, ':', '.');
  if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY"); directory && *directory) {
    // systemd's directory is readable by the service alone; its files' modes say nothing.
    auto secret = read_secret_file(fmt::format("{}/{}", directory, name));
    if (secret || secret.error().kind != FaultKind::not_found) return secret;
  }
  return fault(FaultKind::not_found, std::string(title),
               fmt::format("[{}] has no {}: set {}_file to a file that holds it, or give the service the systemd "
                           "credential {}",
                           title, key, key, name));
}

}  // namespace tidegate::config
