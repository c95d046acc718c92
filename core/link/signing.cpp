// SPDX-License-Identifier: Apache-2.0
#include "core/link/signing.hpp"

#include <memory>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace tidegate::link {
namespace {

const unsigned char* octets(View view) { return reinterpret_cast<const unsigned char*>(view.data()); }
unsigned char* octets(Bytes& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::unique_ptr<EVP_PKEY, Free> key_of(View seed) {
  if (seed.size() != 32) return {};
  return std::unique_ptr<EVP_PKEY, Free>(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets(seed), seed.size()));
}

}  // namespace

Bytes sha256(View message) {
  Bytes digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(octets(message), message.size(), octets(digest));
  return digest;
}

Result<Bytes> ed25519_sign(View seed, View message) {
  const auto key = key_of(seed);
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  Bytes signature(64, '\0');
  std::size_t size = signature.size();
  if (!key || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), octets(signature), &size, octets(message), message.size()) != 1 || size != 64)
    return fault(FaultKind::invalid, "identity",
                 "This gateway's identity key cannot sign; restore the state directory from its backup.");
  return signature;
}

Bytes ed25519_public(View seed) {
  const auto key = key_of(seed);
  Bytes out(32, '\0');
  std::size_t size = out.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), octets(out), &size) != 1 || size != 32) return {};
  return out;
}

}  // namespace tidegate::link
