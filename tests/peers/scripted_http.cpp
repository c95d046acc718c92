// SPDX-License-Identifier: Apache-2.0
#include "tests/peers/scripted_http.hpp"

#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/peers/line_socket.hpp"

namespace tidegate::peers {

ScriptedHttp::ScriptedHttp(std::vector<HttpStep> script, Files files)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      files_(std::move(files)),
      script_(script.begin(), script.end()) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    throw std::runtime_error("no port to listen on");
  }
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this] {
    for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      ++connections_;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::scoped_lock lock(mutex_);
      if (ending_) {
        ::close(fd);
        return;
      }
      clients_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  });
}

ScriptedHttp::~ScriptedHttp() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
    for (const int fd : clients_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  for (auto& thread : threads_) thread.join();
  ::close(listener_);
}

std::string ScriptedHttp::url(std::string_view target) const {
  return (files_.certificate.empty() ? "http://localhost:" : "https://localhost:") + std::to_string(port_) +
         std::string(target);
}

std::string ScriptedHttp::verdict() {
  const std::scoped_lock lock(mutex_);
  if (!verdict_.empty() || script_.empty()) return verdict_;
  return "still expected: " + script_.front().hear;
}

void ScriptedHttp::more(std::vector<HttpStep> steps) {
  const std::scoped_lock lock(mutex_);
  script_.insert(script_.end(), steps.begin(), steps.end());
}

std::vector<std::string> ScriptedHttp::heard() {
  const std::scoped_lock lock(mutex_);
  return heard_;
}

std::vector<std::string> ScriptedHttp::requests() {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void ScriptedHttp::serve(int fd) {
  try {
    LineSocket client(fd);
    if (!files_.certificate.empty()) client.secure(files_.certificate, files_.key);
    for (;;) {
      const auto first = client.maybe_line();
      if (!first) break;
      std::string head = *first + "\n";
      std::size_t length = 0;
      for (auto line = client.line(); !line.empty(); line = client.line()) {
        head += line + "\n";
        if (line.starts_with("Content-Length: ")) length = std::strtoul(line.c_str() + 16, nullptr, 10);
      }
      if (!answer(client, *first, head, client.octets(length))) break;
    }
    const std::scoped_lock lock(mutex_);
    clients_.remove(fd);
  } catch (const std::exception&) {  // a client that went away, or kept silent
    const std::scoped_lock lock(mutex_);
    clients_.remove(fd);
  }
}

bool ScriptedHttp::answer(LineSocket& client, const std::string& first, const std::string& head,
                          const std::string& body) {
  HttpStep step;
  {
    const std::scoped_lock lock(mutex_);
    heard_.push_back(first.substr(0, first.rfind(' ')));
    requests_.push_back(head + "\n" + body);
    const auto& all = requests_.back();
    const auto wrong = [&](const std::string& why) {
      if (verdict_.empty()) verdict_ = why + "; heard:\n" + all;
      script_.clear();
    };
    if (script_.empty()) {
      wrong("nothing more was expected");
      step.status = 599;
    } else {
      step = script_.front();
      script_.pop_front();
      if (!step.hear.empty() && heard_.back() != step.hear) wrong("expected: " + step.hear);
      for (const auto& word : step.holds) {
        const bool must = !word.starts_with('!');
        if (all.contains(must ? word : word.substr(1)) != must) wrong("expected: " + step.hear + " with " + word);
      }
    }
  }
  if (step.hang) return true;
  if (step.drop) return false;
  const bool no_body = first.starts_with("HEAD ") || step.status == 204 || step.status == 304;
  if (!step.raw.empty())
    client.say(step.raw);
  else
    client.say("HTTP/1.1 " + std::to_string(step.status) + " Said\r\n" + step.fields +
               (no_body ? "" : "Content-Length: " + std::to_string(step.body.size()) + "\r\n") + "\r\n" +
               (no_body ? "" : step.body));
  return !step.close;
}

}  // namespace tidegate::peers
