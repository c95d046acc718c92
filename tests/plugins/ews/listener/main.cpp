// SPDX-License-Identifier: Apache-2.0
// Listens to mailboxes through the plugin's Watch, for tests: settings as KEY=VALUE words, the service account's
// password in TIDEGATE_PASSWORD (a user's own is the user's name). Reads "add MAILBOX" and "drop MAILBOX", prints
// "hint MAILBOX everything|N" (N folders) and "lost MAILBOX KIND"; ends when its input does.
#include <cstdlib>
#include <iostream>
#include <mutex>

#include <fmt/format.h>

#include "plugins/ews/backend.hpp"
#include "plugins/ews/settings.hpp"

namespace tidegate::ews {
namespace {

class Ears final : public Host, public Hints {
 public:
  void log(int level, std::string_view text) noexcept override {
    if (level >= 2) say(std::cerr, std::string(text));
  }
  Clock::time_point now() const noexcept override { return Clock::now(); }
  void random(std::span<std::byte>) noexcept override {}
  Result<Bytes> secret(std::string_view key) override {
    if (key.starts_with("password/")) return Bytes(key.substr(9));
    return Bytes(std::getenv("TIDEGATE_PASSWORD"));
  }
  std::unique_ptr<FdWait> wait(int, bool, std::move_only_function<void()>) override { return nullptr; }
  std::unique_ptr<Timer> at(Clock::time_point, std::move_only_function<void()>) override { return nullptr; }
  void hint(View mailbox, const Hint& what) noexcept override {
    say(std::cout, fmt::format("hint {} {}", mailbox, what.all ? "everything" : fmt::to_string(what.scopes.size())));
  }
  void lost(View mailbox, const Fault& why) noexcept override {
    say(std::cout, fmt::format("lost {} {}", mailbox, to_string(why.kind)));
  }

 private:
  void say(std::ostream& out, const std::string& line) {
    const std::lock_guard lock(mutex_);
    out << line << std::endl;
  }
  std::mutex mutex_;
};

int run(std::span<char*> words) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const std::string_view word : words)
    values.emplace_back(word.substr(0, word.find('=')), word.substr(word.find('=') + 1));
  auto settings = parse_settings(values);
  if (!settings) {
    std::cerr << settings.error().text << '\n';
    return 2;
  }
  Ears ears;
  EwsBackend backend(ears, std::move(*settings));
  const auto watch = backend.watch(ears);
  for (std::string line; std::getline(std::cin, line);) {
    const auto mailbox = line.substr(line.find(' ') + 1);
    if (line.starts_with("add ")) watch->add(mailbox);
    if (line.starts_with("drop ")) watch->drop(mailbox);
  }
  return 0;
}

}  // namespace
}  // namespace tidegate::ews

int main(int count, char** words) { return tidegate::ews::run(std::span(words + 1, words + count)); }
