// SPDX-License-Identifier: Apache-2.0
#include "core/mime/parts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <iconv.h>

namespace tidegate::mime {
namespace {

constexpr std::size_t field_most = 65536;
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Header block (with its empty line) and body.
std::pair<View, View> divide(View entity) {
  for (std::size_t at = 0; at < entity.size();) {
    const auto end = std::min(entity.find('\n', at), entity.size() - 1) + 1;
    const auto line = entity.substr(at, end - at);
    if (line == "\n" || line == "\r\n") return {entity.substr(0, end), entity.substr(end)};
    at = end;
  }
  return {entity, {}};
}

/// RFC 2046 §5.1.1: the end of the line before a delimiter belongs to that.
View without_end(View part) {
  if (part.ends_with('\n')) part.remove_suffix(1);
  if (part.ends_with('\r')) part.remove_suffix(1);
  return part;
}

class Walk {
 public:
  explicit Walk(const std::function<bool(const Part&)>& take) : take_(take) {}

  void entity(View octets, std::size_t depth) {
    if (stopped_ || count_ >= parts_most || depth > depth_most) return;
    const auto [head, body] = divide(octets);
    Part part{read_part_header(head), body};
    if (part.header.multipart()) return parts(body, part.header.boundary, depth);
    if (part.header.type == "message" && part.header.subtype == "rfc822") return entity(body, depth + 1);
    ++count_;
    stopped_ = !take_(part);
  }

 private:
  void parts(View body, const std::string& boundary, std::size_t depth) {
    const auto mark = "--" + boundary;
    std::size_t begin = View::npos;
    for (std::size_t at = 0; at < body.size() && !stopped_;) {
      const auto end = std::min(body.find('\n', at), body.size() - 1) + 1;
      auto line = body.substr(at, end - at);
      if (line.starts_with(mark)) {
        line.remove_prefix(mark.size());
        const bool last = line.starts_with("--");
        if (last) line.remove_prefix(2);
        if (std::ranges::all_of(line, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; })) {
          if (begin != View::npos) entity(without_end(body.substr(begin, at - begin)), depth + 1);
          begin = last ? View::npos : end;
          if (last) return;
        }
      }
      at = end;
    }
    if (begin != View::npos) entity(body.substr(begin), depth + 1);  // it was cut off
  }

  const std::function<bool(const Part&)>& take_;
  std::size_t count_ = 0;
  bool stopped_ = false;
};

int hex(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                : -1;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

void each_part(View mail, const std::function<bool(const Part&)>& take) { Walk(take).entity(mail, 0); }

std::optional<Bytes> decoded(const Part& part) {
  switch (part.header.encoding) {
    case Encoding::plain:
      return Bytes(part.body);
    case Encoding::base64:
      return base64_decoded(part.body);
    case Encoding::quoted_printable:
      return quoted_printable_decoded(part.body);
    case Encoding::unknown:
      break;
  }
  return std::nullopt;
}

std::optional<std::string> decoded_text(const Part& part) {
  auto octets = decoded(part);
  return octets ? to_utf8(*octets, part.header.charset) : std::nullopt;
}

Bytes base64_decoded(View text) {
  static const auto values = [] {
    std::array<int, 256> made{};
    made.fill(-1);
    for (std::size_t i = 0; i < letters.size(); ++i) made[static_cast<unsigned char>(letters[i])] = static_cast<int>(i);
    return made;
  }();
  Bytes out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    const auto value = values[static_cast<unsigned char>(c)];
    if (value < 0) continue;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xFF);
  }
  return out;
}

Bytes quoted_printable_decoded(View text) {
  Bytes out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=') {
      out += text[at];
    } else if (at + 2 < text.size() && hex(text[at + 1]) >= 0 && hex(text[at + 2]) >= 0) {
      out += static_cast<char>(hex(text[at + 1]) * 16 + hex(text[at + 2]));
      at += 2;
    } else {
      auto end = at + 1;  // a soft break, with blanks that a mail server left behind
      while (end < text.size() && (text[end] == ' ' || text[end] == '\t' || text[end] == '\r')) ++end;
      if (end == text.size() || text[end] == '\n')
        at = end;
      else
        out += '=';
    }
  }
  // `=XX` may be the last three octets.
  return out;
}

Bytes base64_encoded(View octets, std::size_t line) {
  Bytes out;
  out.reserve(octets.size() / 3 * 4 + octets.size() / 40 + 8);
  std::size_t on_line = 0;
  for (std::size_t at = 0; at < octets.size(); at += 3) {
    const auto piece = octets.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < piece.size() ? static_cast<unsigned char>(piece[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out += i <= piece.size() ? letters[bits >> (18 - 6 * i) & 63] : '=';
    on_line += 4;
    if (line > 0 && on_line >= line) {
      out += "\r\n";
      on_line = 0;
    }
  }
  if (line > 0 && on_line > 0) out += "\r\n";
  return out;
}

std::optional<std::string> to_utf8(View octets, const std::string& charset) {
  if (charset.empty() || charset == "utf-8" || charset == "us-ascii" || charset == "utf8") return std::string(octets);
  const iconv_t converter = iconv_open("UTF-8", charset.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) return std::nullopt;
  std::string out;
  std::array<char, 4096> room{};
  auto* from = const_cast<char*>(octets.data());
  auto left = octets.size();
  bool fine = true;
  while (fine && left > 0) {
    auto* to = room.data();
    auto free = room.size();
    const auto done = iconv(converter, &from, &left, &to, &free);
    out.append(room.data(), room.size() - free);
    fine = done != static_cast<std::size_t>(-1) || free < room.size() / 2;  // full, not wrong
  }
  iconv_close(converter);
  if (!fine) return std::nullopt;
  return out;
}

std::string encoded_words(std::string_view utf8) {
  if (std::ranges::all_of(utf8, [](char c) { return c >= ' ' && c < '\x7F'; }) && !utf8.contains("=?"))
    return std::string(utf8);
  std::string out;
  constexpr std::size_t piece_most = 42;  // octets: a word has 75 characters at most
  while (!utf8.empty()) {
    auto size = std::min(piece_most, utf8.size());
    while (size < utf8.size() && size > piece_most - 4 && (static_cast<unsigned char>(utf8[size]) & 0xC0) == 0x80)
      --size;
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64_encoded(utf8.substr(0, size), 0) + "?=";
    utf8.remove_prefix(size);
  }
  return out;
}

std::string header_field(View mail, std::string_view name) {
  auto head = divide(mail).first;
  std::string value;
  bool inside = false;
  while (!head.empty() && value.size() < field_most) {
    const auto end = std::min(head.find('\n'), head.size() - 1) + 1;
    auto line = head.substr(0, end);
    head.remove_prefix(end);
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (inside) value += line;
      continue;
    }
    if (inside) break;
    auto said = line.substr(0, line.find(':'));
    while (said.ends_with(' ') || said.ends_with('\t')) said.remove_suffix(1);
    inside = said.size() < line.size() &&
             std::ranges::equal(said, name, [](char a, char b) { return lower(a) == lower(b); });
    if (inside) value = line.substr(line.find(':') + 1);
  }
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.erase(0, 1);
  return value;
}

}  // namespace tidegate::mime
