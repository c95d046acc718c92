// SPDX-License-Identifier: Apache-2.0
#include "core/token/command.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate::token {
namespace {

constexpr std::size_t printed_most = 64 * 1024;

std::unexpected<Fault> failed(FaultKind kind, std::string text) {
  return fault(kind, "token_command", std::move(text));
}

/// A running command with a pipe from it; killed with its children at the end of the object.
class Child {
 public:
  Child(const std::string& command, const std::string& user) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    out_ = ends[0];
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_t how;
    posix_spawnattr_init(&how);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);  // a group of its own, so that all of it can be ended
    std::string line = command, who = "TIDEGATE_USER=" + user, where = "PATH=/usr/local/bin:/usr/bin:/bin";
    std::string shell = "sh", option = "-c";
    const std::array<char*, 4> words = {shell.data(), option.data(), line.data(), nullptr};
    const std::array<char*, 3> environment = {who.data(), where.data(), nullptr};
    if (::posix_spawn(&pid_, "/bin/sh", &files, &how, words.data(), environment.data()) != 0) pid_ = -1;
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    ::close(ends[1]);
  }
  ~Child() {
    finish();
    if (out_ >= 0) ::close(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool running() const { return pid_ > 0; }
  int out() const { return out_; }
  /// Ends what still runs; true if the command had ended well by itself.
  bool finish() {
    if (pid_ <= 0) return false;
    ::kill(-pid_, SIGKILL);  // whoever closed the pipe has said all: a shell that has exited keeps its code
    int code = 0;
    while (::waitpid(pid_, &code, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
  }
  /// As finish(), but waits for an end of its own until the deadline.
  bool wait(const Call& call) {
    siginfo_t info{};
    while (running() && Clock::now() < call.deadline && !call.stop.stop_requested()) {
      info.si_pid = 0;
      if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_)
        break;
      ::poll(nullptr, 0, 2);
    }
    return finish();
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

}  // namespace

Result<Token> token_in(std::string_view printed) {
  const auto line = [&] {
    const auto end = std::min(printed.find('\n'), printed.size());
    std::string_view out = printed.substr(0, end);
    printed.remove_prefix(std::min(end + 1, printed.size()));
    while (out.ends_with('\r') || out.ends_with(' ')) out.remove_suffix(1);
    return out;
  };
  Token token{std::string(line()), {}};
  if (!is_token(token.text)) return failed(FaultKind::auth, "The token command printed no access token.");
  const auto second = line();
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(second.data(), second.data() + second.size(), seconds);
  if (error == std::errc{} && end == second.data() + second.size()) token.good_for = std::chrono::seconds(seconds);
  return token;
}

Result<Token> run_token_command(const std::string& command, const std::string& user, const Call& call) {
  if (user.find('\0') != std::string::npos) return failed(FaultKind::auth, "This user's name cannot be given to it.");
  Child child(command, user);
  if (!child.running()) return failed(FaultKind::unavailable, "The token command could not be started.");
  std::string printed;
  std::array<char, 4096> part;
  for (;;) {
    if (call.stop.stop_requested() || Clock::now() >= call.deadline)
      return failed(FaultKind::cancelled, "The token command did not answer in time; it was ended.");
    pollfd ready{child.out(), POLLIN, 0};
    // A stop is seen within this slice: a command of the administrator's gives no descriptor to ring.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(call.deadline - Clock::now());
    if (::poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 100))) <= 0) continue;
    const auto got = ::read(child.out(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    printed.append(part.data(), static_cast<std::size_t>(got));
    if (printed.size() > printed_most) return failed(FaultKind::invalid, "The token command printed far too much.");
  }
  if (!child.wait(call)) return failed(FaultKind::unavailable, "The token command failed; it is run again later.");
  return token_in(printed);
}

}  // namespace tidegate::token
