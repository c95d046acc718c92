// SPDX-License-Identifier: Apache-2.0
// OpenSSL's contexts as this house sets them: TLS 1.2 at least, no compression, no renegotiation, buffers given back
// when idle. Shared by all connections with the same files; any thread.
#pragma once
#include <memory>
#include <string>

#include "core/sdk/fault.hpp"

struct ssl_ctx_st;

namespace tidegate::tls {

using Context = std::shared_ptr<ssl_ctx_st>;

/// Verifies servers against that PEM file (empty: the system's store); loaded again when the file changes. Faults:
/// not_found, invalid (the file holds no certificate).
Result<Context> client_context(const std::string& ca_file);
/// For a listener. Faults: not_found, denied (unreadable), invalid (no certificate, or the key is of another one).
Result<Context> server_context(const std::string& certificate_file, const std::string& key_file);

}  // namespace tidegate::tls
