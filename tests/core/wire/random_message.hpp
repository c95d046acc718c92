// SPDX-License-Identifier: Apache-2.0
// Fills any message of the schema with random values within its bounds, by protobuf's reflection, so that a field that
// exists in the .proto is tried whether or not our codec knows of it.
#pragma once
#include <map>
#include <random>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace tidegate::test {

class RandomMessage {
 public:
  explicit RandomMessage(std::uint64_t seed) : engine_(seed) {}

  void fill(google::protobuf::Message& message, int depth = 0) {
    const auto* descriptor = message.GetDescriptor();
    const auto* reflection = message.GetReflection();
    if (descriptor->oneof_decl_count() == 1) {
      const auto* oneof = descriptor->oneof_decl(0);
      fill_message(message, oneof->field(static_cast<int>(below(static_cast<std::uint64_t>(oneof->field_count())))),
                   depth);
      return;
    }
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const auto* field = descriptor->field(i);
      if (below(5) == 0) continue;
      const std::uint64_t count = field->is_repeated() ? below(4) : 1;
      for (std::uint64_t n = 0; n < count; ++n) fill_field(message, *reflection, field, depth);
    }
  }
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }
  /// Numbers of all lengths, zero among them.
  std::uint64_t number() { return below(8) == 0 ? 0 : engine_() >> below(64); }
  std::string octets(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(engine_());
    if (size != 0) out[0] = static_cast<char>(1 + below(255));  // an array of zeros is an absent one
    return out;
  }
  std::string text() {
    static const std::string pieces[] = {"a", "Z", " ", "@", "0", "é", "漢", "🌊", "\n", "."};
    std::string out;
    for (std::uint64_t n = below(5); n > 0; --n) out += pieces[below(std::size(pieces))];
    return out;
  }

 private:
  using Field = google::protobuf::FieldDescriptor;

  void fill_message(google::protobuf::Message& message, const Field* field, int depth) {
    fill(*message.GetReflection()->MutableMessage(&message, field), depth + 1);
  }
  std::string bytes_for(const Field* field) {
    static const std::map<std::string, std::size_t> sizes{
        {"guid", 16},         {"device_id", 16}, {"id", 16},          {"gid", 16},        {"folder", 16},
        {"folders", 16},      {"items", 16},     {"to", 16},          {"parent", 16},     {"epoch", 16},
        {"below_gid", 16},    {"digest", 16},    {"fingerprint", 20}, {"public_key", 32}, {"device_key", 32},
        {"nonce", 32},        {"sha256", 32},    {"restore_key", 32}, {"previous", 32},   {"signature", 64},
        {"last_command", 16}, {"revision", 8},   {"metas", 16}};
    const auto found = sizes.find(field->name());
    return octets(found == sizes.end() ? below(300) : found->second);
  }
  void fill_field(google::protobuf::Message& message, const google::protobuf::Reflection& reflection,
                  const Field* field, int depth) {
    const bool many = field->is_repeated();
    switch (field->cpp_type()) {
      case Field::CPPTYPE_UINT32: {
        const auto value = static_cast<std::uint32_t>(number());
        many ? reflection.AddUInt32(&message, field, value) : reflection.SetUInt32(&message, field, value);
        break;
      }
      case Field::CPPTYPE_UINT64:
        reflection.SetUInt64(&message, field, number());
        break;
      case Field::CPPTYPE_INT64:
        reflection.SetInt64(&message, field, static_cast<std::int64_t>(number()) * (below(2) == 0 ? 1 : -1));
        break;
      case Field::CPPTYPE_BOOL:
        reflection.SetBool(&message, field, below(2) == 0);
        break;
      case Field::CPPTYPE_ENUM: {
        const auto* type = field->enum_type();
        const int value =
            type->value(static_cast<int>(below(static_cast<std::uint64_t>(type->value_count()))))->number();
        many ? reflection.AddEnumValue(&message, field, value) : reflection.SetEnumValue(&message, field, value);
        break;
      }
      case Field::CPPTYPE_STRING: {
        std::string value = field->type() == Field::TYPE_BYTES ? bytes_for(field) : text();
        many ? reflection.AddString(&message, field, value) : reflection.SetString(&message, field, value);
        break;
      }
      case Field::CPPTYPE_MESSAGE:
        if (many) {
          fill(*reflection.AddMessage(&message, field), depth + 1);
        } else {
          fill_message(message, field, depth);
          // Our structs know no difference between an empty message and none.
          if (reflection.GetMessage(message, field).ByteSizeLong() == 0) reflection.ClearField(&message, field);
        }
        break;
      default:
        throw std::logic_error("the schema uses a type the codec does not have: " + field->full_name());
    }
  }

  std::mt19937_64 engine_;
};

}  // namespace tidegate::test
