// SPDX-License-Identifier: Apache-2.0
// A real Dovecot on loopback, through scripts/dovecot.sh; it lives as long as the object.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidegate::peers {

class Dovecot {
 public:
  /// nullptr where no Dovecot is installed (then skip the test); throws std::runtime_error if it won't start.
  /// Users: "name" (password pw-name) or "name:password". The administrative account is gateway / pw-gateway.
  static std::unique_ptr<Dovecot> start(const std::vector<std::string>& users);
  ~Dovecot();  ///< stops it by pid and removes its directory
  Dovecot(const Dovecot&) = delete;
  Dovecot& operator=(const Dovecot&) = delete;

  [[nodiscard]] std::uint16_t imap() const { return imap_; }
  [[nodiscard]] std::uint16_t imaps() const { return imaps_; }
  [[nodiscard]] std::uint16_t lmtp() const { return lmtp_; }
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string ca_file() const { return directory_ + "/ca.pem"; }
  [[nodiscard]] std::string foreign_ca_file() const { return directory_ + "/foreign-ca.pem"; }

  /// By LMTP (RFC 2033); returns when the server has said that it is stored. Throws if it refuses. Dovecot adds
  /// Return-Path, Delivered-To and Received before the octets given here.
  void deliver(std::string_view user, std::string_view message);
  /// doveadm with this server's configuration; returns what it printed, throws if it fails.
  std::string doveadm(const std::string& arguments) const;

 private:
  Dovecot() = default;
  std::string directory_;
  std::uint16_t imap_ = 0, imaps_ = 0, lmtp_ = 0;
  int pid_ = 0;
};

}  // namespace tidegate::peers
