// SPDX-License-Identifier: Apache-2.0
#include "tests/peers/scripted_imap.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/peers/line_socket.hpp"

namespace tidegate::peers {

ScriptedImap::ScriptedImap(Script script) : ScriptedImap(std::vector<Script>{std::move(script)}) {}

ScriptedImap::ScriptedImap(std::vector<Script> scripts, Files files)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), files_(std::move(files)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 4) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    throw std::runtime_error("no port to listen on");
  }
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this, scripts = std::move(scripts)] {
    for (const Script& script : scripts) {
      if (verdict_.empty()) play(script);
    }
  });
}

ScriptedImap::~ScriptedImap() {
  ::shutdown(listener_, SHUT_RDWR);
  if (const int client = client_.exchange(-1); client >= 0) {
    ::shutdown(client, SHUT_RDWR);
    ::close(client);
  }
  if (thread_.joinable()) thread_.join();
  ::close(listener_);
}

std::string ScriptedImap::verdict() {
  if (thread_.joinable()) thread_.join();
  return verdict_;
}

void ScriptedImap::play(const Script& script) {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) {
    verdict_ = "nobody connected";
    return;
  }
  ++connections_;
  if (const int before = client_.exchange(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); before >= 0) ::close(before);
  LineSocket client(fd);
  std::string tag;
  try {
    for (const Step& step : script) {
      if (!follow(client, step, tag)) return;
    }
    // The end of a script leaves the connection open until the client goes.
    while (client.maybe_line()) {
    }
  } catch (const std::exception& e) {
    if (verdict_.empty()) verdict_ = e.what();
  }
}

bool ScriptedImap::follow(LineSocket& client, const Step& step, std::string& tag) {
  while (step.message) {
    const auto line = client.maybe_line();
    if (!line) return false;
    if (*line == ".") break;
    message_ += *line + "\r\n";
  }
  if (!step.hear.empty()) {
    const std::string line = client.line();
    tag = line.substr(0, line.find(' '));
    if (line.find(step.hear) == std::string::npos) {
      verdict_ = "expected \"" + step.hear + "\", heard \"" + line + "\"";
      ::shutdown(client.fd(), SHUT_RDWR);  // nobody shall wait for an answer that never comes
      return false;
    }
  }
  std::string say = step.say;
  for (std::size_t at = 0; (at = say.find("$T", at)) != std::string::npos;) say.replace(at, 2, tag);
  client.say(say);
  if (step.tls) client.secure(files_.certificate, files_.key);
  if (step.close) ::shutdown(client.fd(), SHUT_RDWR);
  return !step.close;
}

std::vector<Step> logged_in(const std::string& capabilities, std::vector<Step> then) {
  std::vector<Step> script = {{"", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n"},
                              {"AUTHENTICATE PLAIN ", "$T OK [CAPABILITY IMAP4rev1 " + capabilities + "] welcome\r\n"}};
  for (Step& step : then) script.push_back(std::move(step));
  return script;
}

}  // namespace tidegate::peers
