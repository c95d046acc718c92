// SPDX-License-Identifier: Apache-2.0
// The lines that iCalendar (RFC 5545 §3.1) and vCard (RFC 6350 §3.3, RFC 2426, vCard 2.1) are made of. A line that
// nobody changed is written back as it came, to the octet, its folds included; one that was changed is written anew
// (decision 0047). Pure; time and memory are linear in what is given.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/sdk/fault.hpp"

namespace tidegate::pim {

/// What is read at most; more is `too_large`.
struct Limits {
  std::size_t octets = std::size_t{16} << 20;
  std::size_t lines = 200'000;
  std::size_t parameters = 256;  ///< of a line, and values of a parameter
  std::size_t depth = 8;         ///< of components
};

struct Parameter {
  std::string name;                 ///< as written
  std::vector<std::string> values;  ///< without quotes and RFC 6868's carets; none: a bare word, as vCard 2.1 has them
};

class Line {
 public:
  Line() = default;
  Line(std::string name, std::string value, std::vector<Parameter> parameters = {}, std::string group = {})
      : group_(std::move(group)),
        name_(std::move(name)),
        parameters_(std::move(parameters)),
        value_(std::move(value)) {}

  const std::string& group() const { return group_; }  ///< vCard's `item1.`; as written
  const std::string& name() const { return name_; }    ///< as written
  bool is(std::string_view name) const;                ///< by name, whatever its case
  const std::vector<Parameter>& parameters() const { return parameters_; }
  const Parameter* parameter(std::string_view name) const;
  std::string_view first(std::string_view parameter) const;  ///< its first value; empty: none
  /// Unfolded, still escaped; of quoted-printable lines the soft breaks are undone, not the code.
  const std::string& value() const { return value_; }
  std::size_t number() const { return number_; }  ///< of its first physical line, from 1; 0: made here

  void set_value(std::string value);
  void set_parameter(std::string_view name, std::string value);  ///< takes the place of one of that name
  void remove_parameter(std::string_view name);
  void set_group(std::string group);

  /// With its end. CRLF and folds at 75 octets (never within a character) where it was made or changed here.
  void write(std::string& out) const;

 private:
  friend class LineReader;
  std::string group_, name_;
  std::vector<Parameter> parameters_;
  std::string value_;
  std::string octets_;  ///< as it came; empty: made or changed here
  std::size_t number_ = 0;
};

enum class Dialect {
  icalendar,
  vcard,  ///< may hold quoted-printable lines with soft breaks and bare parameters (vCard 2.1)
};

/// Lines end by LF or CRLF; empty ones go with the line before them. Faults: invalid, too_large, with the line's
/// number.
Result<std::vector<Line>> read_lines(View octets, Dialect, const Limits& = {});

/// What a fault of a line looks like everywhere here.
std::unexpected<Fault> bad_line(std::size_t number, std::string text);

bool same_word(std::string_view, std::string_view);  ///< ASCII letters alike whatever their case
std::string upper(std::string_view);

}  // namespace tidegate::pim
