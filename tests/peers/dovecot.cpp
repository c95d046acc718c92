// SPDX-License-Identifier: Apache-2.0
#include "tests/peers/dovecot.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/peers/line_socket.hpp"

namespace tidegate::peers {
namespace {

std::string source_directory() {
  const char* set = std::getenv("TIDEGATE_SOURCE");
  return set != nullptr ? set : ".";
}

std::string output_of(const std::string& command, bool& worked) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen failed");
  char part[4096];
  for (std::size_t got = 0; (got = std::fread(part, 1, sizeof part, pipe)) > 0;) out.append(part, got);
  worked = ::pclose(pipe) == 0;
  return out;
}

int number_after(const std::string& text, const std::string& key) {
  const auto at = text.find(key + '=');
  if (at == std::string::npos) throw std::runtime_error("dovecot.sh printed no " + key + ": " + text);
  return std::atoi(text.c_str() + at + key.size() + 1);
}

}  // namespace

std::unique_ptr<Dovecot> Dovecot::start(const std::vector<std::string>& users) {
  bool worked = false;
  output_of("PATH=\"$PATH:/usr/sbin\" command -v dovecot", worked);
  if (!worked) return nullptr;
  std::string pattern = (std::filesystem::temp_directory_path() / "tgdove.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  std::unique_ptr<Dovecot> server(new Dovecot);
  server->directory_ = pattern;
  std::string command = source_directory() + "/scripts/dovecot.sh start " + pattern;
  for (const std::string& user : users) command += " '" + user + "'";
  const std::string said = output_of(command + " 2>&1", worked);
  if (!worked) throw std::runtime_error("Dovecot did not start: " + said);
  server->imap_ = static_cast<std::uint16_t>(number_after(said, "imap"));
  server->imaps_ = static_cast<std::uint16_t>(number_after(said, "imaps"));
  server->lmtp_ = static_cast<std::uint16_t>(number_after(said, "lmtp"));
  server->pid_ = number_after(said, "pid");
  return server;
}

Dovecot::~Dovecot() {
  bool worked = false;
  try {
    output_of(source_directory() + "/scripts/dovecot.sh stop " + directory_ + " 2>&1", worked);
  } catch (const std::exception&) {
    worked = false;
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Dovecot::deliver(std::string_view user, std::string_view message) {
  LineSocket lmtp = LineSocket::connect(lmtp_);
  const auto expect = [&](char first) {
    std::string line;
    do {
      line = lmtp.line();
      if (line.empty() || line[0] != first) throw std::runtime_error("LMTP: " + line);
    } while (line.size() > 3 && line[3] == '-');
  };
  expect('2');
  lmtp.say("LHLO test\r\n");
  expect('2');
  lmtp.say("MAIL FROM:<sender@example.com>\r\n");
  expect('2');
  lmtp.say(fmt::format("RCPT TO:<{}>\r\n", user));
  expect('2');
  lmtp.say("DATA\r\n");
  expect('3');
  std::string stuffed;  // RFC 5321 §4.5.2
  bool line_start = true;
  for (const char c : message) {
    if (line_start && c == '.') stuffed += '.';
    stuffed += c;
    line_start = c == '\n';
  }
  lmtp.say(stuffed + (line_start ? ".\r\n" : "\r\n.\r\n"));
  expect('2');
  lmtp.say("QUIT\r\n");
}

std::string Dovecot::doveadm(const std::string& arguments) const {
  bool worked = false;
  std::string out = output_of(
      "PATH=\"$PATH:/usr/bin:/usr/sbin\" doveadm -c " + directory_ + "/dovecot.conf " + arguments + " 2>&1", worked);
  if (!worked) throw std::runtime_error("doveadm " + arguments + ": " + out);
  return out;
}

}  // namespace tidegate::peers
