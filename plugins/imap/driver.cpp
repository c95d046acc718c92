// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/driver.hpp"

#include <cstdlib>

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
  if (fault_) return -1;
  auto got = stream_->read(std::span(static_cast<std::byte*>(into), size), *call_);
  if (!got) {
    fault_ = std::move(got.error());
    return -1;
  }
  if (*got == 0) {
    fault_ = Fault{
        FaultKind::unavailable, {}, "The mail server closed the connection; it is opened again.", guard_.bye(), {}};
    return 0;
  }
  received_ += *got;
  if (!guard_.feed(std::string_view(static_cast<const char*>(into), *got))) {
    fault_ = Fault{FaultKind::invalid,
                   {},
                   "The mail server's answer was refused because it breaks a limit; "
                   "if this goes on, look at the server or at what stands before it.",
                   guard_.broken(),
                   {}};
    return -1;
  }
  return static_cast<ssize_t>(*got);
}

ssize_t Driver::write(const void* from, size_t size) {
  if (fault_) return -1;
  auto done = stream_->write(Octets(static_cast<const std::byte*>(from), size), *call_);
  if (!done) {
    fault_ = std::move(done.error());
    return -1;
  }
  return static_cast<ssize_t>(size);
}

}  // namespace tidegate::imap
