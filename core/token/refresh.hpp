// SPDX-License-Identifier: Apache-2.0
// Refresh tokens in files, one an identity, replaced whole when the endpoint rotates them (RFC 6749 §6): what is on
// disk is always one that was given, never half of one.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/token/endpoint.hpp"

namespace tidegate::token {

/// A file that will take a secret's place. The room on disk is taken before the endpoint is asked: an old token that
/// was used up and a new one that cannot be kept would lock the user out.
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

/// Puts a refresh token into `path`, under the lock that refresh() takes. An empty one: only sees whether one could be
/// put there. Faults: those of Replacement, cancelled.
Result<void> keep(const std::string& path, const std::string& refresh_token, const Call&);

/// Refreshes by the token that `read` finds in `path`. One process at a time and path (a lock beside it, .NAME.lock, is
/// awaited until the Call's end), and the token is read under that lock: another process's rotation is seen. A rotated
/// token is on disk before the access token is given. Where the endpoint refuses the token, it is read once more: what
/// knows nothing of our lock may have put a new one there. Faults: auth (no refresh token there, or it is refused),
/// those of Replacement and of `ask`, cancelled.
Result<Token> refresh(const std::string& path, const std::function<Result<Bytes>()>& read,
                      const std::function<Result<Granted>(const std::string& refresh_token)>& ask, const Call&);

}  // namespace tidegate::token
