// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/driver.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include <libetpan/mailstream.h>

namespace tidegate::imap {
mailstream_low_driver Driver::driver_ = {
    .mailstream_read = on_read,
    .mailstream_write = on_write,
    .mailstream_close = on_close,
    .mailstream_get_fd = on_fd,
    .mailstream_free = on_free,
    .mailstream_cancel = on_cancel,
    .mailstream_get_cancel = nullptr,
    .mailstream_get_certificate_chain = nullptr,
    .mailstream_setup_idle = nullptr,
    .mailstream_unsetup_idle = nullptr,
    .mailstream_interrupt_idle = nullptr,
};

namespace {
Driver& self(mailstream_low* low) { return *static_cast<Driver*>(low->data); }
}  // namespace

mailstream_low* Driver::make_low() { return mailstream_low_new(this, &driver_); }

ssize_t Driver::on_read(mailstream_low* low, void* into, size_t size) { return self(low).read(into, size); }
ssize_t Driver::on_write(mailstream_low* low, const void* from, size_t size) { return self(low).write(from, size); }
int Driver::on_close(mailstream_low*) { return 0; }  // the connection closes with the Driver
int Driver::on_fd(mailstream_low* low) { return self(low).stream().fd(); }
void Driver::on_free(mailstream_low* low) { std::free(low); }  // mailstream_low_new() used malloc
void Driver::on_cancel(mailstream_low* low) { self(low).stream().shut(); }

ssize_t Driver::read(void* into, size_t size) {
  while (ready_.empty()) {
    if (fault_) return -1;
    if (!fill()) return fault_->kind == FaultKind::unavailable && ended_ ? 0 : -1;
    if (ready_.empty() && looking_) {
      fault_ = Fault{FaultKind::cancelled, {}, {}, {}, {}};
      return -1;
    }
  }
  const std::size_t here = std::min(size, ready_.size());
  std::memcpy(into, ready_.data(), here);
  ready_.erase(0, here);
  return static_cast<ssize_t>(here);
}

bool Driver::fill() {
  std::array<char, 16 * 1024> part;
  for (;;) {
    if (deflate_) {
      const auto unpacked = deflate_->unpack(part);
      if (!unpacked) {
        fault_ = Fault{FaultKind::invalid,
                       {},
                       "What the mail server sent is not compressed as agreed; set compress = no.",
                       "not a DEFLATE stream",
                       {}};
        return false;
      }
      if (*unpacked > 0) return sift({part.data(), *unpacked});
    }
    auto got = stream_->read(std::as_writable_bytes(std::span(part).first(sips_ ? 1 : part.size())), *call_);
    if (!got) {
      fault_ = std::move(got.error());
      return false;
    }
    if (*got == 0) {
      ended_ = true;
      fault_ = Fault{
          FaultKind::unavailable, {}, "The mail server closed the connection; it is opened again.", guard_.bye(), {}};
      return false;
    }
    received_ += *got;
    if (!deflate_) return sift({part.data(), *got});
    deflate_->take({part.data(), *got});
  }
}

bool Driver::sift(std::string_view octets) {
  if (guard_.feed(octets, &ready_)) return true;
  fault_ = Fault{FaultKind::invalid,
                 {},
                 "The mail server's answer was refused because it breaks a limit; "
                 "if this goes on, look at the server or at what stands before it.",
                 guard_.broken(),
                 {}};
  return false;
}

ssize_t Driver::write(const void* from, size_t size) {
  if (fault_) return -1;
  std::string packed;
  if (deflate_) packed = deflate_->pack({static_cast<const char*>(from), size});
  const Octets octets(static_cast<const std::byte*>(from), size);
  auto done = stream_->write(deflate_ ? std::as_bytes(std::span(packed)) : octets, *call_);
  if (!done) {
    fault_ = std::move(done.error());
    return -1;
  }
  return static_cast<ssize_t>(size);
}

}  // namespace tidegate::imap
