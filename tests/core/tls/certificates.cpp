// SPDX-License-Identifier: Apache-2.0
#include "tests/core/tls/certificates.hpp"

#include <array>
#include <cstdio>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace tidegate::tests {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

Key new_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) throw std::runtime_error("extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make(const std::string& name, EVP_PKEY* key, int serial, std::chrono::hours from,
                 std::chrono::hours until) {
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), std::chrono::seconds(from).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), std::chrono::seconds(until).count());
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

template <class F>
void write(const std::filesystem::path& path, F write_to) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "w"), &std::fclose);
  if (!file || write_to(file.get()) != 1) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace

Certificates::Certificates(std::string authority) : key_(new_key()) {
  auto pattern = (std::filesystem::temp_directory_path() / "tidegate-tls-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  certificate_ = make(authority, key_.get(), 1, std::chrono::hours(-24 * 400), std::chrono::hours(24 * 400));
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  extend(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate_.get(), certificate_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  write(directory_ / "ca.pem", [&](FILE* f) { return PEM_write_X509(f, certificate_.get()); });
}

Certificates::~Certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Certificates::Files Certificates::issue(const Issue& order) {
  const auto key = new_key();
  const auto leaf = make(order.name, key.get(), ++made_ + 1, order.from, order.until);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get()));
  const bool digits = order.name.find_first_not_of("0123456789.:") == std::string::npos;
  extend(leaf.get(), certificate_.get(), NID_subject_alt_name, (digits ? "IP:" : "DNS:") + order.name);
  X509_sign(leaf.get(), key_.get(), EVP_sha256());
  Files files{.certificate = (directory_ / ("cert" + std::to_string(made_) + ".pem")).string(),
              .key = (directory_ / ("key" + std::to_string(made_) + ".pem")).string(),
              .pin = {}};
  write(files.certificate, [&](FILE* f) { return PEM_write_X509(f, leaf.get()); });
  write(files.key, [&](FILE* f) { return PEM_write_PrivateKey(f, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  std::array<unsigned char, 32> digest{};
  EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  for (const auto octet : digest) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", octet);
    files.pin += hex.data();
  }
  return files;
}

}  // namespace tidegate::tests
