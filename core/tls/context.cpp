// SPDX-License-Identifier: Apache-2.0
#include "core/tls/context.hpp"

#include <map>
#include <mutex>
#include <tuple>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/tls/session.hpp"

namespace tidegate::tls {
namespace {

std::string openssl_words() {
  std::string all;
  while (const auto code = ERR_get_error()) {
    std::array<char, 160> text{};
    ERR_error_string_n(code, text.data(), text.size());
    all += (all.empty() ? "" : "; ") + std::string(text.data());
  }
  return all;
}

Result<void> readable(const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return {};
  if (::access(file.c_str(), F_OK) != 0)
    return fault(FaultKind::not_found, file, file + " is not there: check the path.");
  return fault(FaultKind::denied, file, file + " cannot be read: check who owns it and its permissions.");
}

Context make(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Result<Context> make_client(const std::string& ca_file) {
  ERR_clear_error();
  auto context = make(TLS_client_method());
  int loaded = 0;
  if (ca_file.empty()) {
    loaded = SSL_CTX_set_default_verify_paths(context.get());
  } else {
    if (auto able = readable(ca_file); !able) return std::unexpected(able.error());
    loaded = SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  }
  if (loaded != 1)
    return fault(FaultKind::invalid, ca_file, ca_file + " holds no certificate in PEM.", openssl_words());
  keep_sessions(context.get());
  verify_peers(context.get());
  return context;
}

}  // namespace

Result<Context> client_context(const std::string& ca_file) {
  // A context with the system's store is some MB: one for all connections, made anew when the file was replaced.
  using Version = std::tuple<ino_t, std::int64_t, std::int64_t>;
  static std::mutex mutex;
  static std::map<std::string, std::pair<Version, Context>> all;
  Version version{};
  struct stat data{};
  if (!ca_file.empty() && ::stat(ca_file.c_str(), &data) == 0)
    version = {data.st_ino, data.st_mtim.tv_sec, data.st_mtim.tv_nsec};
  const std::scoped_lock lock(mutex);
  if (const auto found = all.find(ca_file); found != all.end() && found->second.first == version)
    return found->second.second;
  auto made = make_client(ca_file);
  if (made) all.insert_or_assign(ca_file, std::pair(version, *made));
  return made;
}

Result<Context> server_context(const std::string& certificate_file, const std::string& key_file) {
  for (const auto& file : {certificate_file, key_file})
    if (auto able = readable(file); !able) return std::unexpected(able.error());
  ERR_clear_error();
  auto context = make(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1)
    return fault(FaultKind::invalid, certificate_file, certificate_file + " holds no certificate chain in PEM.",
                 openssl_words());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return fault(FaultKind::invalid, key_file,
                 key_file + " holds no private key for the certificate in " + certificate_file + ".", openssl_words());
  // Tickets resume without state of ours; one is enough, and a cache would grow with every device.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  SSL_CTX_set_options(context.get(), SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  constexpr unsigned char id[] = "tidegate";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id - 1);
  return context;
}

}  // namespace tidegate::tls
