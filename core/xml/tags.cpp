// SPDX-License-Identifier: Apache-2.0
#include "core/xml/tags.hpp"

#include <algorithm>
#include <array>

namespace tidegate::xml {
namespace {

constexpr std::size_t declaration_most = 256;
constexpr const char* too_long = "a tag that is too long";

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string lower_case(std::string_view text) {
  std::string made(text);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

}  // namespace

const char* Tags::look(std::string_view octets) {
  for (const char c : octets.substr(0, seen_ < 4 ? 4 - seen_ : 0)) {
    if (const char* wrong = begin(c)) return wrong;
    ++seen_;
  }
  while (!octets.empty()) {
    const auto plain = plain_part(octets);
    if (at_ == At::tag) {
      if (plain > most_ - length_) return too_long;
      length_ += static_cast<std::uint32_t>(plain);
    }
    octets.remove_prefix(plain);
    if (octets.empty()) break;
    if (const char* wrong = step(octets.front())) return wrong;
    octets.remove_prefix(1);
  }
  return nullptr;
}

// What most of a document is goes by at the speed of memory.
std::size_t Tags::plain_part(std::string_view octets) const {
  if (at_ == At::text) return std::min(octets.find('<'), octets.size());
  if (at_ != At::tag) return 0;
  if (quote_ != 0) return std::min(octets.find(quote_), octets.size());
  std::size_t at = 0;
  while (at < octets.size() && octets[at] != '>' && octets[at] != '"' && octets[at] != '\'') ++at;
  return at;
}

// UTF-16, UTF-32 and EBCDIC show themselves within four octets (XML 1.0 appendix F).
const char* Tags::begin(char c) {
  const auto octet = static_cast<unsigned char>(c);
  const bool first = seen_ == 0 && (octet == 0xFE || octet == 0xFF || octet == 0x4C);
  if (octet == 0 || first) return "another encoding than UTF-8";
  return nullptr;
}

const char* Tags::step(char c) {
  switch (at_) {
    case At::text:
      at_ = At::open;
      length_ = 0;
      return nullptr;
    case At::open:
      word_.clear();
      matched_ = 0;
      quote_ = 0;
      at_ = c == '!' ? At::bang : c == '?' ? At::instruction : c == '>' ? At::text : At::tag;
      return nullptr;
    case At::tag:
      if (++length_ > most_) return too_long;
      if (quote_ != 0) {
        if (c == quote_) quote_ = 0;
      } else if (c == '"' || c == '\'') {
        quote_ = c;
      } else if (c == '>') {
        at_ = At::text;
      }
      return nullptr;
    case At::bang:
      word_ += c;
      if (word_ == "--") {
        at_ = At::comment;
      } else if (word_ == "[CDATA[") {
        at_ = At::cdata;
      } else if (!std::string_view("--").starts_with(word_) && !std::string_view("[CDATA[").starts_with(word_)) {
        return "a DOCTYPE";
      }
      return nullptr;
    case At::comment:
      until("-->", c);
      return nullptr;
    case At::cdata:
      until("]]>", c);
      return nullptr;
    case At::instruction:
      if (first_ && word_.size() < declaration_most) word_ += c;
      until("?>", c);
      if (at_ == At::instruction || !first_) return nullptr;
      first_ = false;
      return declared();
  }
  return nullptr;
}

/// Marks of this shape need no going back further than this: x…xy, where x may come more often ("]]]>").
void Tags::until(std::string_view mark, char c) {
  if (c == mark[matched_]) {
    if (++matched_ == mark.size()) at_ = At::text, matched_ = 0;
  } else if (matched_ + 1 != mark.size() || c != mark.front()) {
    matched_ = c == mark.front() ? 1 : 0;
  }
}

/// <?xml version="1.0" encoding="…"?>, of which word_ has what stands behind "<?".
const char* Tags::declared() const {
  constexpr std::array known{"utf-8",       "utf8",         "us-ascii",     "ascii",      "iso-8859-1",
                             "iso-8859-15", "windows-1252", "windows-1251", "iso-8859-2", "windows-1250"};
  if (!word_.starts_with("xml") || word_.size() < 4 || !blank(word_[3])) return nullptr;
  if (word_.size() >= declaration_most) return "an XML declaration that is too long";
  const auto text = lower_case(word_);
  auto at = text.find("encoding");
  if (at == text.npos) return nullptr;
  at = text.find_first_of("\"'", at);
  const auto end = at == text.npos ? text.npos : text.find(text[at], at + 1);
  if (end == text.npos) return "an XML declaration that cannot be read";
  const auto named = std::string_view(text).substr(at + 1, end - at - 1);
  return std::ranges::find(known, named) == known.end() ? "an encoding that is not read here" : nullptr;
}

}  // namespace tidegate::xml
