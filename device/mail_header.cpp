// SPDX-License-Identifier: Apache-2.0
#include "device/mail_header.hpp"

#include <algorithm>
#include <optional>

#include "device/charsets.hpp"

namespace tidegate::device {
namespace {

constexpr std::size_t value_limit = 4096;  // a header value longer than this is cut: it is for one line of a screen

struct Word {
  std::string charset, octets;
  std::size_t length = 0;  ///< of the encoded word in the text
};

std::optional<Word> word_at(std::string_view text) {
  if (!text.starts_with("=?")) return std::nullopt;
  const auto charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?')
    return std::nullopt;
  const char encoding = lower(text[charset_end + 1]);
  const auto end = text.find("?=", charset_end + 3);
  if (end == std::string_view::npos || (encoding != 'q' && encoding != 'b')) return std::nullopt;
  const auto body = text.substr(charset_end + 3, end - charset_end - 3);
  auto charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));  // RFC 2231 §5: a language may follow
  return Word{std::string(charset), encoding == 'q' ? decode_quoted(body, true) : decode_base64(body), end + 2};
}

}  // namespace

std::string decode_words(std::string_view value) {
  std::string out;
  std::string octets, charset;  // of the words decoded last: a character may be cut between two of them
  std::string_view source;      // their text, should they not decode
  const auto flush = [&] {
    if (source.empty()) return;
    out += to_utf8(octets, charset).value_or(std::string(source));
    octets.clear(), charset.clear(), source = {};
  };
  while (!value.empty()) {
    if (const auto word = word_at(value)) {
      if (!source.empty() && !same_name(word->charset, charset)) flush();
      charset = word->charset;
      octets += word->octets;
      source = source.empty() ? value.substr(0, word->length)
                              : std::string_view(source.data(),
                                                 static_cast<std::size_t>(value.data() - source.data()) + word->length);
      value.remove_prefix(word->length);
      continue;
    }
    const auto blank = value.find_first_not_of(" \t");
    // RFC 2047 §6.2: white space between two encoded words is not shown.
    if (!source.empty() && blank != 0 && blank != std::string_view::npos && word_at(value.substr(blank))) {
      value.remove_prefix(blank);
      continue;
    }
    flush();
    const auto next = std::max<std::size_t>(std::min(value.find("=?", 1), value.size()), 1);
    out += raw_to_utf8(value.substr(0, next));
    value.remove_prefix(next);
  }
  flush();
  return for_people(out);
}

MailHeader read_mail_header(std::string_view mail) {
  mail = mail.substr(0, header_limit);
  std::string subject, from;
  std::string* current = nullptr;
  bool had_subject = false, had_from = false;
  while (!mail.empty()) {
    const auto end = mail.find('\n');
    auto line = mail.substr(0, end);
    mail.remove_prefix(end == std::string_view::npos ? mail.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {  // RFC 5322 §2.2.3: goes on
      if (current != nullptr) current->append(line);
    } else {
      const auto colon = line.find(':');
      auto name = line.substr(0, colon == std::string_view::npos ? 0 : colon);
      while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
      current = nullptr;
      if (same_name(name, "subject") && !had_subject) current = &subject, had_subject = true;
      if (same_name(name, "from") && !had_from) current = &from, had_from = true;
      if (current != nullptr) current->append(line.substr(colon + 1));
    }
    if (current != nullptr && current->size() > value_limit) current->resize(value_limit);
  }
  const auto trimmed = [](std::string_view text) {
    const auto start = text.find_first_not_of(" \t");
    return start == std::string_view::npos ? std::string_view() : text.substr(start);
  };
  return {decode_words(trimmed(subject)), decode_words(trimmed(from))};
}

}  // namespace tidegate::device
