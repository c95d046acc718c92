// SPDX-License-Identifier: Apache-2.0
#include "device/names.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/http/utf8.hpp"
#include "device/vdir_object.hpp"

namespace tidegate::device {
namespace {

constexpr std::array<std::pair<char, std::uint32_t>, 6> letters_of{
    {{'D', draft}, {'F', flagged}, {'P', forwarded}, {'R', answered}, {'S', seen}, {'T', deleted}}};

constexpr std::size_t uid_within = std::size_t{64} << 10;  // of a content: where its UID is looked for

bool harmless(std::string_view uid) {
  return !uid.empty() && uid.size() <= 180 && uid[0] != '.' && uid[0] != '-' &&
         std::all_of(uid.begin(), uid.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-@+={}").find(c) != std::string_view::npos;
         });
}

}  // namespace

std::string flag_letters(std::uint32_t flags) {
  std::string out;
  for (const auto& [letter, flag] : letters_of)
    if ((flags & flag) != 0) out += letter;
  for (unsigned letter = 0; letter < 26; ++letter)
    if ((flags >> (letter_shift + letter) & 1) != 0) out += static_cast<char>('a' + letter);
  return out;
}

std::uint32_t flags_of_letters(std::string_view letters) {
  std::uint32_t flags = 0;
  for (const auto& [letter, flag] : letters_of)
    if (letters.find(letter) != std::string_view::npos) flags |= flag;
  for (const char letter : letters)
    if (letter >= 'a' && letter <= 'z')
      flags |= std::uint32_t{1} << (letter_shift + static_cast<unsigned>(letter - 'a'));
  return flags;
}

std::string mail_base(const Gid& gid, std::uint64_t size) { return gid_text(gid) + ",S=" + std::to_string(size); }

std::string mail_name(std::string_view base, std::uint32_t flags) {
  const auto letters = flag_letters(flags);
  return letters.empty() ? "new/" + std::string(base) : "cur/" + std::string(base) + ":2," + letters;
}

std::string_view base_of(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);
  return name.substr(0, name.find(":2,"));
}

std::uint32_t flags_of_name(std::string_view name) {
  const auto info = name.rfind(":2,");
  return info == std::string_view::npos ? 0 : flags_of_letters(name.substr(info + 3));
}

std::string renamed_for(std::string_view name, std::string_view base, std::uint32_t flags) {
  const auto info = name.rfind(":2,");
  if (base_of(name) == base && flags_of_name(name) == flags) return std::string(name);
  std::string letters = flag_letters(flags);
  if (info != std::string_view::npos)
    for (const char c : name.substr(info + 3))
      if (flags_of_letters(std::string_view(&c, 1)) == 0) letters += c;
  std::sort(letters.begin(), letters.end());
  if (letters.empty() && info == std::string_view::npos)
    return std::string(name.substr(0, name.find('/') + 1)) + std::string(base);
  return "cur/" + std::string(base) + ":2," + letters;
}

std::optional<MailName> parse_mail_name(std::string_view name) {
  MailName out;
  if (const auto info = name.find(":2,"); info != std::string_view::npos) {
    out.letters = std::string(name.substr(info + 3));
    name = name.substr(0, info);
  }
  out.base = std::string(name);
  const auto gid = gid_from_text(name.substr(0, e2e::gid_characters));
  if (!gid || !name.substr(e2e::gid_characters).starts_with(",S=")) return std::nullopt;
  out.gid = *gid;
  const auto digits = name.substr(e2e::gid_characters + 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.size);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

std::string folder_component(std::string_view name) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : name.substr(0, 200)) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '.' || c == '/' || c == '%' || octet < 0x20 || octet == 0x7F) {
      out += '%';
      out += digits[octet >> 4];
      out += digits[octet & 15];
    } else {
      out += c;
    }
  }
  return out.empty() ? "%" : out;
}

std::optional<std::string> name_of_component(std::string_view component) {
  std::string out;
  while (!component.empty()) {
    unsigned octet = 0;
    const auto digits = component.substr(1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16);
    const bool escaped =
        component[0] == '%' && digits.size() == 2 && error == std::errc() && end == digits.data() + digits.size();
    out += escaped ? static_cast<char>(octet) : component[0];
    component.remove_prefix(escaped ? 3 : 1);
  }
  if (out.empty() || out.find('\0') != std::string::npos || !http::is_utf8(out)) return std::nullopt;
  return out;
}

std::string_view vdir_suffix(Kind kind) {
  switch (kind) {
    case Kind::contact:
      return ".vcf";
    case Kind::event:
    case Kind::task:
    case Kind::note:
      return ".ics";
    default:
      return "";
  }
}

std::string_view vdir_collection(Kind kind) {
  switch (kind) {
    case Kind::mail:
      return "";
    case Kind::event:
    case Kind::task:
      return "calendars";
    case Kind::contact:
      return "contacts";
    case Kind::note:
      return "notes";
    case Kind::file:
      return "files";
  }
  return "files";
}

std::string vdir_name(const Gid& gid, Kind kind, std::string_view content) {
  const auto uid = kind == Kind::file ? std::string() : read_object(content.substr(0, uid_within), kind).uid;
  return (harmless(uid) ? uid : gid_text(gid)) + std::string(vdir_suffix(kind));
}

}  // namespace tidegate::device
