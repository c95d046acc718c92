// SPDX-License-Identifier: Apache-2.0
// The protobuf wire format (proto3; encoding guide "Encoding", protobuf.dev) driven by one table a message: a function
// `fields(f, message)` in the message's own namespace names each member once with its number and its bound, and serves
// sizing, writing, clearing and reading. Unknown fields are skipped; bounds are checked while reading, before anything
// grows. The .proto files say the same to other languages, and a test holds both equal. For codecs only (.cpp files).
#pragma once
#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::wire {

/// `void fields(auto& f, Is<WakeUp> auto& m)`: one table for the const and the mutable message.
template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;
template <class T>
concept Scalar = std::integral<T> || std::is_enum_v<T>;
using Pairs = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Well-formed UTF-8 (RFC 3629 §4: no surrogates, nothing overlong, nothing above U+10FFFF).
bool is_utf8(View) noexcept;
/// For people's eyes: what is not UTF-8 becomes U+FFFD, and it ends at a character's border within `limit` octets.
Bytes clean_text(View, std::size_t limit);

template <Scalar T>
constexpr std::uint64_t to_wire(T value) noexcept {
  if constexpr (std::is_enum_v<T>)
    return static_cast<std::uint64_t>(static_cast<std::underlying_type_t<T>>(value));
  else if constexpr (std::is_signed_v<T>)  // sint64: ZigZag
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
  else
    return value;
}
template <Scalar T>
constexpr bool from_wire(std::uint64_t wire, T& value) noexcept {
  if constexpr (std::same_as<T, bool>) {
    value = wire != 0;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    if (!from_wire(wire, number)) return false;
    value = static_cast<T>(number);
  } else if constexpr (std::is_signed_v<T>) {
    static_assert(sizeof(T) == 8);
    value = static_cast<T>((wire >> 1) ^ (~(wire & 1) + 1));
  } else {
    if (wire > std::numeric_limits<T>::max()) return false;
    value = static_cast<T>(wire);
  }
  return true;
}

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, octets = 2, fixed32 = 5 };

/// Where encoded octets go: nowhere but into a sum …
struct Counter {
  std::size_t size = 0;
  void varint(std::uint64_t value) noexcept {
    ++size;
    while (value >= 0x80) {
      value >>= 7;
      ++size;
    }
  }
  void put(View octets) noexcept { size += octets.size(); }
};
/// … or to memory that a Counter measured.
struct Filler {
  char* at;
  void varint(std::uint64_t value) noexcept {
    while (value >= 0x80) {
      *at++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *at++ = static_cast<char>(value);
  }
  void put(View octets) noexcept {
    if (!octets.empty()) std::memcpy(at, octets.data(), octets.size());
    at += octets.size();
  }
};

template <std::size_t N>
View view_of(const std::array<std::byte, N>& octets) noexcept {
  return {reinterpret_cast<const char*>(octets.data()), N};
}
inline View view_of(Octets octets) noexcept { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }
inline Octets octets_of(View view) noexcept { return {reinterpret_cast<const std::byte*>(view.data()), view.size()}; }

template <class Sink>
class Encoder {
 public:
  explicit Encoder(Sink sink) : sink_(sink) {}
  const Sink& sink() const noexcept { return sink_; }

