// SPDX-License-Identifier: Apache-2.0
#include "device/terminal.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace tidegate::device {
namespace {

std::string lock_path(const std::string& state) { return state + "/.lock"; }

class Terminal {
 public:
  Terminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC)) {}
  ~Terminal() {
    if (quiet_) ::tcsetattr(fd_, TCSANOW, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  void quiet() {
    if (::tcgetattr(fd_, &before_) != 0) return;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }

 private:
  int fd_;
  bool quiet_ = false;
  termios before_{};
};

}  // namespace

Result<std::string> ask(const std::string& question, bool echo) {
  Terminal terminal;
  if (!terminal)
    return fault(FaultKind::invalid, "terminal",
                 "There is no terminal to ask on: give the code as an argument and the password by --password-file.");
  (void)!::write(terminal.fd(), question.data(), question.size());
  if (!echo) terminal.quiet();
  std::string answer;
  for (char c = 0;;) {
    const auto got = ::read(terminal.fd(), &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || c == '\n') break;
    answer += c;
  }
  if (!echo) (void)!::write(terminal.fd(), "\n", 1);
  return answer;
}

Result<StateLock> StateLock::take(const std::string& state) {
  std::error_code failed;
  std::filesystem::create_directories(state, failed);
  ::chmod(state.c_str(), 0700);
  const int fd = ::open(lock_path(state).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return fault(FaultKind::denied, state,
                 "Cannot use the state directory " + state + ": check who owns it and its permissions.",
                 std::generic_category().message(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return StateLock(fd);
  ::close(fd);
  return fault(FaultKind::exists, state,
               "Another tidegate-device is running with the state directory " + state +
                   ": end it first, or choose another one with --state.");
}

bool StateLock::held(const std::string& state) {
  const int fd = ::open(lock_path(state).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool taken = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return taken;
}

StateLock::StateLock(StateLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
StateLock::~StateLock() {
  if (fd_ >= 0) ::close(fd_);
}

unsigned terminal_width() {
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80U;
}

void no_core_dumps() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

std::string default_state() {
  if (const char* base = std::getenv("XDG_STATE_HOME"); base != nullptr && base[0] == '/')
    return std::string(base) + "/tidegate-device";
  const char* home = std::getenv("HOME");
  return (home != nullptr ? std::string(home) : std::string(".")) + "/.local/state/tidegate-device";
}

std::string absolute(const std::string& path) {
  if (path.empty()) return path;
  std::error_code failed;
  auto whole = std::filesystem::absolute(path, failed).lexically_normal().string();
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return failed ? path : whole;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "device";
}

}  // namespace tidegate::device
