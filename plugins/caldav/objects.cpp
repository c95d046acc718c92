// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/objects.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/pim/canonical.hpp"
#include "core/web/url.hpp"

namespace tidegate::caldav {
namespace {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view text) {
  Digest made{};
  std::size_t size = made.size();
  EVP_Q_digest(nullptr, "SHA256", nullptr, text.data(), text.size(), made.data(), &size);
  return made;
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
    return upper(x) == upper(y);
  });
}

/// The next line, unfolded as far as it is wanted here; false: that was all.
bool next_line(std::string_view& rest, std::string& line) {
  constexpr std::size_t most = 4096;  // longer ones are neither BEGIN nor a UID that means anything
  if (rest.empty()) return false;
  line.clear();
  for (bool first = true; first || (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')); first = false) {
    if (!first) rest.remove_prefix(1);
    const auto end = std::min(rest.find('\n'), rest.size());
    auto piece = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    line.append(piece.substr(0, most - std::min(most, line.size())));
  }
  return true;
}

/// Name of a property without its group, and its value.
std::pair<std::string_view, std::string_view> parts(std::string_view line) {
  bool quoted = false;
  std::size_t colon = 0;
  for (; colon < line.size() && (quoted || line[colon] != ':'); ++colon)
    if (line[colon] == '"') quoted = !quoted;
  if (colon == line.size()) return {};
  auto name = line.substr(0, std::min(line.find(';'), colon));
  if (const auto dot = name.find('.'); dot != name.npos) name.remove_prefix(dot + 1);
  return {name, line.substr(colon + 1)};
}

std::optional<Kind> kind_of(std::string_view component) {
  if (same(component, "VEVENT")) return Kind::event;
  if (same(component, "VTODO")) return Kind::task;
  if (same(component, "VJOURNAL")) return Kind::note;
  if (same(component, "VCARD")) return Kind::contact;
  return std::nullopt;
}

}  // namespace

std::optional<Object> look_at(std::string_view octets) {
  std::optional<Object> found;
  std::string line;
  std::size_t depth = 0, inside = 0;  // inside: depth of the component whose UID counts
  while (next_line(octets, line)) {
    const auto [name, value] = parts(line);
    if (same(name, "BEGIN")) {
      ++depth;
      const auto kind = kind_of(value);
      if (!kind) continue;
      if (!found) found = Object{*kind, std::string(value), {}};
      inside = inside == 0 ? depth : inside;
    } else if (same(name, "END")) {
      if (depth == inside) inside = 0;
      if (depth > 0) --depth;
    } else if (same(name, "UID") && inside != 0 && depth == inside && found->uid.empty()) {
      found->uid = value;
      return found;
    }
  }
  return found;
}

std::array<std::byte, 20> fingerprint(const Object& object, View name) {
  if (!object.uid.empty()) return pim::uid_fingerprint(object.uid);
  const auto made = sha256(fmt::format("name\n{}", name));
  std::array<std::byte, 20> print;
  std::ranges::transform(made.begin(), made.begin() + 20, print.begin(), [](unsigned char c) { return std::byte(c); });
  return print;
}

std::uint64_t digest(std::string_view text) {
  const auto made = sha256(text);
  std::uint64_t value = 0;
  for (std::size_t at = 0; at < 6; ++at) value = value << 8U | made[at];
  return value;
}

std::uint64_t digest_of_content(std::string_view octets) {
  std::string kept, line;
  kept.reserve(octets.size());
  while (!octets.empty()) {
    const auto end = std::min(octets.find('\n'), octets.size());
    auto piece = octets.substr(0, end);
    octets.remove_prefix(std::min(end + 1, octets.size()));
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    if (piece.starts_with("DTSTAMP") || piece.starts_with("PRODID")) continue;
    kept.append(piece) += '\n';
  }
  return digest(kept);
}

std::string name_for(const Object& object) {
  const bool plain = !object.uid.empty() && object.uid.size() <= 128 && object.uid.front() != '.' &&
                     std::ranges::all_of(object.uid, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                              c == '.' || c == '_' || c == '@';
                     });
  return (plain ? object.uid : fmt::format("{:012x}-{:012x}", digest(object.uid), digest(object.uid + "+"))) +
         (object.kind == Kind::contact ? ".vcf" : ".ics");
}

std::string canonical(std::string_view path) {
  std::string made;
  for (bool first = true; !path.empty() || first; first = false) {
    const auto end = std::min(path.find('/'), path.size());
    for (const char c : web::decoded(path.substr(0, end))) {
      // RFC 3986 §3.3 pchar
      if (std::string_view("@:!$&'()*+,;=").contains(c))
        made += c;
      else
        made += web::encoded(std::string_view(&c, 1));
    }
    if (end == path.size()) break;
    made += '/';
    path.remove_prefix(end + 1);
    if (path.empty()) break;
  }
  return made;
}

std::string_view last_segment(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

Bytes encode(const Revision& revision) {
  return revision.schedule_tag.empty() ? revision.etag : revision.etag + "\n" + revision.schedule_tag;
}

Revision decode_revision(View text) {
  const auto end = text.find('\n');
  if (end == text.npos) return {std::string(text), {}};
  return {std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
}

std::string strong(std::string_view etag) {
  if (etag.starts_with("W/") || etag.starts_with("w/")) etag.remove_prefix(2);
  return std::string(etag);
}

}  // namespace tidegate::caldav
