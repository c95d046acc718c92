// SPDX-License-Identifier: Apache-2.0
#include "core/token/assertion.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <boost/json.hpp>
#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace tidegate::token {
namespace {

namespace json = boost::json;

template <class T, void (*Free)(T*)>
struct Freeing {
  void operator()(T* it) const { Free(it); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freeing<T, Free>>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Digesting = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

constexpr std::chrono::minutes good_for{5};

std::unexpected<Fault> wrong(std::string_view key, std::string text) {
  ERR_clear_error();
  return fault(FaultKind::invalid, std::string(key), std::move(text));
}

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// Reads one object of a PEM text, without ever asking anybody for a passphrase.
template <class T>
T* of_pem(std::string_view text, T* (*read)(BIO*, T**, pem_password_cb*, void*)) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  return read(bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr);
}

/// How a key signs (RFC 7518 §3.1, RFC 8037 §3.1).
struct Algorithm {
  const char* name;
  const EVP_MD* digest;  ///< null: the algorithm has its own
  std::size_t half = 0;  ///< octets of r and of s; 0: no elliptic curve
};
std::optional<Algorithm> algorithm_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return Algorithm{"RS256", EVP_sha256()};
    case EVP_PKEY_ED25519:
      return Algorithm{"EdDSA", nullptr};
    case EVP_PKEY_EC:
      break;
    default:
      return std::nullopt;
  }
  std::array<char, 32> curve{};
  if (EVP_PKEY_get_group_name(key, curve.data(), curve.size(), nullptr) != 1) return std::nullopt;
  const std::string_view name(curve.data());
  if (name == "prime256v1") return Algorithm{"ES256", EVP_sha256(), 32};
  if (name == "secp384r1") return Algorithm{"ES384", EVP_sha384(), 48};
  if (name == "secp521r1") return Algorithm{"ES512", EVP_sha512(), 66};
  return std::nullopt;
}

/// RFC 7518 §3.4: r and s, each as long as the curve, instead of DER.
std::optional<std::string> raw_ecdsa(std::string_view der, std::size_t half) {
  const auto* at = octets(der);
  const Owned<ECDSA_SIG, ECDSA_SIG_free> both(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string raw(2 * half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  const auto size = static_cast<int>(half);
  if (!both || BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), out, size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), out + half, size) != size)
    return std::nullopt;
  return raw;
}

std::optional<std::string> sign(EVP_PKEY* key, const Algorithm& by, std::string_view text) {
  const Digesting context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!context || EVP_DigestSignInit(context.get(), nullptr, by.digest, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, octets(text), text.size()) != 1)
    return std::nullopt;
  std::string made(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(made.data()), &size, octets(text), text.size()) !=
      1)
    return std::nullopt;
  made.resize(size);
  return by.half == 0 ? made : raw_ecdsa(made, by.half);
}

}  // namespace

std::string base64(std::string_view plain) {
  std::string text(4 * ((plain.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock ends it with a zero
  text.resize(static_cast<std::size_t>(
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), octets(plain), static_cast<int>(plain.size()))));
  return text;
}

std::string base64url(std::string_view plain) {
  auto text = base64(plain);
  std::erase(text, '=');
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

Result<std::string> client_assertion(const Claims& claims, std::string_view key_pem, std::string_view key_id,
                                     std::string_view certificate_pem) {
  const Key key(of_pem<EVP_PKEY>(key_pem, PEM_read_bio_PrivateKey));
  const auto by = key ? algorithm_of(key.get()) : std::nullopt;
  if (!by)
    return wrong("token_client_key_file",
                 "token_client_key_file must hold a private key in PEM, without a passphrase: RSA, Ed25519, or of the "
                 "curves P-256, P-384, P-521.");
  json::object header{{"alg", by->name}, {"typ", "JWT"}};
  if (!key_id.empty()) header["kid"] = json::string_view(key_id.data(), key_id.size());
  if (!certificate_pem.empty()) {
    const Owned<X509, X509_free> certificate(of_pem<X509>(certificate_pem, PEM_read_bio_X509));
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1)
      return wrong("token_client_certificate_file", "token_client_certificate_file must hold a certificate in PEM.");
    header["x5t#S256"] = base64url({reinterpret_cast<const char*>(digest.data()), size});  // RFC 7515 §4.1.8
  }
  const auto at = claims.now.time_since_epoch().count();
  const json::object body{{"iss", claims.client_id},
                          {"sub", claims.client_id},
                          {"aud", claims.audience},
                          {"jti", claims.id},
                          {"iat", at},
                          {"nbf", at},
                          {"exp", at + std::chrono::seconds(good_for).count()}};
  auto text = base64url(json::serialize(header)) + "." + base64url(json::serialize(body));
  const auto signature = sign(key.get(), *by, text);
  if (!signature) return wrong("token_client_key_file", "The key of token_client_key_file cannot sign.");
  return text + "." + base64url(*signature);
}

}  // namespace tidegate::token
