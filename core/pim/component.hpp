// SPDX-License-Identifier: Apache-2.0
// Components: what stands between BEGIN and END, as a tree whose order is kept. Pure.
#pragma once
#include <functional>
#include <utility>

#include "core/pim/content_line.hpp"

namespace tidegate::pim {

struct Component {
  Line begin, end;
  std::vector<Line> lines;
  std::vector<Component> parts;
  std::size_t after = 0;  ///< so many lines of the component around it stand before it

  static Component named(std::string_view name);
  std::string name() const;  ///< upper case
  bool is(std::string_view name) const;
  std::size_t number() const { return begin.number(); }

  const Line* find(std::string_view name) const;  ///< the first one
  Line* find(std::string_view name);
  std::vector<const Line*> all(std::string_view name) const;
  std::string_view value(std::string_view name) const;  ///< of the first; empty: there is none
  const Component* part(std::string_view name) const;

  /// Takes the place of the first line of that name, or becomes the last line before the parts. Others of that name go.
  void set(Line);
  void add(Line);
  void remove(std::string_view name) {
    remove_if([&](const Line& line) { return line.is(name); });
  }
  void remove_if(const std::function<bool(Line&)>& gone);  ///< `gone` may change what stays
  void add_part(Component);

  void write(std::string& out) const;
  Bytes octets() const;
};

/// The components of a stream: one VCALENDAR or VCARD, or several. Faults: invalid (BEGIN and END do not match, a line
/// outside), too_large.
Result<std::vector<Component>> read_components(View octets, Dialect, const Limits& = {});

}  // namespace tidegate::pim
