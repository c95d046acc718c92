// SPDX-License-Identifier: Apache-2.0
// OpenSSL 3's primitives as this folder needs them; algorithms are fetched once (a fetch takes locks). For .cpp files
// of this folder only. Failures that can't be input's fault (no memory, a provider without AES) throw
// std::runtime_error.
#pragma once
#include <initializer_list>
#include <memory>

#include <openssl/evp.h>

#include "core/e2e/noise.hpp"

namespace tidegate::e2e {

template <auto release>
struct Release {
  void operator()(auto* what) const noexcept { release(what); }
};
using CipherCtx = std::unique_ptr<EVP_CIPHER_CTX, Release<EVP_CIPHER_CTX_free>>;
using Pkey = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using PkeyCtx = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using MdCtx = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;

/// Throws unless an OpenSSL call that no input can make fail succeeded.
void must(bool succeeded, const char* what);

const EVP_CIPHER* aes_256_gcm();
/// Of the parts one behind the other.
Key32 sha256(std::initializer_list<Octets> parts);
/// HKDF-SHA256 (RFC 5869), `out` to 3 × 32 octets.
void hkdf(Octets salt, Octets key, Octets info, std::span<std::byte> out);
/// Fault invalid: the shared secret is all zero (a public key of small order; RFC 7748 §6.1).
Result<Secret> x25519(const Secret& own, const Key32& other);

inline const unsigned char* raw(Octets octets) noexcept {
  return reinterpret_cast<const unsigned char*>(octets.data());
}
inline unsigned char* raw_out(std::span<std::byte> octets) noexcept {
  return reinterpret_cast<unsigned char*>(octets.data());
}

}  // namespace tidegate::e2e
