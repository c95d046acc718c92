// SPDX-License-Identifier: Apache-2.0
#include "core/pim/values.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace tidegate::pim {
namespace {

using namespace std::chrono;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

/// Exactly so many digits.
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<local_days> parse_date(std::string_view text) {
  const auto y = digits(text, 0, 4), m = digits(text, 4, 2), d = digits(text, 6, 2);
  if (text.size() < 8 || !y || !m || !d) return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*m)), day(static_cast<unsigned>(*d))};
  if (!date.ok()) return std::nullopt;
  return local_days(date);
}

std::string_view take_digits(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto found = text.substr(0, end);
  text.remove_prefix(end);
  return found;
}

}  // namespace

std::optional<Moment> parse_moment(std::string_view value, std::string_view tzid) {
  value = trimmed(value);
  const auto date = parse_date(value);
  if (!date) return std::nullopt;
  Moment moment;
  moment.local = *date;
  if (value.size() == 8 || value.substr(8) == "Z") {  // Google has written RDATE:20131210Z
    moment.form = Moment::Form::date;
    return moment;
  }
  const bool utc = value.ends_with('Z');
  if (value[8] != 'T' || value.size() != (utc ? 16U : 15U)) return std::nullopt;
  const auto h = digits(value, 9, 2), m = digits(value, 11, 2), s = digits(value, 13, 2);
  if (!h || !m || !s || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  // A leap second is the one before it (RFC 5545 §3.3.12: "as the last second of the minute" where it isn't known).
  moment.local += hours(*h) + minutes(*m) + seconds(std::min(*s, 59));
  moment.form = utc ? Moment::Form::utc : tzid.empty() ? Moment::Form::floating : Moment::Form::zoned;
  if (moment.form == Moment::Form::zoned) moment.tzid = tzid;
  return moment;
}

Result<std::vector<Moment>> moments_of(const Line& line) {
  const auto tzid = line.first("TZID");
  const bool periods = same_word(line.first("VALUE"), "PERIOD");
  std::vector<Moment> all;
  for (const auto piece : split_escaped(line.value(), ',')) {
    std::optional<Moment> moment;
    if (periods) {
      if (const auto period = parse_period(piece, tzid)) moment = period->start;
    } else {
      moment = parse_moment(piece, tzid);
    }
    if (!moment) {
      // Empty EXDATEs are written by some; they mean nothing.
      if (trimmed(piece).empty() && line.value().size() <= 1) continue;
      return bad_line(line.number(), fmt::format("{} has a value that is no {}.", upper(line.name()),
                                                 periods ? "period" : "date or time"));
    }
    all.push_back(std::move(*moment));
  }
  return all;
}

Result<Moment> moment_of(const Line& line) {
  auto all = moments_of(line);
  if (!all) return std::unexpected(std::move(all.error()));
  if (all->size() != 1) return bad_line(line.number(), fmt::format("{} needs one date or time.", upper(line.name())));
  return std::move(all->front());
}

std::string to_text(const Moment& moment) {
  const auto day_of = floor<days>(moment.local);
  const year_month_day date(day_of);
  auto text = fmt::format("{:04}{:02}{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                          static_cast<unsigned>(date.day()));
  if (moment.all_day()) return text;
  const hh_mm_ss time(moment.local - day_of);
  text += fmt::format("T{:02}{:02}{:02}", time.hours().count(), time.minutes().count(), time.seconds().count());
  if (moment.form == Moment::Form::utc) text += 'Z';
  return text;
}

Line moment_line(std::string_view name, const Moment& moment, const Line* like) {
  Line line(std::string(name), to_text(moment), like == nullptr ? std::vector<Parameter>{} : like->parameters(),
            like == nullptr ? std::string{} : like->group());
  line.remove_parameter("VALUE");
  line.remove_parameter("TZID");
  if (moment.all_day()) line.set_parameter("VALUE", "DATE");
  if (moment.form == Moment::Form::zoned) line.set_parameter("TZID", moment.tzid);
  return line;
}

std::optional<Duration> parse_duration(std::string_view text) {
  text = trimmed(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  Duration length;
  bool time = false, any = false;
  while (!text.empty()) {
    if (!time && text.starts_with('T')) {
      time = true;
      text.remove_prefix(1);
    }
    const auto number = parse_integer(take_digits(text));
    if (!number || text.empty()) return std::nullopt;
    const char unit = text[0];
    text.remove_prefix(1);
    any = true;
    if (unit == 'W' && !time)
      length.days += *number * 7;
    else if (unit == 'D' && !time)
      length.days += *number;
    else if (unit == 'H' && time)
      length.seconds += *number * 3600;
    else if (unit == 'M' && time)
      length.seconds += *number * 60;
    else if (unit == 'S' && time)
      length.seconds += *number;
    else
      return std::nullopt;
  }
  constexpr std::int64_t most_days = 366 * 10'000;
  if (!any || length.days > most_days || length.seconds > most_days * 86400) return std::nullopt;
  if (negative) length = {-length.days, -length.seconds};
  return length;
}

std::optional<Period> parse_period(std::string_view value, std::string_view tzid) {
  const auto slash = value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto start = parse_moment(value.substr(0, slash), tzid);
  if (!start || start->all_day()) return std::nullopt;
  Period period{std::move(*start), std::nullopt, {}};
  const auto rest = trimmed(value.substr(slash + 1));
  if (const auto length = parse_duration(rest)) {
    period.length = *length;
    return period;
  }
  period.end = parse_moment(rest, tzid);
  if (!period.end || period.end->all_day()) return std::nullopt;
  return period;
}

std::optional<seconds> parse_utc_offset(std::string_view text) {
  text = trimmed(text);
  if (text.size() != 5 && text.size() != 7) return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  const auto h = digits(text, 1, 2), m = digits(text, 3, 2);
  const auto s = text.size() == 7 ? digits(text, 5, 2) : std::optional(0);
  if (!h || !m || !s || *h > 23 || *m > 59 || *s > 59) return std::nullopt;
  const seconds offset = hours(*h) + minutes(*m) + seconds(*s);
  return text[0] == '-' ? -offset : offset;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string text_value(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at];
      continue;
    }
    const char next = text[++at];
    out += next == 'n' || next == 'N' ? '\n' : next;
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
    if (c == '\n' || c == '\r') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == ';' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

std::vector<std::string_view> split_escaped(std::string_view value, char delimiter) {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '\\') {
      ++at;
    } else if (value[at] == delimiter) {
      pieces.push_back(value.substr(begin, at - begin));
      begin = at + 1;
    }
  }
  pieces.push_back(value.substr(begin));
  return pieces;
}

std::string stamp(Utc at) { return to_text({Moment::Form::utc, Local(at.time_since_epoch()), {}}); }

}  // namespace tidegate::pim
