// SPDX-License-Identifier: Apache-2.0
// Parts of a document as trees: the answers of servers are lists of small elements, each of which is easiest to read
// when it is whole. Pure.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/xml/reader.hpp"

namespace tidegate::xml {

struct Element {
  std::string uri, local;
  std::string text;  ///< all text directly in it, in one piece
  struct Value {
    std::string uri, local, value;
  };
  std::vector<Value> attributes;
  std::vector<Element> children;

  bool is(const Name& name) const { return local == name.local && uri == name.uri; }
  /// The first child of that name; null: none. Several: one in the other.
  const Element* child(const Name&) const;
  const Element* child(std::initializer_list<Name> path) const;
  /// Value of the attribute of no namespace; empty: it has none.
  std::string_view attribute(std::string_view local) const;
  /// `text` without the blanks around it.
  std::string_view trimmed() const;
};

/// Hands over each element that `wanted` names, whole; what stands around it goes by. One within another is part of
/// that.
class Elements final : public Events {
 public:
  using Wanted = std::function<bool(const Name&)>;
  using Take = std::function<bool(Element&&)>;  ///< false: enough
  /// `octets`: of one such element, names, values and text together; a larger one has oversize() and ends the reading.
  Elements(Wanted wanted, Take take, std::uint64_t octets)
      : wanted_(std::move(wanted)), take_(std::move(take)), most_(octets) {}

  bool start(const Name&, std::span<const Attribute>) override;
  bool text(std::string_view) override;
  bool end(const Name&) override;
  bool oversize() const { return oversize_; }

 private:
  bool add(std::uint64_t octets);
  const Wanted wanted_;
  const Take take_;
  const std::uint64_t most_;
  std::uint64_t octets_ = 0;
  bool oversize_ = false;
  std::vector<Element> open_;  ///< from the one that is handed over down to where we are
};

/// A document of that root, as one tree; every octet of memory it costs is bounded by the limits.
Result<Element> tree(std::string_view document, const Limits& = {});

}  // namespace tidegate::xml
