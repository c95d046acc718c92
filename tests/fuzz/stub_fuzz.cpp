// SPDX-License-Identifier: Apache-2.0
// Mails from anywhere, as the gateway looks at them to leave attachments out. The first octet says in what pieces they
// come.
#include <cstdlib>

#include "core/e2e/stub_mark.hpp"
#include "core/push/stub.hpp"

namespace {

using namespace tidegate;

std::optional<Bytes> stub_of(View mail, std::size_t piece, bool always) {
  push::Stub stub({}, always);
  for (std::size_t at = 0; at < mail.size() && !stub.enough(); at += piece) stub.add(mail.substr(at, piece));
  return stub.finish(mail.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const View mail(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto stub = stub_of(mail, 1 + data[0] * 16U, true);
  (void)stub_of(mail, 1 + data[0] * 16U, false);
  if (!stub) return 0;
  if (stub->size() >= mail.size() || !e2e::stub_gid(*stub) || stub_of(mail, 1000, true) != stub) std::abort();
  return 0;
}
