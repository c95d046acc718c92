// SPDX-License-Identifier: Apache-2.0
#include "core/tls/session.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <mutex>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "core/tls/socket.hpp"

namespace tidegate::tls {
namespace {

struct FreeSession {
  void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
};
using Session = std::unique_ptr<SSL_SESSION, FreeSession>;

/// Tickets by context and server. A ticket of TLS 1.3 is used once (RFC 8446 §C.4).
struct Sessions {
  std::mutex mutex;
  std::map<std::pair<SSL_CTX*, std::string>, Session> all;
};
Sessions& sessions() {
  static Sessions one;
  return one;
}
constexpr std::size_t kMostSessions = 256;

int place_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* place, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(place); });
  return index;
}

int new_session(SSL* ssl, SSL_SESSION* session) {
  const auto* place = static_cast<const std::string*>(SSL_get_ex_data(ssl, place_index()));
  if (place == nullptr) return 0;
  auto& kept = sessions();
  const std::scoped_lock lock(kept.mutex);
  if (kept.all.size() >= kMostSessions) kept.all.erase(kept.all.begin());
  kept.all.insert_or_assign({SSL_get_SSL_CTX(ssl), *place}, Session(session));
  return 1;  // the reference is ours now
}

Session take_session(SSL_CTX* context, const std::string& place) {
  auto& kept = sessions();
  const std::scoped_lock lock(kept.mutex);
  auto node = kept.all.extract({context, place});
  return node ? std::move(node.mapped()) : nullptr;
}

/// What the verification of the present handshake objected to: OpenSSL forgets the certificate when it fails.
struct Objection {
  int code = X509_V_OK;
  std::string names, issuer, from, until;
};
thread_local Objection objection;
thread_local unsigned long last_error = 0;
thread_local int last_errno = 0;
thread_local int last_ssl_error = 0;

std::string text_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  ASN1_TIME_print(out.get(), time);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string text_of(const X509_NAME* name) {
  std::array<char, 200> text{};
  if (X509_NAME_get_text_by_NID(name, NID_commonName, text.data(), text.size()) > 0) return text.data();
  X509_NAME_oneline(name, text.data(), text.size());
  return text.data();
}

std::string names_of(const X509* certificate) {
  std::string all;
  auto* raw = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(raw, GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && i < 5; ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
    all += (all.empty() ? "" : ", ");
    all.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)), std::min<std::size_t>(size, 100));
  }
  return all.empty() ? text_of(X509_get_subject_name(certificate)) : all;
}

int on_verify(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  objection.code = X509_STORE_CTX_get_error(store);
  if (const auto* certificate = X509_STORE_CTX_get_current_cert(store)) {
    objection.names = names_of(certificate);
    objection.issuer = text_of(X509_get_issuer_name(certificate));
    objection.from = text_of(X509_get0_notBefore(certificate));
    objection.until = text_of(X509_get0_notAfter(certificate));
  }
  return 0;
}

std::string objection_text(const std::string& place) {
  const auto& o = objection;
  switch (o.code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "The certificate of " + place + " is for another name (" + o.names +
             "): check the host name in the configuration.";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "The certificate of " + place + " expired on " + o.until +
             ": renew it there; if that day is yet to come, check the clock of this machine.";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "The certificate of " + place + " is valid only from " + o.from + ": check the clock of this machine.";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "The certificate of " + place + " was issued by \"" + o.issuer +
             "\", which is not trusted here: if that is your own authority set its certificate as the CA file, else "
             "something on the way opens TLS.";
    default:
      return "The certificate of " + place +
             " is not acceptable: " + std::string(X509_verify_cert_error_string(o.code)) + ".";
  }
}

/// Only ciphers with forward secrecy and authentication, and what signs certificates today: Ed25519, ECDSA on the two
/// curves, RSA with either padding.
void offer_little(ssl_st* ssl) {
  SSL_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_set1_groups_list(ssl, "X25519:P-256:P-384");
  SSL_set1_sigalgs_list(ssl,
                        "ed25519:ECDSA+SHA256:ECDSA+SHA384:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
                        "RSA+SHA256:RSA+SHA384:RSA+SHA512");
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

void keep_sessions(ssl_ctx_st* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, new_session);
}

void verify_peers(ssl_ctx_st* context) { SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify); }

