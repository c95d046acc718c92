// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/digest.hpp"

#include <new>

#include <openssl/evp.h>

namespace tidegate::e2e {

void Digest::Free::operator()(evp_md_ctx_st* state) const { ::EVP_MD_CTX_free(state); }

Digest::Digest() : state_(::EVP_MD_CTX_new()) {
  if (!state_ || ::EVP_DigestInit_ex(state_.get(), ::EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::add(View octets) { ::EVP_DigestUpdate(state_.get(), octets.data(), octets.size()); }

Bytes Digest::finish() {
  Bytes out(32, '\0');
  ::EVP_DigestFinal_ex(state_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr);
  return out;
}

}  // namespace tidegate::e2e
