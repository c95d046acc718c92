// SPDX-License-Identifier: Apache-2.0
#include "core/plugin_check/hand.hpp"

#include <cerrno>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tidegate::check {

Hand::Outcome Hand::does(const std::string& word, const About& about) const {
  std::vector<std::string> values;
  for (char** at = environ; *at != nullptr; ++at) values.emplace_back(*at);
  for (const auto& [name, value] : about) values.push_back("TIDEGATE_CHECK_" + name + "=" + value);
  std::vector<char*> environment;
  for (auto& value : values) environment.push_back(value.data());
  environment.push_back(nullptr);
  std::string shell = "sh", option = "-c", line = command_ + " \"$@\"", name = "hand", argument = word;
  char* arguments[] = {shell.data(), option.data(), line.data(), name.data(), argument.data(), nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, arguments, environment.data()) != 0) return Outcome::failed;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return Outcome::failed;
  if (!WIFEXITED(status)) return Outcome::failed;
  return WEXITSTATUS(status) == 0 ? Outcome::done : WEXITSTATUS(status) == 77 ? Outcome::cannot : Outcome::failed;
}

}  // namespace tidegate::check