Result<Ssl> client_ssl(const sim::Endpoint& endpoint, int fd) {
  auto context = client_context(endpoint.ca_file);
  if (!context) return std::unexpected(context.error());
  Ssl ssl(SSL_new(context->get()));
  SSL_set_fd(ssl.get(), fd);
  SSL_set_connect_state(ssl.get());
  in6_addr digits{};
  const bool numeric = ::inet_pton(AF_INET, endpoint.host.c_str(), &digits) == 1 ||
                       ::inet_pton(AF_INET6, endpoint.host.c_str(), &digits) == 1;
  if (endpoint.relay) offer_little(ssl.get());
  int good = 1;
  if (numeric) {  // RFC 6066 §3: addresses are not sent as server names
    good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), endpoint.host.c_str());
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    good = SSL_set1_host(ssl.get(), endpoint.host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), endpoint.host.c_str());
  }
  if (good != 1 || endpoint.host.empty())
    return fault(FaultKind::invalid, place_of(endpoint), "\"" + endpoint.host + "\" is no host name: check it.");
  auto place = std::make_unique<std::string>(place_of(endpoint) + "/" + endpoint.pin);
  if (const auto session = take_session(context->get(), *place)) SSL_set_session(ssl.get(), session.get());
  SSL_set_ex_data(ssl.get(), place_index(), place.release());
  return ssl;
}

Ssl server_ssl(const Context& context, int fd) {
  Ssl ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), fd);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

Step handshake(ssl_st* ssl) {
  ERR_clear_error();
  objection = {};
  last_error = 0;
  errno = 0;
  const int result = SSL_do_handshake(ssl);
  last_errno = errno;
  if (result == 1) return Step::done;
  last_ssl_error = SSL_get_error(ssl, result);
  if (last_ssl_error == SSL_ERROR_WANT_READ) return Step::want_read;
  if (last_ssl_error == SSL_ERROR_WANT_WRITE) return Step::want_write;
  last_error = ERR_peek_error();
  ERR_clear_error();
  return Step::failed;
}

Fault handshake_fault(const sim::Endpoint& endpoint) {
  const auto place = place_of(endpoint);
  std::array<char, 200> words{};
  ERR_error_string_n(last_error, words.data(), words.size());
  const auto reason = ERR_GET_REASON(last_error);
  if (objection.code != X509_V_OK) return {FaultKind::denied, place, objection_text(place), words.data(), {}};
  if (last_ssl_error == SSL_ERROR_SYSCALL && last_errno != 0) return broken_connection(place, last_errno);
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_UNKNOWN_PROTOCOL ||
      reason == SSL_R_PACKET_LENGTH_TOO_LONG)
    return {FaultKind::invalid,
            place,
            place + " speaks no TLS: check the port, and whether TLS is to be used there.",
            words.data(),
            {}};
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION)
    return {
        FaultKind::invalid, place, place + " speaks only TLS older than 1.2: it must be updated.", words.data(), {}};
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING || last_ssl_error == SSL_ERROR_SYSCALL)
    return {FaultKind::unavailable,
            place,
            place + " closed the connection during the TLS handshake: does that port speak TLS?",
            words.data(),
            {}};
  return {FaultKind::invalid, place, "The TLS handshake with " + place + " failed.", words.data(), {}};
}

bool peer_spoke_http() { return ERR_GET_REASON(last_error) == SSL_R_HTTP_REQUEST; }

Result<void> check_pin(ssl_st* ssl, const sim::Endpoint& endpoint) {
  if (endpoint.pin.empty()) return {};
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl), X509_free);
  std::string found;
  unsigned char* der = nullptr;
  const int size = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der) : 0;
  if (size > 0) {
    std::array<unsigned char, 32> digest{};
    EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
    for (const auto octet : digest) {
      constexpr std::string_view digits = "0123456789abcdef";
      found += digits[octet >> 4];
      found += digits[octet & 15];
    }
  }
  OPENSSL_free(der);
  std::string pin;
  for (const char c : endpoint.pin) pin += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  if (!found.empty() && found == pin) return {};
  const auto place = place_of(endpoint);
  return fault(FaultKind::denied, place,
               "The key of " + place + " is not the pinned one (found " + found +
                   "): if its owner changed it set the new pin, else something on the way opens TLS.");
}

Bytes channel_binding(ssl_st* ssl) {
  // RFC 9266 §4.2: TLS 1.2 only with extended master secret.
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) return {};
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  Bytes out(32, '\0');
  if (SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(out.data()), out.size(), label.data(),
                                 label.size(), nullptr, 0, 0) != 1)
    return {};
  return out;
}

}  // namespace tidegate::tls
