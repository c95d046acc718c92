// SPDX-License-Identifier: Apache-2.0
#include "device/item_text.hpp"

#include <algorithm>
#include <map>

#include "device/charsets.hpp"
#include "device/mail_header.hpp"

namespace tidegate::device {
namespace {

constexpr int depth_limit = 8;  // of parts in parts

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string small(std::string_view text) {
  std::string out;
  for (const char c : text) out += lower(c);
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The fields of a header by their names in small letters; leaves the body in `rest`.
std::map<std::string, std::string> take_header(std::string_view& rest) {
  std::map<std::string, std::string> out;
  std::string* last = nullptr;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {
      if (last != nullptr) last->append(line);
      continue;
    }
    const auto colon = line.find(':');
    last = nullptr;
    if (colon == std::string_view::npos) continue;
    const auto [at, first] = out.try_emplace(small(trimmed(line.substr(0, colon))));
    if (first) at->second = trimmed(line.substr(colon + 1));
    if (first) last = &at->second;
  }
  return out;
}

/// RFC 2045 §5.1: the value of a parameter, without quotes.
std::string parameter(std::string_view field, std::string_view name) {
  for (auto at = field.find(';'); at != std::string_view::npos; at = field.find(';', at)) {
    const auto rest = trimmed(field.substr(++at));
    const auto equal = rest.find('=');
    if (equal == std::string_view::npos || !same_name(trimmed(rest.substr(0, equal)), name)) continue;
    const auto value = trimmed(rest.substr(equal + 1));
    if (value.starts_with('"')) return std::string(value.substr(1, value.find('"', 1) - 1));
    return std::string(trimmed(value.substr(0, value.find(';'))));
  }
  return {};
}

std::string without_tags(std::string_view html) {
  std::string out;
  while (!html.empty()) {
    const auto tag = html.find('<');
    out += html.substr(0, tag);
    if (tag == std::string_view::npos) break;
    const auto end = html.find('>', tag);
    out += ' ';
    html.remove_prefix(end == std::string_view::npos ? html.size() : end + 1);
  }
  return out;
}

class MailText {
 public:
  void part(std::string_view part, int depth) {
    const auto header = take_header(part);
    const auto field = [&](const char* name) {
      const auto found = header.find(name);
      return found == header.end() ? std::string() : found->second;
    };
    for (const char* name : {"subject", "from", "to", "cc", "bcc", "reply-to", "list-id"})
      if (const auto value = field(name); !value.empty()) words += decode_words(value) + '\n';
    const auto type = field("content-type"), encoding = small(field("content-transfer-encoding"));
    auto name = parameter(type, "name");
    if (name.empty()) name = parameter(field("content-disposition"), "filename");
    if (!name.empty()) words += decode_words(name) + '\n';
    const auto kind = small(type.substr(0, type.find(';')));
    if (kind.starts_with("multipart/")) return parts(part, parameter(type, "boundary"), depth);
    if (kind.starts_with("message/rfc822") && depth < depth_limit) return this->part(part, depth + 1);
    if (!kind.empty() && !kind.starts_with("text/")) return;
    std::string octets;
    if (encoding.starts_with("base64"))
      octets = decode_base64(part);
    else
      octets = encoding.starts_with("quoted-printable") ? decode_quoted(part) : std::string(part);
    const auto text = to_utf8(octets, parameter(type, "charset")).value_or(raw_to_utf8(octets));
    words += (kind.starts_with("text/html") ? without_tags(text) : text) + '\n';
  }
  std::string words;

 private:
  /// RFC 2046 §5.1.1. A delimiter is a line of its own.
  void parts(std::string_view body, const std::string& boundary, int depth) {
    if (boundary.empty() || depth == depth_limit) return;
    const auto delimiter = "--" + boundary;
    const char* begun = nullptr;
    while (!body.empty()) {
      const char* line_begins = body.data();
      const auto line = take_line(body);
      if (!line.starts_with(delimiter)) continue;
      if (begun != nullptr) part({begun, static_cast<std::size_t>(line_begins - begun)}, depth + 1);
      begun = body.data();
      if (line.substr(delimiter.size()).starts_with("--")) return;
    }
    if (begun != nullptr) part({begun, static_cast<std::size_t>(body.data() - begun)}, depth + 1);
  }
};

/// RFC 5545 §3.3.11: \n, \, and \; in texts.
std::string unescaped(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out += value[i];
      continue;
    }
    ++i;
    out += value[i] == 'n' || value[i] == 'N' ? ' ' : value[i];
  }
  return out;
}

/// What no person reads.
bool is_read(std::string_view name) {
  for (const char* never : {"BEGIN", "END", "VERSION", "PRODID", "PHOTO", "LOGO", "SOUND", "KEY", "ATTACH", "RRULE"})
    if (same_name(name, never)) return false;
  return true;
}

}  // namespace

ItemText read_mail_text(std::string_view mail) {
  MailText text;
  text.part(mail, 0);
  const auto header = read_mail_header(mail);
  return {header.subject, header.from, std::move(text.words)};
}

ItemText read_object_text(std::string_view object, Kind kind) {
  ItemText out;
  std::string line;
  const auto take = [&] {
    const auto colon = line.find(':');
    if (colon == std::string::npos) return;
    auto name = std::string_view(line).substr(0, std::min(line.find(';'), colon));
    name.remove_prefix(name.rfind('.') + 1);
    if (!is_read(name)) return;
    // "CN=Bob Builder" of an attendee is read; the other parameters do no harm.
    out.words += line.substr(name.size(), colon - name.size()) + ' ' + unescaped(line.substr(colon + 1)) + '\n';
    const auto first = [&](const char* wanted, std::string& into) {
      if (into.empty() && same_name(name, wanted)) into = for_people(unescaped(line.substr(colon + 1)));
    };
    first(kind == Kind::contact ? "FN" : "SUMMARY", out.title);
    first(kind == Kind::contact ? "EMAIL" : "LOCATION", out.who);
  };
  while (!object.empty()) {
    const auto next = take_line(object);
    if (next.starts_with(' ') || next.starts_with('\t')) {
      line += next.substr(1);
      continue;
    }
    take();
    line = next;
  }
  take();
  return out;
}

}  // namespace tidegate::device
