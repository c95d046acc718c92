// SPDX-License-Identifier: Apache-2.0
// A connected stream for code that may block: the worker threads of the plugins (IMAP) and small tools. The same
// verification and the same fault sentences as the reactor's streams (core/tls/network.hpp).
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/sdk/store.hpp"
#include "core/sim/network.hpp"

namespace tidegate::tls {

/// One connection. Used by one thread at a time, any thread; only shut() may come from another thread meanwhile.
/// Every blocking call takes the deadline and the stop token of the Call; both end it at once with `cancelled`, and
/// the connection is then to be thrown away unless it was a read() that moved nothing.
class BlockingTls {
 public:
  virtual ~BlockingTls() = default;  ///< says close_notify if that costs no waiting, then closes; never blocks

  /// Waits until at least one octet is there. 0: the peer finished in an orderly way.
  /// Faults: cancelled (deadline or stop; nothing was lost, read again), unavailable (connection broken).
  virtual Result<std::size_t> read(std::span<std::byte> into, const Call&) = 0;
  /// Writes all of it. Faults as for read(); after a fault it is unknown how much has gone out.
  virtual Result<void> write(Octets, const Call&) = 0;
  /// Plain connection → TLS (STARTTLS), verified against the Endpoint it was dialled with. Throw away everything
  /// that was read before and not yet parsed: it was not authenticated. Faults: denied, invalid, unavailable,
  /// cancelled.
  virtual Result<void> start_tls(const Call&) = 0;

  virtual int fd() const noexcept = 0;        ///< non-blocking; for parking (poll for reading), never for I/O
  virtual bool pending() const noexcept = 0;  ///< octets wait in the TLS layer: do not park, read
  virtual bool tls() const noexcept = 0;
  virtual void shut() noexcept = 0;  ///< any thread: makes a blocked call return with a fault soon
};

/// Resolves, connects (each address in turn), and, if endpoint.tls, handshakes and verifies; endpoint.unix_path is
/// served too (without TLS). Any thread but a reactor's. Faults: unavailable (name, refused, time-out), denied
/// (certificate, host name, pin), invalid (no TLS spoken there), cancelled (stop requested).
Result<std::unique_ptr<BlockingTls>> connect_blocking(const sim::Endpoint&, const Call&);

}  // namespace tidegate::tls
