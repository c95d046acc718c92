// SPDX-License-Identifier: Apache-2.0
#include "core/xml/element.hpp"

#include <optional>

namespace tidegate::xml {
namespace {

/// What a node costs even if it says nothing: an answer of empty elements is not free either.
constexpr std::uint64_t node = sizeof(Element);

}  // namespace

const Element* Element::child(const Name& name) const {
  for (const auto& each : children)
    if (each.is(name)) return &each;
  return nullptr;
}

const Element* Element::child(std::initializer_list<Name> path) const {
  const Element* at = this;
  for (const auto& name : path)
    if (at != nullptr) at = at->child(name);
  return at;
}

std::string_view Element::attribute(std::string_view name) const {
  for (const auto& each : attributes)
    if (each.uri.empty() && each.local == name) return each.value;
  return {};
}

std::string_view Element::trimmed() const {
  constexpr std::string_view blanks = " \t\r\n";
  const auto from = text.find_first_not_of(blanks);
  if (from == text.npos) return {};
  return std::string_view(text).substr(from, text.find_last_not_of(blanks) - from + 1);
}

bool Elements::add(std::uint64_t octets) {
  octets_ += octets;
  oversize_ = oversize_ || octets_ > most_;
  return !oversize_;
}

bool Elements::start(const Name& name, std::span<const Attribute> attributes) {
  if (open_.empty() && !wanted_(name)) return true;
  if (open_.empty()) octets_ = 0;
  Element made{std::string(name.uri), std::string(name.local), {}, {}, {}};
  std::uint64_t cost = node + name.uri.size() + name.local.size();
  made.attributes.reserve(attributes.size());
  for (const auto& each : attributes) {
    cost += sizeof(Element::Value) + each.name.uri.size() + each.name.local.size() + each.value.size();
    made.attributes.push_back({std::string(each.name.uri), std::string(each.name.local), std::string(each.value)});
  }
  open_.push_back(std::move(made));
  return add(cost);
}

bool Elements::text(std::string_view piece) {
  if (open_.empty()) return true;
  open_.back().text.append(piece);
  return add(piece.size());
}

bool Elements::end(const Name&) {
  if (open_.empty()) return true;
  auto done = std::move(open_.back());
  open_.pop_back();
  if (open_.empty()) return take_(std::move(done));
  open_.back().children.push_back(std::move(done));
  return true;
}

Result<Element> tree(std::string_view document, const Limits& limits) {
  std::optional<Element> root;
  const auto take = [&](Element&& all) {
    root = std::move(all);
    return true;
  };
  // Small names cost more in memory than on the wire.
  Elements elements([](const Name&) { return true; }, take, 16 * limits.octets);
  if (auto done = read(document, elements, limits); !done) return std::unexpected(std::move(done.error()));
  if (!root) return fault(FaultKind::too_large, {}, "The server's answer is larger than is read here.");
  return std::move(*root);
}

}  // namespace tidegate::xml