  void scalar(std::uint32_t field, const Scalar auto& value) {
    if (const auto wire = to_wire(value); wire != 0) {
      tag(field, WireType::varint);
      sink_.varint(wire);
    }
  }
  /// Opaque octets, or a name that must not be altered: goes out as it is, the other end checks it.
  void octets(std::uint32_t field, const Bytes& value, std::size_t, std::size_t = 0) {
    if (!value.empty()) put(field, value);
  }
  void name(std::uint32_t field, const Bytes& value, std::size_t) {
    if (!value.empty()) put(field, value);
  }
  /// A sentence for people: mended and cut to the limit rather than refused at the other end.
  void text(std::uint32_t field, const Bytes& value, std::size_t limit) {
    if (value.empty()) return;
    if (value.size() <= limit && is_utf8(value)) return put(field, value);
    put(field, clean_text(value, limit));
  }
  template <std::size_t N>
  void octets(std::uint32_t field, const std::array<std::byte, N>& value) {
    if (value != std::array<std::byte, N>{}) put(field, view_of(value));
  }
  void message(std::uint32_t field, const auto& value) {
    Encoder<Counter> size{Counter{}};
    fields(size, value);
    if (size.sink().size != 0) nested(field, value, size.sink().size);
  }
  template <class T>
  void messages(std::uint32_t field, const std::vector<T>& values, std::size_t) {
    for (const T& value : values) {
      Encoder<Counter> size{Counter{}};
      fields(size, value);
      nested(field, value, size.sink().size);
    }
  }
  void texts(std::uint32_t field, const std::vector<std::string>& values, std::size_t count, std::size_t limit) {
    for (const auto& value : std::span(values).first(std::min(count, values.size())))
      put(field, value.size() <= limit && is_utf8(value) ? value : clean_text(value, limit));
  }
  template <std::size_t N>
  void arrays(std::uint32_t field, const std::vector<std::array<std::byte, N>>& values, std::size_t) {
    for (const auto& value : values) put(field, view_of(value));
  }
  template <Scalar T>
  void scalars(std::uint32_t field, const std::vector<T>& values, std::size_t) {
    if (values.empty()) return;
    Counter size;
    for (const T value : values) size.varint(to_wire(value));
    tag(field, WireType::octets);
    sink_.varint(size.size);
    for (const T value : values) sink_.varint(to_wire(value));
  }
  void pairs(std::uint32_t field, const Pairs& values, std::size_t) {
    for (const auto& [first, second] : values) {
      Encoder<Counter> size{Counter{}};
      size.scalar(1, first);
      size.scalar(2, second);
      tag(field, WireType::octets);
      sink_.varint(size.sink().size);
      scalar(1, first);
      scalar(2, second);
    }
  }
  /// One message as a field even if it is empty (an envelope's oneof).
  void nested(std::uint32_t field, const auto& value, std::size_t size) {
    tag(field, WireType::octets);
    sink_.varint(size);
    fields(*this, value);
  }

 private:
  void tag(std::uint32_t field, WireType type) { sink_.varint(field << 3 | static_cast<std::uint32_t>(type)); }
  void put(std::uint32_t field, View value) {
    tag(field, WireType::octets);
    sink_.varint(value.size());
    sink_.put(value);
  }
  Sink sink_;
};

/// Sets what proto3 means by an absent field: zero, empty (a struct's own defaults may be others).
struct Clearer {
  void scalar(std::uint32_t, Scalar auto& value) { value = {}; }
  void octets(std::uint32_t, Bytes& value, std::size_t, std::size_t = 0) { value.clear(); }
  void name(std::uint32_t, Bytes& value, std::size_t) { value.clear(); }
  void text(std::uint32_t, Bytes& value, std::size_t) { value.clear(); }
  template <std::size_t N>
  void octets(std::uint32_t, std::array<std::byte, N>& value) {
    value = {};
  }
  void message(std::uint32_t, auto& value) { fields(*this, value); }
  void messages(std::uint32_t, auto& values, std::size_t) { values.clear(); }
  void texts(std::uint32_t, std::vector<std::string>& values, std::size_t, std::size_t) { values.clear(); }
  void arrays(std::uint32_t, auto& values, std::size_t) { values.clear(); }
  void scalars(std::uint32_t, auto& values, std::size_t) { values.clear(); }
  void pairs(std::uint32_t, Pairs& values, std::size_t) { values.clear(); }
};

/// Walks encoded octets.
class Cursor {
 public:
  explicit Cursor(View octets) : at_(octets.data()), end_(octets.data() + octets.size()) {}
  bool at_end() const noexcept { return at_ == end_; }
  bool varint(std::uint64_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto octet = static_cast<std::uint8_t>(*at_++);
      if (shift == 63 && octet > 1) return false;  // over 64 bits
      value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
      if (octet < 0x80) return true;
    }
    return false;
  }
  bool octets(View& value) noexcept {
    std::uint64_t size = 0;
    if (!varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
    value = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }
  bool tag(std::uint32_t& field, WireType& type) noexcept {
    std::uint64_t value = 0;
    if (!varint(value) || value >> 32 != 0 || value >> 3 == 0) return false;
    field = static_cast<std::uint32_t>(value >> 3);
    type = static_cast<WireType>(value & 7);
    return true;
  }
  bool skip(WireType type) noexcept {
    std::uint64_t number = 0;
    View octets_skipped;
    switch (type) {
      case WireType::varint:
        return varint(number);
      case WireType::octets:
        return octets(octets_skipped);
      case WireType::fixed64:
        return forward(8);
      case WireType::fixed32:
        return forward(4);
    }
    return false;  // groups: never were in this schema
  }

 private:
  bool forward(std::ptrdiff_t count) noexcept {
    if (end_ - at_ < count) return false;
    at_ += count;
    return true;
  }
  const char* at_;
  const char* end_;
};

/// What was wrong, for the log.
struct Broken {
  std::uint32_t field = 0;
  const char* what = nullptr;  ///< nullptr: nothing
};
template <class M>
bool merge(View octets, M& message, Broken& broken);

/// Reads one field of the octets into the member whose number it carries.
class FieldReader {
 public:
  FieldReader(Cursor& cursor, std::uint32_t field, WireType type) : cursor_(cursor), field_(field), type_(type) {}
  bool matched() const noexcept { return matched_; }
  const Broken& broken() const noexcept { return broken_; }

