// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "core/e2e/openssl.hpp"

namespace tidegate::e2e {
namespace {

Result<KeyPair> pair_from(const char* algorithm, Secret secret) {
  const Pkey key(EVP_PKEY_new_raw_private_key_ex(nullptr, algorithm, nullptr, raw(secret.octets()), 32));
  KeyPair pair;
  std::size_t size = pair.open.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), raw_out(pair.open), &size) != 1 || size != pair.open.size()) {
    ERR_clear_error();
    return fault(FaultKind::invalid, "keys", "A stored key is not usable; restore it from the backup or pair again.",
                 algorithm);
  }
  pair.secret = std::move(secret);
  return pair;
}

KeyPair make(const char* algorithm, const Random& random) {
  std::array<std::byte, 32> octets{};
  random(octets);
  auto pair = pair_from(algorithm, Secret(octets));
  OPENSSL_cleanse(octets.data(), octets.size());
  must(pair.has_value(), algorithm);
  return std::move(*pair);
}

}  // namespace

Secret::Secret(std::span<const std::byte, 32> octets) { std::copy(octets.begin(), octets.end(), octets_.begin()); }
Secret::Secret(Secret&& other) noexcept : octets_(other.octets_) {
  OPENSSL_cleanse(other.octets_.data(), other.octets_.size());
}
Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    octets_ = other.octets_;
    OPENSSL_cleanse(other.octets_.data(), other.octets_.size());
  }
  return *this;
}
Secret::~Secret() { OPENSSL_cleanse(octets_.data(), octets_.size()); }

KeyPair make_x25519(const Random& random) { return make("X25519", random); }
Result<KeyPair> x25519_from(Secret secret) { return pair_from("X25519", std::move(secret)); }
KeyPair make_ed25519(const Random& random) { return make("ED25519", random); }
Result<KeyPair> ed25519_from(Secret seed) { return pair_from("ED25519", std::move(seed)); }

Bytes ed25519_sign(const KeyPair& pair, View message) {
  const Pkey key(EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, raw(pair.secret.octets()), 32));
  const MdCtx ctx(EVP_MD_CTX_new());
  must(key && ctx && EVP_DigestSignInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr) == 1,
       "Ed25519 signing");
  std::size_t size = 64;
  Bytes signature(size, '\0');
  must(EVP_DigestSign(ctx.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                      reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1,
       "Ed25519 signing");
  return signature;
}

bool ed25519_verify(View public_key, View message, View signature) {
  if (public_key.size() != 32 || signature.size() != 64) return false;
  const auto octets = [](View view) { return reinterpret_cast<const unsigned char*>(view.data()); };
  const Pkey key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets(public_key), public_key.size()));
  const MdCtx ctx(EVP_MD_CTX_new());
  const bool good =
      key && ctx && EVP_DigestVerifyInit_ex(ctx.get(), nullptr, nullptr, nullptr, nullptr, key.get(), nullptr) == 1 &&
      EVP_DigestVerify(ctx.get(), octets(signature), signature.size(), octets(message), message.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace tidegate::e2e
