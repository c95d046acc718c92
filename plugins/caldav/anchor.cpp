// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/anchor.hpp"

#include <algorithm>

#include "plugins/caldav/objects.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::string_view magic = "dav1";
constexpr std::size_t most = 1'000'000;

void put(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

void put(Bytes& out, std::string_view text) {
  put(out, text.size());
  out += text;
}

void put_digest(Bytes& out, std::uint64_t value) {
  for (int at = 5; at >= 0; --at) out += static_cast<char>(value >> (8 * at));
}

struct In {
  View rest;
  bool good = true;

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty()) return (good = false, 0);
      const auto octet = static_cast<unsigned char>(rest.front());
      rest.remove_prefix(1);
      value |= static_cast<std::uint64_t>(octet & 0x7FU) << shift;
      if (octet < 0x80) return value;
    }
    return (good = false, 0);
  }
  std::string text() {
    const auto size = number();
    if (size > rest.size()) return (good = false, std::string());
    std::string made(rest.substr(0, size));
    rest.remove_prefix(size);
    return made;
  }
  std::uint64_t digest_value() {
    if (rest.size() < 6) return (good = false, 0);
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < 6; ++at) value = value << 8U | static_cast<unsigned char>(rest[at]);
    rest.remove_prefix(6);
    return value;
  }
};

auto place(std::vector<Known>& told, std::string_view name) {
  return std::ranges::lower_bound(told, name, {}, [](const Known& each) { return std::string_view(each.name); });
}

Bytes written(const Anchor& anchor) {
  Bytes out(magic);
  put(out, anchor.token);
  put(out, anchor.ctag);
  put(out, (anchor.listing ? 1U : 0U) | (anchor.compare ? 2U : 0U) | (anchor.too_many ? 4U : 0U) |
               (anchor.unsure ? 8U : 0U));
  put(out, static_cast<std::uint64_t>(anchor.compared));
  put(out, static_cast<std::uint64_t>(anchor.place_modified));
  put(out, anchor.place_name);
  put(out, anchor.told.size());
  for (const auto& each : anchor.told) {
    put(out, each.name);
    put_digest(out, each.etag);
    put_digest(out, each.content);
  }
  put_digest(out, digest(out));
  return out;
}

}  // namespace

const Known* Anchor::find(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(told, name, {}, [](const Known& each) { return std::string_view(each.name); });
  return at == told.end() || at->name != name ? nullptr : &*at;
}

void Anchor::tell(Known known) {
  if (too_many) return;
  const auto at = place(told, known.name);
  if (at != told.end() && at->name == known.name)
    *at = std::move(known);
  else
    told.insert(at, std::move(known));
}

void Anchor::forget(std::string_view name) {
  const auto at = place(told, name);
  if (at != told.end() && at->name == name) told.erase(at);
}

Bytes encode(Anchor& anchor) {
  auto out = written(anchor);
  if (out.size() <= most) return out;
  anchor.too_many = true;
  std::vector<Known>().swap(anchor.told);
  return written(anchor);
}

std::optional<Anchor> decode_anchor(View octets) {
  if (!octets.starts_with(magic) || octets.size() < magic.size() + 6) return std::nullopt;
  In in{octets.substr(magic.size())};
  Anchor made;
  made.token = in.text();
  made.ctag = in.text();
  const auto bits = in.number();
  made.listing = (bits & 1U) != 0;
  made.compare = (bits & 2U) != 0;
  made.too_many = (bits & 4U) != 0;
  made.unsure = (bits & 8U) != 0;
  made.compared = static_cast<std::int64_t>(in.number());
  made.place_modified = static_cast<std::int64_t>(in.number());
  made.place_name = in.text();
  const auto count = in.number();
  if (!in.good || count > in.rest.size()) return std::nullopt;
  made.told.reserve(count);
  for (std::uint64_t at = 0; at < count && in.good; ++at) {
    Known each;
    each.name = in.text();
    each.etag = in.digest_value();
    each.content = in.digest_value();
    made.told.push_back(std::move(each));
  }
  const auto checked = octets.substr(0, octets.size() - 6);
  if (!in.good || in.rest.size() != 6 || in.digest_value() != digest(checked)) return std::nullopt;
  return made;
}

}  // namespace tidegate::caldav
