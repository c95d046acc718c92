// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648 §4) as MIME content and attachments come: in pieces, with white space anywhere. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace tidegate::ews {

class Base64Decoder {
 public:
  /// Appends what the piece gives. False: an octet that is none of the alphabet, or something behind the padding.
  bool feed(std::string_view piece, std::string& out);
  /// What came was whole.
  bool finish() const { return have_ == 0 || have_ == 2 || have_ == 3; }

 private:
  std::uint32_t bits_ = 0;
  int have_ = 0;  ///< characters of the group under way
  bool padded_ = false;
};

std::string base64(std::string_view octets);
/// The octets; false: not base64.
bool from_base64(std::string_view text, std::string& out);

}  // namespace tidegate::ews