  void scalar(std::uint32_t field, Scalar auto& value) {
    std::uint64_t wire = 0;
    if (field != field_ || !expect(WireType::varint)) return;
    if (!cursor_.varint(wire)) return fail("cut short");
    if (!from_wire(wire, value)) fail("number too large");
  }
  /// `least` = `limit`: exactly so many, or absent.
  void octets(std::uint32_t field, Bytes& value, std::size_t limit, std::size_t least = 0) {
    View found;
    if (!take(field, found)) return;
    if (found.size() > limit) return fail("too long");
    if (!found.empty() && found.size() < least) return fail("too short");
    value.assign(found);
  }
  void name(std::uint32_t field, Bytes& value, std::size_t limit) {
    View found;
    if (!take(field, found)) return;
    if (found.size() > limit) return fail("too long");
    if (!is_utf8(found)) return fail("not UTF-8");
    value.assign(found);
  }
  void text(std::uint32_t field, Bytes& value, std::size_t limit) { name(field, value, limit); }
  template <std::size_t N>
  void octets(std::uint32_t field, std::array<std::byte, N>& value) {
    View found;
    if (take(field, found)) copy(found, value);
  }
  void message(std::uint32_t field, auto& value) {
    View found;
    if (take(field, found)) merge(found, value, broken_);
  }
  template <class T>
  void messages(std::uint32_t field, std::vector<T>& values, std::size_t count) {
    View found;
    if (!take(field, found) || !room(values.size(), count)) return;
    T& value = values.emplace_back();
    Clearer clear;
    fields(clear, value);
    merge(found, value, broken_);
  }
  void texts(std::uint32_t field, std::vector<std::string>& values, std::size_t count, std::size_t limit) {
    if (field != field_ || !room(values.size(), count)) return;
    name(field, values.emplace_back(), limit);
  }
  template <std::size_t N>
  void arrays(std::uint32_t field, std::vector<std::array<std::byte, N>>& values, std::size_t count) {
    View found;
    if (take(field, found) && room(values.size(), count)) copy(found, values.emplace_back());
  }
  /// Packed, as proto3 writes it, or one by one.
  template <Scalar T>
  void scalars(std::uint32_t field, std::vector<T>& values, std::size_t count) {
    if (field != field_) return;
    if (type_ == WireType::varint) {
      if (room(values.size(), count)) scalar(field, values.emplace_back());
      return;
    }
    View found;
    if (!take(field, found)) return;
    for (Cursor list(found); !list.at_end();) {
      std::uint64_t wire = 0;
      if (!room(values.size(), count)) return;
      if (!list.varint(wire) || !from_wire(wire, values.emplace_back())) return fail("a broken list of numbers");
    }
  }
  void pairs(std::uint32_t field, Pairs& values, std::size_t count) {
    View found;
    if (!take(field, found) || !room(values.size(), count)) return;
    auto& [first, second] = values.emplace_back();
    for (Cursor inside(found); !inside.at_end();) {
      std::uint32_t inner = 0;
      WireType type{};
      if (!inside.tag(inner, type)) return fail("cut short");
      FieldReader reader(inside, inner, type);
      reader.scalar(1, first);
      reader.scalar(2, second);
      if (reader.broken().what != nullptr) return fail(reader.broken().what);
      if (!reader.matched() && !inside.skip(type)) return fail("cut short");
    }
  }

