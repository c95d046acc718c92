// SPDX-License-Identifier: Apache-2.0
// Values of iCalendar's properties (RFC 5545 §3.3). Pure.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pim/content_line.hpp"

namespace tidegate::pim {

using Utc = std::chrono::sys_seconds;
/// What a clock on the wall shows; of which zone, or of none, stands beside it.
using Local = std::chrono::local_seconds;

/// A DATE or DATE-TIME.
struct Moment {
  enum class Form : std::uint8_t { date, floating, utc, zoned };
  Form form = Form::utc;
  Local local{};     ///< a date: its midnight; utc: read as UTC
  std::string tzid;  ///< of zoned
  bool operator==(const Moment&) const = default;
  bool all_day() const { return form == Form::date; }
};

/// Of a single value; the TZID stands in the parameters.
std::optional<Moment> parse_moment(std::string_view value, std::string_view tzid = {});
/// All of a line's values (EXDATE, RDATE): by VALUE and TZID. A PERIOD gives its beginning. Fault invalid: the line.
Result<std::vector<Moment>> moments_of(const Line&);
Result<Moment> moment_of(const Line&);  ///< of a line that has one value
std::string to_text(const Moment&);
/// A line of that name with what VALUE and TZID it needs; other parameters of `like` are kept.
Line moment_line(std::string_view name, const Moment&, const Line* like = nullptr);

/// RFC 5545 §3.3.6: days (and weeks) are the calendar's, the rest is exact.
struct Duration {
  std::int64_t days = 0, seconds = 0;  ///< both negative, or none
  bool operator==(const Duration&) const = default;
};
std::optional<Duration> parse_duration(std::string_view);

struct Period {
  Moment start;
  std::optional<Moment> end;  ///< this or a length
  Duration length{};
};
std::optional<Period> parse_period(std::string_view value, std::string_view tzid = {});

std::optional<std::chrono::seconds> parse_utc_offset(std::string_view);  ///< `+0100`, `-013015`
std::optional<std::int64_t> parse_integer(std::string_view);             ///< nothing but a number of an int32's range

std::string text_value(std::string_view escaped);  ///< RFC 5545 §3.3.11, RFC 6350 §3.4: the text meant
std::string escaped(std::string_view text);
/// Cuts at delimiters that no backslash stands before; the pieces are still escaped.
std::vector<std::string_view> split_escaped(std::string_view value, char delimiter);

std::string stamp(Utc);  ///< `20260102T030405Z`

}  // namespace tidegate::pim
