// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/openssl.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

namespace tidegate::e2e {
namespace {

using Mac = std::unique_ptr<EVP_MAC, Release<EVP_MAC_free>>;
using MacCtx = std::unique_ptr<EVP_MAC_CTX, Release<EVP_MAC_CTX_free>>;

const EVP_MD* sha256_md() {
  static const std::unique_ptr<EVP_MD, Release<EVP_MD_free>> md(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  must(md != nullptr, "SHA256");
  return md.get();
}

/// A context with its digest set, to be duplicated: setting it fetches.
const EVP_MAC_CTX* hmac_model() {
  static const MacCtx model = [] {
    const Mac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    must(mac != nullptr, "HMAC");
    MacCtx ctx(EVP_MAC_CTX_new(mac.get()));
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                           OSSL_PARAM_construct_end()};
    must(ctx && EVP_MAC_CTX_set_params(ctx.get(), params.data()) == 1, "HMAC-SHA256");
    return ctx;
  }();
  return model.get();
}

void hmac(Octets key, std::initializer_list<Octets> parts, std::span<std::byte, 32> out) {
  const MacCtx ctx(EVP_MAC_CTX_dup(hmac_model()));
  // An empty key must still be "a key": OpenSSL takes a null pointer for "as before".
  static constexpr unsigned char none = 0;
  must(ctx && EVP_MAC_init(ctx.get(), key.empty() ? &none : raw(key), key.size(), nullptr) == 1, "HMAC init");
  for (const Octets part : parts)
    must(part.empty() || EVP_MAC_update(ctx.get(), raw(part), part.size()) == 1, "HMAC update");
  std::size_t size = 0;
  must(EVP_MAC_final(ctx.get(), raw_out(out), &size, out.size()) == 1 && size == out.size(), "HMAC final");
}

}  // namespace

void must(bool succeeded, const char* what) {
  if (succeeded) return;
  const auto code = ERR_get_error();
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  throw std::runtime_error(std::string("OpenSSL cannot do ") + what + ": " + text.data());
}

const EVP_CIPHER* aes_256_gcm() {
  static const std::unique_ptr<EVP_CIPHER, Release<EVP_CIPHER_free>> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  must(cipher != nullptr, "AES-256-GCM");
  return cipher.get();
}

Key32 sha256(std::initializer_list<Octets> parts) {
  thread_local const MdCtx ctx(EVP_MD_CTX_new());
  must(ctx && EVP_DigestInit_ex2(ctx.get(), sha256_md(), nullptr) == 1, "SHA256 init");
  for (const Octets part : parts)
    must(part.empty() || EVP_DigestUpdate(ctx.get(), raw(part), part.size()) == 1, "SHA256 update");
  Key32 out{};
  must(EVP_DigestFinal_ex(ctx.get(), raw_out(out), nullptr) == 1, "SHA256 final");
  return out;
}

void hkdf(Octets salt, Octets key, Octets info, std::span<std::byte> out) {
  std::array<std::byte, 32> prk{};
  std::array<std::byte, 32> block{};
  hmac(salt, {key}, prk);
  for (std::size_t at = 0, number = 1; at < out.size(); at += block.size(), ++number) {
    const std::array<std::byte, 1> counter{static_cast<std::byte>(number)};
    hmac(prk, {Octets(block).first(at == 0 ? 0 : block.size()), info, counter}, block);
    std::copy_n(block.begin(), std::min(block.size(), out.size() - at), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  OPENSSL_cleanse(prk.data(), prk.size());
  OPENSSL_cleanse(block.data(), block.size());
}

Result<Secret> x25519(const Secret& own, const Key32& other) {
  const Pkey mine(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, raw(own.octets()), 32));
  const Pkey theirs(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, raw(other), other.size()));
  must(mine && theirs, "X25519 keys");
  const PkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, mine.get(), nullptr));
  must(ctx && EVP_PKEY_derive_init(ctx.get()) == 1, "X25519");
  std::array<std::byte, 32> shared{};
  std::size_t size = shared.size();
  const bool good = EVP_PKEY_derive_set_peer(ctx.get(), theirs.get()) == 1 &&
                    EVP_PKEY_derive(ctx.get(), raw_out(shared), &size) == 1 && size == shared.size();
  Secret secret{std::span<const std::byte, 32>(shared)};
  OPENSSL_cleanse(shared.data(), shared.size());
  if (!good) {
    ERR_clear_error();
    return fault(FaultKind::invalid, "noise", "The other end offered a worthless key; the session ends.",
                 "X25519 gave all zero");
  }
  return secret;
}

}  // namespace tidegate::e2e
