// SPDX-License-Identifier: Apache-2.0
// Heads of HTTP/1.1 messages (RFC 9112) as values, and their octets.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::http {

struct Field {
  std::string name = {};
  std::string value = {};
};

class Fields {
 public:
  Fields() = default;
  Fields(std::initializer_list<Field> fields) : all_(fields) {}

  void add(std::string name, std::string value) { all_.push_back({std::move(name), std::move(value)}); }
  /// The first of that name, in whatever case; null: none.
  const std::string* find(std::string_view name) const;
  /// Whether that token stands in the comma-separated list(s) of that name, in whatever case ("Connection", "upgrade").
  bool has_token(std::string_view name, std::string_view token) const;
  const std::vector<Field>& all() const { return all_; }

 private:
  std::vector<Field> all_;
};

/// Of either kind of message.
struct Head {
  unsigned version = 11;  ///< 10 or 11
  Fields fields;
  std::optional<std::uint64_t> content_length;  ///< as parsed; serialising uses only the fields
  bool chunked = false;                         ///< as parsed
  bool keep_alive = true;                       ///< as parsed: version and Connection
  bool upgrade = false;                         ///< as parsed: Connection: upgrade
};

struct RequestHead : Head {
  std::string method;
  std::string target;
};

struct ResponseHead : Head {
  unsigned status = 0;
  std::string reason;
};

/// The head's octets with the empty line. `invalid` if a name, value, method or target holds what could end a line or
/// a field (header injection), or a name or method is no token.
Result<std::string> serialise_request(std::string_view method, std::string_view target, const Fields&);
Result<std::string> serialise_response(unsigned status, const Fields&);
std::string_view reason_of(unsigned status);

// RFC 9112 §7.1: a chunk is chunk_begin(n), n octets, chunk_end(); the body ends with last_chunk().
std::string chunk_begin(std::uint64_t octets);  ///< octets > 0: an empty chunk would end the body
constexpr std::string_view chunk_end() { return "\r\n"; }
constexpr std::string_view last_chunk() { return "0\r\n\r\n"; }

/// ASCII letters compared without case.
bool same_name(std::string_view, std::string_view);

}  // namespace tidegate::http
