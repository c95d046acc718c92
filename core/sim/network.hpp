// SPDX-License-Identifier: Apache-2.0
// The seam for byte streams: TLS over TCP in a real process (core/tls), pipes with delays and losses in a simulated
// one. All of it on the reactor thread.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/sim/reactor.hpp"

namespace tidegate::sim {

enum class IoState : std::uint8_t {
  ok,      ///< `octets` were moved (for a write perhaps fewer than given: then call again)
  again,   ///< nothing moved; readable()/writable() comes once when worth trying. Then write the same octets (or more)
  end,     ///< the peer finished in an orderly way (read only)
  failed,  ///< the stream is dead; Stream::fault() says why
};
struct Io {
  std::size_t octets = 0;
  IoState state = IoState::ok;
};

class StreamEvents {
 public:
  virtual void readable() = 0;
  virtual void writable() = 0;

 protected:
  ~StreamEvents() = default;
};

/// A connected (and, where asked for, TLS-handshaken and verified) stream of octets. An idle one holds no buffer:
/// call read() with a buffer of your own until it answers `again`.
class Stream {
 public:
  virtual ~Stream() = default;  ///< closes at once; no event comes after that. May be destroyed within an event.

  /// Who hears of readable and writable; must outlive the stream or be replaced. Arms nothing by itself:
  /// the first read() that answers `again` does.
  virtual void events(StreamEvents*) = 0;
  virtual Io read(std::span<std::byte> into) = 0;
  virtual Io write(Octets) = 0;
  /// Sends the orderly end (TLS close_notify, FIN) after what was written. Reading goes on.
  virtual void finish() = 0;

  virtual const Fault& fault() const = 0;  ///< after `failed`
  /// RFC 9266 tls-exporter, 32 octets, the same at both ends; empty where there is no TLS.
  virtual Bytes channel_binding() const = 0;
  virtual std::string peer() const = 0;  ///< "address:port", for logs and lockout
  /// Of an AF_UNIX stream: the user id of the process at the other end (SO_PEERCRED); else -1.
  virtual int peer_uid() const { return -1; }
};

/// An HTTP proxy on the way out of a network.
struct Proxy {
  std::string host = {};
  std::uint16_t port = 0;
  std::string user = {}, password = {};  ///< an empty user: none is offered
  std::string named_by = {};             ///< the setting that names it, for sentences
  std::string credentials_by = {};       ///< the settings that would give user and password, for sentences
};
/// Asked at each dial for the way to that host; nullopt: directly. Reactor thread; may read a small local file.
using Route = std::function<Result<std::optional<Proxy>>(const std::string& host, std::uint16_t port)>;

/// Where to connect and what to demand of the other end.
struct Endpoint {
  std::string host = {};
  std::uint16_t port = 443;
  bool tls = true;
  std::string ca_file = {};    ///< PEM; empty: the system's store
  std::string pin = {};        ///< hex SHA-256 of the server's SubjectPublicKeyInfo that alone is accepted; empty: none
  std::string unix_path = {};  ///< non-empty: an AF_UNIX socket instead of host and port; tls is then ignored
  /// The other end is a relay: offers only what a relay takes. A TLS server keeps what it was offered as long as the
  /// connection lasts, 0.5 KiB of OpenSSL's defaults.
  bool relay = false;
  Route route = {};  ///< empty: directly; only the network of core/proxy asks it
};

struct Listen {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;             ///< 0: any free one, see Listening::port
  std::string certificate_file = {};  ///< PEM chain; empty: no TLS
  std::string key_file = {};
  std::string unix_path = {};  ///< non-empty: an AF_UNIX socket instead
};

class Dialing {  ///< an attempt under way; destroying it cancels, the callback never runs after that
 public:
  virtual ~Dialing() = default;
};
class Listening {  ///< destroying stops accepting; accepted streams live on
 public:
  virtual ~Listening() = default;
  virtual std::uint16_t port() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  using Dialed = std::move_only_function<void(Result<std::unique_ptr<Stream>>)>;
  using Accepted = std::move_only_function<void(std::unique_ptr<Stream>)>;

  /// Connects (TCP, then TLS). The callback runs once, on the reactor thread, never within the call. Faults:
  /// unavailable (name, refused, time-out), denied (certificate or host name wrong: says which and what to do),
  /// invalid (no TLS spoken there).
  [[nodiscard]] virtual std::unique_ptr<Dialing> dial(const Endpoint&, Instant deadline, Dialed) = 0;
  /// Accepts until destroyed; each stream is handed over after its TLS handshake. Handshakes have a deadline of 10 s
  /// and a bound on how many run at once.
  [[nodiscard]] virtual Result<std::unique_ptr<Listening>> listen(const Listen&, Accepted) = 0;
};

}  // namespace tidegate::sim
