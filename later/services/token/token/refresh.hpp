// SPDX-License-Identifier: Apache-2.0
// Refresh tokens in files, one an identity, replaced whole when the endpoint rotates them (RFC 6749 §6): what is on disk
// is always one that was given, never half of one.
#pragma once
#include <memory>
#include <string>

#include "core/token/endpoint.hpp"

namespace tidegate::token {

/// A file that will take a secret's place. The room on disk is taken before the endpoint is asked: an old token that was
/// used up and a new one that cannot be kept would lock the user out.
class Replacement {
 public:
  /// Faults: denied, quota, unavailable.
  static Result<std::unique_ptr<Replacement>> begin(const std::string& path);
  ~Replacement();  ///< unfinished: the old one stays
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  /// Mode 0600; durable when it returns. A crash leaves the old or the new one.
  Result<void> finish(const std::string& secret);

 private:
  Replacement(std::string path, std::string fresh, int fd)
      : path_(std::move(path)), fresh_(std::move(fresh)), fd_(fd) {}
  std::string path_, fresh_;
  int fd_;
};

/// Refreshes by `request.refresh_token`, which was read from `path`; a rotated one is on disk there before the access
/// token is given.
Result<Token> refresh(const Endpoint&, const Request&, const std::string& path, const Call&);

}  // namespace tidegate::token
