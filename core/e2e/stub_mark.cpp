// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/stub_mark.hpp"

#include "core/e2e/gid_text.hpp"

namespace tidegate::e2e {
namespace {

constexpr View name = "X-Tidegate-Stub: ";
// Whole groups of three octets, so that its base64 stands for itself, and what follows it, too.
constexpr View name_in_base64 = "\nX-Tidegate-Stub: ";
static_assert(name_in_base64.size() % 3 == 0 && (gid_characters + 1) % 3 == 0);
constexpr View digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whole groups only; stops at anything else.
Bytes from_base64(View text) {
  Bytes out;
  for (; text.size() >= 4; text.remove_prefix(4)) {
    std::uint32_t bits = 0;
    for (const char c : text.substr(0, 4)) {
      const auto value = digits.find(c);
      if (value == View::npos) return out;
      bits = bits << 6 | static_cast<std::uint32_t>(value);
    }
    for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  return out;
}

/// Of each `what` that begins a line, what `read` makes of the rest.
void find_marks(View content, View what, auto read, std::vector<Gid>& out) {
  for (auto at = content.find(what); at != View::npos; at = content.find(what, at + 1)) {
    if ((at != 0 && content[at - 1] != '\n') || out.size() >= stub_gids_most) continue;
    if (auto gid = read(content.substr(at + what.size()))) out.push_back(*gid);
  }
}

}  // namespace

Bytes base64(View octets) {
  Bytes out;
  for (std::size_t at = 0; at < octets.size(); at += 3) {
    const auto part = octets.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < part.size() ? static_cast<std::uint8_t>(part[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) out.push_back(i <= part.size() ? digits[bits >> (18 - 6 * i) & 63] : '=');
  }
  return out;
}

Bytes stub_mark(const Gid& gid) { return Bytes(name) + gid_text(gid); }

Bytes stub_mark_base64(const Gid& gid) { return base64(Bytes(name_in_base64) + gid_text(gid) + "\n"); }

std::vector<Gid> stub_gids(View content) {
  static const Bytes encoded = base64(name_in_base64);
  std::vector<Gid> out;
  find_marks(content, name, [](View rest) { return gid_from_text(rest.substr(0, gid_characters)); }, out);
  find_marks(
      content, encoded,
      [](View rest) {
        return gid_from_text(View(from_base64(rest.substr(0, (gid_characters + 1) / 3 * 4))).substr(0, gid_characters));
      },
      out);
  return out;
}

std::optional<Gid> stub_gid(View content) {
  const auto all = stub_gids(content);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

}  // namespace tidegate::e2e
