// SPDX-License-Identifier: Apache-2.0
// Secrets come from files or from systemd credentials, never from the ini itself or a command line; read at use, so
// that a changed password needs no restart. Blocks shortly (a local file); any thread.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "core/sdk/fault.hpp"

namespace tidegate::config {

/// Told once a reading when something is unwise: "… can be read by everybody; chmod 600 it".
using Warn = std::function<void(std::string_view)>;

/// The file's octets without one trailing line end; at most 64 KiB. Faults, where = path: not_found, denied, too_large,
/// invalid (empty), unavailable.
Result<Bytes> read_secret_file(const std::string& path, const Warn& = {});

/// The secret `key` of the section `title`: from `file` if that is non-empty, else the systemd credential
/// $CREDENTIALS_DIRECTORY/TITLE.KEY (':' of the title written '.'), e.g. backend.hq-mail.password. Fault not_found
/// names both ways.
Result<Bytes> read_secret(std::string_view title, std::string_view key, const std::string& file, const Warn& = {});

}  // namespace tidegate::config
