// SPDX-License-Identifier: Apache-2.0
// As much of a MIME header (RFC 2045, 2046, 2183, 2231) as is needed to tell text from attachments. Any octets are
// survived; what makes no sense is as if it were not there. Pure; allocates nothing beyond what it is given.
#pragma once
#include <string>
#include <string_view>

namespace tidegate::mime {

enum class Encoding { plain, quoted_printable, base64, unknown };

struct PartHeader {
  std::string type = "text", subtype = "plain";  ///< lower case; RFC 2045 §5.2: what no header says
  std::string boundary;                          ///< of a multipart; empty: it has none that can be used
  std::string name;                              ///< of its file: one line, no control characters
  std::string charset, method;                   ///< parameters of its type, lower case; empty: not said
  bool attachment = false;                       ///< by its Content-Disposition
  Encoding encoding = Encoding::plain;
  bool text() const { return type == "text" && !attachment; }
  bool multipart() const { return type == "multipart" && !boundary.empty(); }
};

/// `block`: header lines, with the empty line or without.
PartHeader read_part_header(std::string_view block);

/// A boundary has at most 70 characters (RFC 2046 §5.1.1); longer ones than this are taken for none.
inline constexpr std::size_t boundary_limit = 200;

}  // namespace tidegate::mime
