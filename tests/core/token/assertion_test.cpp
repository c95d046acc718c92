// SPDX-License-Identifier: Apache-2.0
#include "core/token/assertion.hpp"

#include <fstream>
#include <memory>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "tests/core/tls/certificates.hpp"

namespace tidegate::token {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

Key made(const char* type, const char* curve = nullptr) {
  if (curve != nullptr) return {EVP_EC_gen(curve), EVP_PKEY_free};
  if (std::string_view(type) == "RSA") return {EVP_RSA_gen(2048), EVP_PKEY_free};
  return {EVP_PKEY_Q_keygen(nullptr, nullptr, type), EVP_PKEY_free};
}

std::string pem_of(EVP_PKEY* key, const char* passphrase = nullptr) {
  const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
  const auto size = passphrase == nullptr ? 0 : static_cast<int>(std::string_view(passphrase).size());
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, passphrase == nullptr ? nullptr : EVP_aes_128_cbc(), passphrase, size,
                                nullptr, nullptr);
  char* text = nullptr;
  const auto length = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(length)};
}

std::string plain_of(std::string text) {  // base64url
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  const auto missing = (4 - text.size() % 4) % 4;
  text.append(missing, '=');
  std::string out(text.size() / 4 * 3, '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  out.resize(out.size() - missing);
  return out;
}

std::vector<std::string> parts_of(const std::string& jwt) {
  const auto first = jwt.find('.'), second = jwt.find('.', first + 1);
  return {jwt.substr(0, first), jwt.substr(first + 1, second - first - 1), jwt.substr(second + 1)};
}

const unsigned char* octets(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

/// By OpenSSL, which wants an ECDSA signature as DER.
bool verifies(EVP_PKEY* key, const EVP_MD* digest, bool curve, const std::string& text, std::string signature) {
  if (curve) {
    const auto half = static_cast<int>(signature.size() / 2);
    const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> both(ECDSA_SIG_new(), ECDSA_SIG_free);
    ECDSA_SIG_set0(both.get(), BN_bin2bn(octets(signature), half, nullptr),
                   BN_bin2bn(octets(signature) + half, half, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(both.get(), &der);
    signature.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(text), text.size()) == 1;
}

const Claims claims{"gateway \"1\"", "https://idp.example.com/token", "never-again",
                    std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000))};

TEST(Assertion, EachKindOfKeySignsAsItsAlgorithmSays) {
  struct Row {
    const char *type, *curve, *name;
    const EVP_MD* digest;
    std::size_t length;
  };
  for (const auto& row : std::initializer_list<Row>{{"RSA", nullptr, "RS256", EVP_sha256(), 256},
                                                    {"EC", "P-256", "ES256", EVP_sha256(), 64},
                                                    {"EC", "P-384", "ES384", EVP_sha384(), 96},
                                                    {"EC", "P-521", "ES512", EVP_sha512(), 132},
                                                    {"ED25519", nullptr, "EdDSA", nullptr, 64}}) {
    SCOPED_TRACE(row.name);
    const auto key = made(row.type, row.curve);
    const auto pem = pem_of(key.get());
    for (int again = 0; again < 20; ++again) {  // r and s are shorter than the curve now and then
      const auto jwt = client_assertion(claims, pem, "", "");
      ASSERT_TRUE(jwt) << jwt.error().text;
      const auto parts = parts_of(*jwt);
      EXPECT_EQ(boost::json::parse(plain_of(parts[0])).at("alg").as_string(), row.name);
      const auto signature = plain_of(parts[2]);
      ASSERT_EQ(signature.size(), row.length);
      ASSERT_TRUE(verifies(key.get(), row.digest, row.curve != nullptr, parts[0] + "." + parts[1], signature));
      EXPECT_FALSE(verifies(key.get(), row.digest, row.curve != nullptr, parts[0] + "." + parts[1] + "x", signature));
      if (row.curve == nullptr) break;
    }
  }
}

TEST(Assertion, SaysWhoToWhomAndForHowLong) {
  const auto jwt = client_assertion(claims, pem_of(made("EC", "P-256").get()), "key-7", "");
  ASSERT_TRUE(jwt);
  EXPECT_EQ(boost::json::parse(plain_of(parts_of(*jwt)[0])),
            boost::json::parse(R"({"alg":"ES256","typ":"JWT","kid":"key-7"})"));
  EXPECT_EQ(boost::json::parse(plain_of(parts_of(*jwt)[1])),
            boost::json::parse(R"({"iss":"gateway \"1\"","sub":"gateway \"1\"","aud":"https://idp.example.com/token",
              "jti":"never-again","iat":1700000000,"nbf":1700000000,"exp":1700000300})"));
  EXPECT_EQ(jwt->find_first_of("+/= \n"), std::string::npos);
}

TEST(Assertion, TheCertificatesFingerprintGoesAlong) {
  tests::Certificates authority;
  const auto files = authority.issue({.name = "gateway"});
  const auto text_of = [](const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto jwt = client_assertion(claims, text_of(files.key), "", text_of(files.certificate));
  ASSERT_TRUE(jwt) << jwt.error().text;
  const auto header = boost::json::parse(plain_of(parts_of(*jwt)[0]));
  EXPECT_EQ(plain_of(std::string(header.at("x5t#S256").as_string())).size(), 32U);
  EXPECT_FALSE(header.as_object().contains("kid"));
}

TEST(Assertion, WhatIsNoKeyIsRefusedByName) {
  const auto good = pem_of(made("EC", "P-256").get());
  for (const auto& key : {std::string(), std::string("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                          pem_of(made("EC", "secp256k1").get()), pem_of(made("X25519").get()),
                          pem_of(made("EC", "P-256").get(), "a passphrase"), good.substr(0, good.size() / 2)}) {
    const auto refused = client_assertion(claims, key, "", "");
    ASSERT_FALSE(refused) << key;
    EXPECT_EQ(refused.error().kind, FaultKind::invalid);
    EXPECT_TRUE(refused.error().text.contains("token_client_key_file")) << refused.error().text;
  }
  const auto refused = client_assertion(claims, good, "", "no certificate");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.contains("token_client_certificate_file")) << refused.error().text;
}

}  // namespace
}  // namespace tidegate::token
