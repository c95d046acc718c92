// SPDX-License-Identifier: Apache-2.0
#include "core/tls/socket.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

namespace tidegate::tls {
namespace {

std::string words(int error) { return std::generic_category().message(error); }

}  // namespace

void Fd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

std::string place_of(const sim::Endpoint& endpoint) {
  if (!endpoint.unix_path.empty()) return endpoint.unix_path;
  const bool six = endpoint.host.find(':') != std::string::npos;
  return (six ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Result<std::vector<Address>> resolve(const sim::Endpoint& endpoint, bool numeric) {
  if (!endpoint.unix_path.empty()) {
    auto address = unix_address(endpoint.unix_path);
    if (!address) return std::unexpected(address.error());
    return std::vector{*address};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (failed != 0)
    return fault(FaultKind::unavailable, place_of(endpoint),
                 "No address is known for " + endpoint.host + ": check the name and the name servers.",
                 ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> hold(found, &::freeaddrinfo);
  std::vector<Address> all;
  for (const auto* at = found; at != nullptr && all.size() < 16; at = at->ai_next) {
    Address address{.size = at->ai_addrlen};
    std::memcpy(&address.data, at->ai_addr, at->ai_addrlen);
    all.push_back(address);
  }
  return all;
}

Result<Address> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fault(FaultKind::invalid, path, "The path of a socket is over 107 octets: choose a shorter one.");
  std::memcpy(address.sun_path, path.data(), path.size());
  Address out{.size = sizeof address};
  std::memcpy(&out.data, &address, sizeof address);
  return out;
}

Result<Fd> begin_connect(const Address& address, const std::string& place) {
  Fd fd(::socket(address.data.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return std::unexpected(broken_connection(place, errno));
  if (address.data.ss_family != AF_UNIX) tune(fd.get());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.data), address.size) != 0 &&
      errno != EINPROGRESS && errno != EINTR)
    return std::unexpected(broken_connection(place, errno));
  return fd;
}

Result<void> end_connect(int fd, const std::string& place) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return std::unexpected(broken_connection(place, error));
  return {};
}

void tune(int fd) {
  const int on = 1;
  const unsigned milliseconds = 30'000;  // octets without an answer for that long: the connection is dead
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

std::string peer_name(int fd) {
  sockaddr_storage data{};
  socklen_t size = sizeof data;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&data), &size) != 0) return "unknown";
  if (data.ss_family == AF_UNIX) return "unix";
  std::array<char, INET6_ADDRSTRLEN> host{};
  std::array<char, 8> port{};
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&data), size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "unknown";
  if (data.ss_family == AF_INET6) return std::string("[") + host.data() + "]:" + port.data();
  return std::string(host.data()) + ":" + port.data();
}

int peer_uid_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  int domain = 0;
  socklen_t domain_size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) != 0 || domain != AF_UNIX) return -1;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -1;
  return static_cast<int>(credentials.uid);
}

Fault broken_connection(const std::string& place, int error) {
  std::string text = "The connection to " + place + " broke: check the network between here and there.";
  switch (error) {
    case ECONNREFUSED:
      text = place + " refused the connection: is the service running, and the port right?";
      break;
    case ENOENT:
      text = "There is no socket at " + place + ": is the service running?";
      break;
    case EACCES:
    case EPERM:
      return {FaultKind::denied,
              place,
              "Connecting to " + place + " is not allowed: check permissions or firewall.",
              words(error),
              {}};
    case ENETUNREACH:
    case EHOSTUNREACH:
      text = "There is no way to " + place + ": check the network and its routes.";
      break;
    case ETIMEDOUT:
      return timed_out(place, "connection");
    case ECONNRESET:
    case EPIPE:
      text = place + " broke the connection off.";
      break;
    case EMFILE:
    case ENFILE:
      text = "No file descriptor is left for a connection to " + place + ": raise the limit of open files.";
      break;
    default:
      break;
  }
  return {FaultKind::unavailable, place, std::move(text), words(error), {}};
}

Fault timed_out(const std::string& place, std::string_view stage) {
  return {FaultKind::unavailable,
          place,
          place + " did not answer in time (" + std::string(stage) + "): check the network and any firewall.",
          {},
          {}};
}

}  // namespace tidegate::tls
