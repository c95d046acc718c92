// SPDX-License-Identifier: Apache-2.0
#include "plugins/mock/control.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace tidegate::mock {
namespace {

constexpr std::size_t longest_line = 8192, most_clients = 8;

std::unexpected<Fault> unusable(const std::string& path, int error) {
  return fault(FaultKind::invalid, {}, "control must be a path where a socket can be made",
               path + ": " + std::strerror(error));
}

Fd a_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

}  // namespace

Result<std::unique_ptr<Control>> Control::open(Host& host, const std::string& path, Perform perform) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fault(FaultKind::invalid, {}, "control must be a path of at most 107 octets");
  std::ranges::copy(path, address.sun_path);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  auto listening = a_socket();
  if (::bind(listening.get(), name, sizeof address) != 0) {
    if (errno != EADDRINUSE) return unusable(path, errno);
    if (const auto asked = a_socket(); ::connect(asked.get(), name, sizeof address) == 0) return nullptr;
    // Left over by a process that died.
    if (::unlink(path.c_str()) != 0 || ::bind(listening.get(), name, sizeof address) != 0) return unusable(path, errno);
  }
  if (::listen(listening.get(), most_clients) != 0) return unusable(path, errno);
  std::unique_ptr<Control> control(new Control(host, path, std::move(perform), std::move(listening)));
  control->listen();
  return control;
}

Control::~Control() {
  wait_.reset();
  ::unlink(path_.c_str());
}

void Control::listen() {
  wait_ = host_.wait(listening_.get(), false, [this] {
    accept();
    listen();
  });
}

void Control::accept() {
  Fd fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd || clients_.size() >= most_clients) return;
  clients_.push_back({std::move(fd), {}, nullptr});
  hear(std::prev(clients_.end()));
}

void Control::hear(std::list<Client>::iterator client) {
  client->wait = host_.wait(client->fd.get(), false, [this, client] {
    if (read(*client))
      hear(client);
    else
      clients_.erase(client);
  });
}

bool Control::read(Client& client) {
  std::array<char, 4096> part;
  const auto got = ::read(client.fd.get(), part.data(), part.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  client.heard.append(part.data(), static_cast<std::size_t>(got));
  for (auto end = client.heard.find('\n'); end != std::string::npos; end = client.heard.find('\n')) {
    const auto said = answer(std::string_view(client.heard).substr(0, end)) + "\n";
    client.heard.erase(0, end + 1);
    if (::send(client.fd.get(), said.data(), said.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(said.size()))
      return false;
  }
  return client.heard.size() <= longest_line;
}

std::string Control::answer(std::string_view line) {
  auto step = parse_step(line);
  auto done = step ? perform_(*step) : Result<void>(std::unexpected(step.error()));
  return done ? "ok" : "error: " + done.error().text;
}

}  // namespace tidegate::mock
