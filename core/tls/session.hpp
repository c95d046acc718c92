// SPDX-License-Identifier: Apache-2.0
// One TLS connection's beginning, shared by the reactor's streams and the blocking ones: verification, resumption,
// and what went wrong in one sentence.
#pragma once
#include <memory>
#include <string>

#include "core/sim/network.hpp"
#include "core/tls/context.hpp"

struct ssl_st;

namespace tidegate::tls {

struct FreeSsl {
  void operator()(ssl_st*) const noexcept;
};
using Ssl = std::unique_ptr<ssl_st, FreeSsl>;

/// A client's: server name, host name to verify, a session to resume if there is one. The fd stays the caller's.
Result<Ssl> client_ssl(const sim::Endpoint&, int fd);
Ssl server_ssl(const Context&, int fd);

enum class Step : std::uint8_t { done, want_read, want_write, failed };
/// Goes on with a handshake. After `failed`, and on the same thread before anything else, handshake_fault() tells why.
Step handshake(ssl_st*);
Fault handshake_fault(const sim::Endpoint&);
/// Whether the server's key is the pinned one (true where none is pinned). Fault: denied.
Result<void> check_pin(ssl_st*, const sim::Endpoint&);
bool peer_spoke_http();  ///< after a server's failed handshake: it was plain HTTP

/// RFC 9266 tls-exporter: 32 octets; empty if the connection cannot have one (TLS 1.2 without extended master secret).
Bytes channel_binding(ssl_st*);

// For context.cpp.
void keep_sessions(ssl_ctx_st*);
void verify_peers(ssl_ctx_st*);

}  // namespace tidegate::tls
