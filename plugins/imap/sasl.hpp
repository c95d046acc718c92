// SPDX-License-Identifier: Apache-2.0
// What is said to log in, for IMAP and SMTP alike. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::imap {

struct Credentials {
  std::string authzid;  ///< for whom to act; empty: for oneself
  std::string name;
  std::string password;  ///< or the access token, where `token` is true
  bool token = false;
};

std::string base64(std::string_view octets);  ///< RFC 4648 §4

/// The initial responses, not yet in base64.
std::string plain_message(const Credentials&);    ///< RFC 4616
std::string xoauth2_message(const Credentials&);  ///< Google's, Microsoft's
std::string oauthbearer_message(const Credentials&, std::string_view host, std::uint16_t port);  ///< RFC 7628 §3.1

/// False for what would break out of its frame: NUL anywhere, and ^A in what goes into an OAuth message.
bool speakable(const Credentials&);

}  // namespace tidegate::imap
