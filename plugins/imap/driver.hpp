// SPDX-License-Identifier: Apache-2.0
// libetpan's stream on our own connection: OpenSSL with verified certificates, no select(), deadlines and stop tokens
// of the Call, and the Guard before the parser.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include <libetpan/mailstream_types.h>

#include "core/tls/blocking.hpp"
#include "plugins/imap/deflate.hpp"
#include "plugins/imap/guard.hpp"

namespace tidegate::imap {

/// One a connection; outlives the mailstream made from it.
class Driver {
 public:
  explicit Driver(std::unique_ptr<tls::BlockingTls> stream) : stream_(std::move(stream)) {}
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  mailstream_low* make_low();  ///< libetpan owns the result, but not this

  /// Whose deadline and stop token count from now on. The Call must live until the next one is set.
  void call(const Call* call) { call_ = call; }
  Guard& guard() { return guard_; }
  tls::BlockingTls& stream() { return *stream_; }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }
  void forgive() { fault_.reset(); }  ///< after a read that was only a look
  [[nodiscard]] std::uint64_t received() const { return received_; }
  /// A look: where all that came was for the Guard's sieve, read() doesn't wait for more but ends as cancelled.
  void looking(bool yes) { looking_ = yes; }
  /// From here on DEFLATE both ways (RFC 4978).
  void compress() { deflate_ = std::make_unique<Deflate>(); }
  /// An octet at a time: what follows the line that is read next stays where it is.
  void sip(bool yes) { sips_ = yes; }
  void shrink() { ready_.shrink_to_fit(); }  ///< before parking
  [[nodiscard]] bool pending() const {
    return !ready_.empty() || stream_->pending() || (deflate_ && deflate_->pending());
  }

 private:
  static ssize_t on_read(mailstream_low*, void*, size_t);
  static ssize_t on_write(mailstream_low*, const void*, size_t);
  static int on_close(mailstream_low*);
  static int on_fd(mailstream_low*);
  static void on_free(mailstream_low*);
  static void on_cancel(mailstream_low*);
  ssize_t read(void* into, size_t size);
  bool fill();
  bool sift(std::string_view octets);
  ssize_t write(const void* from, size_t size);
  static mailstream_low_driver driver_;

  std::unique_ptr<tls::BlockingTls> stream_;
  const Call* call_ = nullptr;
  Guard guard_;
  std::optional<Fault> fault_;
  std::uint64_t received_ = 0;
  std::unique_ptr<Deflate> deflate_;  ///< none: octets as they are
  bool looking_ = false, sips_ = false;
  bool ended_ = false;
  std::string ready_;  ///< passed the Guard, not yet read by libetpan
};

}  // namespace tidegate::imap
