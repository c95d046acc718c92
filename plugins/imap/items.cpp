// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/items.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace tidegate::imap {
namespace {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view octets) {
  Digest out{};
  unsigned int length = 0;
  EVP_Digest(octets.data(), octets.size(), out.data(), &length, EVP_sha256(), nullptr);
  return out;
}

template <class Number>
bool whole_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

template <class First, class Second>
bool dotted(std::string_view text, First& first, Second& second) {
  const auto dot = text.find('.');
  return dot != std::string_view::npos && whole_number(text.substr(0, dot), first) &&
         whole_number(text.substr(dot + 1), second);
}

}  // namespace

Bytes item_id(const ItemName& name) {
  Bytes out = name.folder;
  out += '\0';
  return out + fmt::format("{}.{}", name.uidvalidity, name.uid);
}

std::optional<ItemName> parse_item_id(View id) {
  ItemName name;
  const auto nul = id.find('\0');
  if (nul == 0 || nul == View::npos || !dotted(id.substr(nul + 1), name.uidvalidity, name.uid) || name.uid == 0) {
    return std::nullopt;
  }
  name.folder = id.substr(0, nul);
  return name;
}

Bytes write_note(const WriteNote& note) {
  Bytes out = fmt::format("{}.{}", note.uidvalidity, note.uidnext);
  if (!note.print) return out;
  out += '.';
  for (const std::byte octet : *note.print) out += fmt::format("{:02x}", std::to_integer<unsigned>(octet));
  return out;
}

std::optional<WriteNote> parse_write_note(View text) {
  WriteNote note;
  const auto first = text.find('.');
  const auto second = first == View::npos ? first : text.find('.', first + 1);
  if (second != View::npos) {
    note.print.emplace();
    const View hex = text.substr(second + 1);
    if (hex.size() != 2 * note.print->size()) return std::nullopt;
    for (std::size_t i = 0; i < note.print->size(); ++i) {
      unsigned octet = 0;
      const auto [end, error] = std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, octet, 16);
      if (error != std::errc{} || end != hex.data() + 2 * i + 2) return std::nullopt;
      (*note.print)[i] = static_cast<std::byte>(octet);
    }
    text = text.substr(0, second);
  }
  if (!dotted(text, note.uidvalidity, note.uidnext) || note.uidnext == 0) return std::nullopt;
  return note;
}

std::string message_id_value(std::string_view header) {
  const auto colon = header.find(':');
  if (colon == std::string_view::npos) return {};
  std::string out;
  for (const char c : header.substr(colon + 1)) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') out += c;
  }
  return out;
}

std::string message_id_of(std::string_view message) {
  constexpr std::string_view name = "message-id:";
  const auto lower = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  };
  for (std::size_t at = 0; at < message.size();) {
    const auto rest = message.substr(at);
    if (rest.starts_with('\n') || rest.starts_with("\r\n")) break;  // the header ends
    auto end = message.find('\n', at);
    const bool ours = rest.size() >= name.size() && std::ranges::equal(rest.substr(0, name.size()), name, lower);
    // A folded field goes on where the next line begins with a blank (RFC 5322 §2.2.3).
    while (ours && end + 1 < message.size() && (message[end + 1] == ' ' || message[end + 1] == '\t'))
      end = message.find('\n', end + 1);
    if (ours) return message_id_value(message.substr(at, end == std::string_view::npos ? end : end - at));
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  return {};
}

std::array<std::byte, 20> fingerprint(const Row& row) {
  const std::string what =
      fmt::format("{}\n{}\n{}", message_id_value(row.message_id), row.received.time_since_epoch().count(), row.size);
  const Digest digest = sha256(what);
  std::array<std::byte, 20> out{};
  std::memcpy(out.data(), digest.data(), out.size());
  return out;
}

std::uint32_t flag_hash(const Row& row) {
  std::string what = fmt::format("{}\n{}", row.uid, row.flags);
  for (const std::string& keyword : row.keywords) what += '\n' + keyword;
  const Digest digest = sha256(what);
  std::uint32_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

Upsert upsert_of(std::string_view folder, std::uint32_t uidvalidity, Row&& row, std::uint32_t inline_up_to) {
  Upsert item{};
  item.id = item_id({std::string(folder), uidvalidity, row.uid});
  item.folders = {Bytes(folder)};
  item.content_rev = "1";
  item.state_rev = row.modseq != 0 ? fmt::format("{}", row.modseq) : fmt::format("h{:08x}", flag_hash(row));
  item.kind = Kind::mail;
  if (!row.bare) item.fingerprint = fingerprint(row);
  item.received = row.received;
  item.flags = row.flags;
  item.keywords = std::move(row.keywords);
  item.size = row.size;
  // One octet more than wanted was asked for: what came shorter is the whole message, whatever RFC822.SIZE claims
  // (Exchange estimates it).
  if (row.body && inline_up_to > 0 && row.body->size() <= inline_up_to) {
    item.size = row.body->size();
    item.content = std::move(*row.body);
  }
  return item;
}

bool is_keyword(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return c > 0x20 && c < 0x7f && std::string_view("(){%*\"\\]").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

std::string flag_words(std::uint32_t flags, const std::vector<std::string>& keywords) {
  std::string out;
  const auto put = [&](std::string_view word) {
    if (!out.empty()) out += ' ';
    out += word;
  };
  if (flags & Flag::seen) put("\\Seen");
  if (flags & Flag::answered) put("\\Answered");
  if (flags & Flag::flagged) put("\\Flagged");
  if (flags & Flag::deleted) put("\\Deleted");
  if (flags & Flag::draft) put("\\Draft");
  if (flags & Flag::forwarded) put("$Forwarded");
  for (const std::string& keyword : keywords) {
    if (is_keyword(keyword)) put(keyword);
  }
  return out;
}

std::string date_time(std::chrono::sys_seconds when) {
  static constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(when - day);
  return fmt::format("{:02}-{}-{:04} {:02}:{:02}:{:02} +0000", static_cast<unsigned>(date.day()),
                     months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace tidegate::imap
