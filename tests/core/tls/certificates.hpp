// SPDX-License-Identifier: Apache-2.0
// Certificates made while a test runs, in a directory of its own that goes with it.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

struct evp_pkey_st;
struct x509_st;

namespace tidegate::tests {

struct Issue {
  std::string name = "localhost";                    ///< DNS name, or an address in digits
  std::chrono::hours from = std::chrono::hours(-1);  ///< validity, from now
  std::chrono::hours until = std::chrono::hours(24);
};

class Certificates {
 public:
  explicit Certificates(std::string authority = "Test Authority");
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  struct Files {
    std::string certificate, key;
    std::string pin;  ///< hex SHA-256 of its public key
  };
  Files issue(const Issue& = {});
  std::string ca_file() const { return (directory_ / "ca.pem").string(); }
  std::filesystem::path directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
  int made_ = 0;
};

}  // namespace tidegate::tests
