// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/sync.hpp"

#include "core/e2e/openssl.hpp"
#include "core/e2e/sync_fields.hpp"

namespace tidegate::e2e {
namespace {

using wire::Clearer;
using wire::Counter;
using wire::Cursor;
using wire::Encoder;
using wire::Filler;

/// A message's field in its envelope's oneof (sync.proto). Never used again for another.
template <class M>
struct Numbered {
  using Message = M;
  std::uint32_t field;
};
constexpr std::tuple to_device_fields{
    Numbered<Alive>{1},      Numbered<HelloAck>{2},       Numbered<Folders>{3},         Numbered<Item>{4},
    Numbered<ItemPart>{5},   Numbered<Meta>{6},           Numbered<Remove>{7},          Numbered<DropHere>{8},
    Numbered<Mark>{9},       Numbered<CommandResult>{10}, Numbered<Range>{11},          Numbered<Hold>{12},
    Numbered<Alarm>{13},     Numbered<Wipe>{14},          Numbered<CompareDigests>{16}, Numbered<ComparePage>{17},
    Numbered<CompareEnd>{18}};
static_assert(std::tuple_size_v<decltype(to_device_fields)> + 1 == std::variant_size_v<ToDevice>);
constexpr std::tuple to_gateway_fields{Numbered<Alive>{1},         Numbered<Hello>{2},      Numbered<Ack>{3},
                                       Numbered<Settings>{4},      Numbered<Command>{5},    Numbered<CommandPart>{6},
                                       Numbered<CommandStored>{7}, Numbered<Fetch>{8},      Numbered<CompareWant>{9},
                                       Numbered<Wiped>{10},        Numbered<CompareAsk>{11}};
static_assert(std::tuple_size_v<decltype(to_gateway_fields)> + 1 == std::variant_size_v<ToGateway>);

template <class Envelope>
Bytes encode_envelope(const Envelope& envelope, const auto& numbers) {
  Bytes out;
  std::visit(
      [&]<class M>(const M& message) {
        if constexpr (!std::same_as<M, std::monostate>) {
          const std::uint32_t field = std::get<Numbered<M>>(numbers).field;
          const std::size_t size = wire::encoded_size(message);
          Counter head;
          head.varint(field << 3);
          head.varint(size);
          wire::append_filled(out, head.size + size,
                              [&](char* at) { Encoder<Filler>{Filler{at}}.nested(field, message, size); });
        }
      },
      envelope);
  return out;
}

template <class M>
bool read_into(auto& envelope, Cursor& cursor, wire::WireType type, wire::Broken& broken) {
  View octets;
  if (type != wire::WireType::octets || !cursor.octets(octets)) {
    broken = {0, "cut short"};
    return false;
  }
  if (!std::holds_alternative<std::monostate>(envelope)) {
    broken = {0, "two messages in one"};
    return false;
  }
  M& message = envelope.template emplace<M>();
  Clearer clear;
  fields(clear, message);
  return wire::merge(octets, message, broken);
}

template <class Envelope>
Result<Envelope> decode_envelope(Octets octets, const auto& numbers, std::string_view what) {
  if (octets.size() > max_message)
    return fault(FaultKind::too_large, "sync", "The other end sent a message over the limit; the session ends.");
  Envelope envelope;
  wire::Broken broken;
  for (Cursor cursor(wire::view_of(octets)); !cursor.at_end();) {
    std::uint32_t field = 0;
    wire::WireType type{};
    if (!cursor.tag(field, type)) return wire::broken_fault(what, {0, "a broken tag"});
    bool known = false;
    bool good = true;
    const auto try_one = [&]<class M>(const Numbered<M>& numbered) {
      if (numbered.field != field) return false;
      known = true;
      good = read_into<M>(envelope, cursor, type, broken);
      return true;
    };
    std::apply([&](const auto&... each) { (void)(try_one(each) || ...); }, numbers);
    if (!good) return wire::broken_fault(what, broken);
    if (!known && !cursor.skip(type)) return wire::broken_fault(what, {field, "cut short"});
  }
  return envelope;
}

template <class M>
Bytes encoded(const M& message) {
  Bytes out;
  wire::encode_fields(out, message);
  return out;
}

}  // namespace

Bytes encode(const ToDevice& message) { return encode_envelope(message, to_device_fields); }
Bytes encode(const ToGateway& message) { return encode_envelope(message, to_gateway_fields); }
Result<ToDevice> decode_to_device(Octets octets) {
  return decode_envelope<ToDevice>(octets, to_device_fields, "a message to a device");
}
Result<ToGateway> decode_to_gateway(Octets octets) {
  return decode_envelope<ToGateway>(octets, to_gateway_fields, "a message to the gateway");
}
Bytes encode(const PairingHello& message) { return encoded(message); }
Bytes encode(const PairingDone& message) { return encoded(message); }
Bytes encode(const Position& message) { return encoded(message); }
Result<PairingHello> decode_pairing_hello(Octets octets) {
  return wire::decode_fields<PairingHello>(wire::view_of(octets), "a pairing message");
}
Result<PairingDone> decode_pairing_done(Octets octets) {
  return wire::decode_fields<PairingDone>(wire::view_of(octets), "a pairing message");
}
Result<Position> decode_position(Octets octets) {
  return wire::decode_fields<Position>(wire::view_of(octets), "a position");
}

void compare_digest_add(std::array<std::byte, 16>& digest, const Gid& gid, std::uint64_t seq) {
  std::array<std::byte, 24> input{};
  std::copy(gid.begin(), gid.end(), input.begin());
  for (std::size_t i = 0; i < 8; ++i) input[16 + i] = static_cast<std::byte>(seq >> (56 - 8 * i));
  const Key32 hash = sha256({Octets(input)});
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] ^= hash[i];
}

std::array<std::byte, 8> compare_revision(View content_rev) {
  const Key32 hash = sha256({std::as_bytes(std::span(content_rev))});
  std::array<std::byte, 8> out{};
  std::copy_n(hash.begin(), out.size(), out.begin());
  return out;
}

}  // namespace tidegate::e2e
