// SPDX-License-Identifier: Apache-2.0
// Sockets as the streams and the blocking connection need them: non-blocking, close-on-exec, and faults in words.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "core/sim/network.hpp"

namespace tidegate::tls {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

struct Address {
  sockaddr_storage data{};
  socklen_t size = 0;
};

/// "host:port" or the path: what faults and logs call the other end.
std::string place_of(const sim::Endpoint&);

/// Blocks on the resolver unless `numeric` (then only an address in digits is understood). Fault: unavailable.
Result<std::vector<Address>> resolve(const sim::Endpoint&, bool numeric = false);
Result<Address> unix_address(const std::string& path);

/// A socket that is connecting (or connected) to that address. Fault: unavailable.
Result<Fd> begin_connect(const Address&, const std::string& place);
/// After it became writable: whether it is connected. Faults: unavailable (refused, no route …).
Result<void> end_connect(int fd, const std::string& place);
/// TCP_NODELAY, TCP_USER_TIMEOUT 30 s; nothing for other families.
void tune(int fd);

std::string peer_name(int fd);  ///< "address:port", or "unix"
int peer_uid_of(int fd);        ///< -1 but for AF_UNIX

Fault broken_connection(const std::string& place, int error);
Fault timed_out(const std::string& place, std::string_view stage);

}  // namespace tidegate::tls
