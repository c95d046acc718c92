// SPDX-License-Identifier: Apache-2.0
#include "core/wire/fields.hpp"

#include <fmt/format.h>

namespace tidegate::wire {
namespace {

/// Octets of the well-formed character at the start of `text`; 0: there is none (RFC 3629 §4).
std::size_t character(View text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return at(1) >= low && at(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= low && at(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(View text) noexcept {
  while (!text.empty()) {
    const std::size_t size = character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

Bytes clean_text(View text, std::size_t limit) {
  Bytes clean;
  clean.reserve(std::min(text.size(), limit));
  while (!text.empty()) {
    const std::size_t size = character(text);
    const View next = size == 0 ? View("\xEF\xBF\xBD") : text.substr(0, size);
    if (clean.size() + next.size() > limit) break;
    clean += next;
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return clean;
}

std::unexpected<Fault> broken_fault(std::string_view what, const Broken& broken) {
  return fault(
      FaultKind::invalid, "wire",
      fmt::format("The other end sent {} that breaks the protocol; check that it is Tidegate, and its version.", what),
      fmt::format("field {}: {}", broken.field, broken.what == nullptr ? "?" : broken.what));
}

}  // namespace tidegate::wire
