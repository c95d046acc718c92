// SPDX-License-Identifier: Apache-2.0
#include "core/mime/part_header.hpp"

#include <algorithm>

namespace tidegate::mime {
namespace {

constexpr std::size_t field_limit = 4096;  // of a field, unfolded
constexpr std::size_t word_limit = 60;     // of a type or subtype
constexpr std::size_t name_limit = 120;    // of a file's name, in octets

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The value of the first field of that name, its folds undone.
std::string field(std::string_view block, std::string_view name) {
  std::string value;
  bool inside = false;
  while (!block.empty() && value.size() < field_limit) {
    const auto end = std::min(block.find('\n'), block.size() - 1);
    const auto line = block.substr(0, end + 1);
    block.remove_prefix(end + 1);
    if (line[0] == ' ' || line[0] == '\t') {
      if (inside) value += line;
      continue;
    }
    if (inside) break;
    const auto colon = line.find(':');
    inside = colon != std::string_view::npos && lower(trimmed(line.substr(0, colon))) == name;
    if (inside) value = line.substr(colon + 1);
  }
  value.resize(std::min(value.size(), field_limit));
  return value;
}

/// The first word of letters, digits and a few signs (RFC 2045 §5.1, token).
std::string_view token(std::string_view& text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  std::size_t end = 0;
  while (end < text.size() && text[end] > ' ' && text[end] < '\x7F' &&
         std::string_view("()<>@,;:\\\"/[]?=").find(text[end]) == std::string_view::npos)
    ++end;
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

/// A parameter's value, quoted or not; `text` begins behind the `=`.
std::string value_of(std::string_view& text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  std::string out;
  if (!text.starts_with('"')) {
    const auto end = std::min(text.find(';'), text.size());
    out = trimmed(text.substr(0, end));
    text.remove_prefix(end);
    return out;
  }
  text.remove_prefix(1);
  while (!text.empty() && text.front() != '"') {
    if (text.front() == '\\' && text.size() > 1) text.remove_prefix(1);
    out += text.front();
    text.remove_prefix(1);
  }
  text.remove_prefix(std::min(text.find(';'), text.size()));
  return out;
}

int digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

/// RFC 2231 §4: charset'language'percent-encoded.
std::string percent_decoded(std::string_view text) {
  const auto language = text.find('\'');
  const auto begin = language == std::string_view::npos ? language : text.find('\'', language + 1);
  if (begin != std::string_view::npos) text.remove_prefix(begin + 1);
  std::string out;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text[0] == '%' && text.size() > 2 && digit(text[1]) >= 0 && digit(text[2]) >= 0) {
      out += static_cast<char>(digit(text[1]) * 16 + digit(text[2]));
      text.remove_prefix(2);
    } else {
      out += text[0];
    }
  }
  return out;
}

/// Of hostile origin, for people's eyes, in a text without a charset: printable ASCII, the rest as question marks.
std::string harmless(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, name_limit)) out += c >= ' ' && c < '\x7F' ? c : '?';
  return out;
}

void read_type(std::string_view value, PartHeader& header) {
  const auto type = token(value);
  if (type.empty() || type.size() > word_limit || !value.starts_with('/')) return;
  value.remove_prefix(1);
  const auto subtype = token(value);
  if (subtype.empty() || subtype.size() > word_limit) return;
  header.type = lower(type);
  header.subtype = lower(subtype);
}

void read_parameters(std::string_view value, PartHeader& header, bool of_type) {
  for (value.remove_prefix(std::min(value.find(';'), value.size())); value.starts_with(';');) {
    value.remove_prefix(1);
    const auto name = lower(token(value));
    while (!value.empty() && blank(value.front())) value.remove_prefix(1);
    if (!value.starts_with('=')) {
      value.remove_prefix(std::min(value.find(';'), value.size()));
      continue;
    }
    value.remove_prefix(1);
    const auto said = value_of(value);
    if (of_type && name == "boundary" && said.size() <= boundary_limit) header.boundary = said;
    if (of_type && name == "charset" && said.size() <= word_limit) header.charset = lower(said);
    if (of_type && name == "method" && said.size() <= word_limit) header.method = lower(said);
    if (name == "name" || name == "filename") header.name = harmless(said);
    if (name == "name*" || name == "filename*") header.name = harmless(percent_decoded(said));
  }
}

Encoding encoding_of(std::string_view value) {
  const auto word = lower(trimmed(value));
  if (word.empty() || word == "7bit" || word == "8bit" || word == "binary") return Encoding::plain;
  if (word == "quoted-printable") return Encoding::quoted_printable;
  return word == "base64" ? Encoding::base64 : Encoding::unknown;
}

}  // namespace

PartHeader read_part_header(std::string_view block) {
  PartHeader header;
  const auto type = field(block, "content-type");
  const auto disposition = field(block, "content-disposition");
  read_type(type, header);
  read_parameters(type, header, true);
  read_parameters(disposition, header, false);
  std::string_view first = disposition;
  header.attachment = lower(token(first)) == "attachment";
  header.encoding = encoding_of(field(block, "content-transfer-encoding"));
  while (header.boundary.ends_with(' ')) header.boundary.pop_back();
  if (header.boundary.find_first_of("\r\n") != std::string::npos) header.boundary.clear();
  return header;
}

}  // namespace tidegate::mime