 private:
  void fail(const char* what) { broken_ = {field_, what}; }
  bool expect(WireType type) {
    matched_ = true;
    if (type_ != type) fail("of another type");
    return type_ == type;
  }
  bool take(std::uint32_t field, View& found) {
    if (field != field_ || !expect(WireType::octets)) return false;
    if (!cursor_.octets(found)) fail("cut short");
    return broken_.what == nullptr;
  }
  bool room(std::size_t have, std::size_t count) {
    matched_ = true;
    if (have >= count) fail("too many");
    return have < count;
  }
  template <std::size_t N>
  void copy(View found, std::array<std::byte, N>& value) {
    if (found.size() != N) return fail("of another length");
    std::memcpy(value.data(), found.data(), N);
  }

  Cursor& cursor_;
  std::uint32_t field_;
  WireType type_;
  bool matched_ = false;
  Broken broken_;
};

template <class M>
bool merge(View octets, M& message, Broken& broken) {
  for (Cursor cursor(octets); !cursor.at_end();) {
    std::uint32_t field = 0;
    WireType type{};
    if (!cursor.tag(field, type)) {
      broken = {0, "a broken tag"};
      return false;
    }
    FieldReader reader(cursor, field, type);
    fields(reader, message);
    if (reader.broken().what == nullptr && !reader.matched() && !cursor.skip(type)) {
      broken = {field, "cut short"};
      return false;
    }
    if (reader.broken().what != nullptr) {
      broken = reader.broken();
      return false;
    }
  }
  return true;
}

std::size_t encoded_size(const auto& message) {
  Encoder<Counter> size{Counter{}};
  fields(size, message);
  return size.sink().size;
}

/// Appends `count` octets which `fill` writes at the pointer it is given, without zeroing them first.
template <class Fill>
void append_filled(Bytes& out, std::size_t count, Fill fill) {
  const std::size_t before = out.size();
  const std::size_t whole = before + count;
  // libstdc++ 12 hands the grown capacity to the callback for its size: only `whole` is to be trusted.
  out.resize_and_overwrite(whole, [&](char* at, std::size_t) {
    fill(at + before);
    return whole;
  });
}

/// Appends the message with one growth of `out`.
void encode_fields(Bytes& out, const auto& message) {
  append_filled(out, encoded_size(message), [&](char* at) {
    Encoder<Filler> filler{Filler{at}};
    fields(filler, message);
  });
}

/// The fault of a message that breaks the format. `what` names it for people ("a frame", "WakeUp").
std::unexpected<Fault> broken_fault(std::string_view what, const Broken&);

template <class M>
Result<M> decode_fields(View octets, std::string_view what) {
  M message;
  Clearer clear;
  fields(clear, message);
  Broken broken;
  if (!merge(octets, message, broken)) return broken_fault(what, broken);
  return message;
}

}  // namespace tidegate::wire
