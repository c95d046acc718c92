// SPDX-License-Identifier: Apache-2.0
// RFC 8536: a header, a block of 32-bit times, the same again with 64 bits (version 2 and later), and a footer that
// says in POSIX's way how it goes on.
#include <array>
#include <charconv>

#include "core/pim/zone.hpp"

namespace tidegate::pim {

using namespace std::chrono;

namespace {

constexpr std::size_t times_most = 4096;

/// `M3.5.0/2`, `J60`, `59`.
struct Turn {
  enum { month_week, julian, day } how = day;
  int month = 0, week = 0, weekday = 0, number = 0;
  seconds time = hours(2);

  Local in(year y) const {
    const local_days new_year(y / January / 1);
    if (how == julian) {  // February 29 is never counted
      const bool later = y.is_leap() && number >= 60;
      return new_year + days(number - 1 + (later ? 1 : 0)) + time;
    }
    if (how == day) return new_year + days(number) + time;
    const auto first = y / std::chrono::month(static_cast<unsigned>(month));
    const std::chrono::weekday on(static_cast<unsigned>(weekday));
    return (week == 5 ? local_days(first / on[last]) : local_days(first / on[static_cast<unsigned>(week)])) + time;
  }
};

class Posix {
 public:
  explicit Posix(std::string_view text) : text_(text) {}

  struct Rule {
    seconds standard{}, daylight{};
    std::optional<std::pair<Turn, Turn>> turns;  ///< to daylight, to standard
  };
  std::optional<Rule> rule() {
    Rule rule;
    if (!name()) return std::nullopt;
    const auto standard = time();
    if (!standard) return std::nullopt;
    rule.standard = -*standard;  // POSIX counts westwards
    if (text_.empty()) return rule;
    if (!name()) return std::nullopt;
    rule.daylight = rule.standard + hours(1);
    if (!text_.starts_with(',')) {
      const auto daylight = time();
      if (!daylight) return std::nullopt;
      rule.daylight = -*daylight;
    }
    const auto begins = turn(), ends = turn();
    if (!begins || !ends || !text_.empty()) return std::nullopt;
    rule.turns = {*begins, *ends};
    return rule;
  }

 private:
  bool name() {
    std::size_t end = 0;
    if (text_.starts_with('<')) {
      end = text_.find('>');
      if (end == std::string_view::npos) return false;
      ++end;
    } else {
      while (end < text_.size() &&
             ((text_[end] >= 'A' && text_[end] <= 'Z') || (text_[end] >= 'a' && text_[end] <= 'z')))
        ++end;
    }
    text_.remove_prefix(end);
    return end > 0;
  }
  std::optional<int> number() {
    int value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{} || value < 0 || value > 400) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<seconds> time() {
    const bool negative = take('-');
    if (!negative) take('+');
    seconds sum{};
    int unit = 3600;
    do {
      const auto value = number();
      if (!value) return std::nullopt;
      sum += seconds(*value * unit);
      unit /= 60;
    } while (unit > 0 && take(':'));
    return negative ? -sum : sum;
  }
  std::optional<Turn> turn() {
    if (!take(',')) return std::nullopt;
    Turn turn;
    std::optional<int> a, b, c;
    if (take('M')) {
      turn.how = Turn::month_week;
      if (!(a = number()) || !take('.') || !(b = number()) || !take('.') || !(c = number())) return std::nullopt;
      if (*a < 1 || *a > 12 || *b < 1 || *b > 5 || *c > 6) return std::nullopt;
      turn.month = *a;
      turn.week = *b;
      turn.weekday = *c;
    } else {
      turn.how = take('J') ? Turn::julian : Turn::day;
      if (!(a = number()) || *a > 365 || (turn.how == Turn::julian && *a < 1)) return std::nullopt;
      turn.number = *a;
    }
    if (take('/')) {
      const auto at = time();
      if (!at) return std::nullopt;
      turn.time = *at;
    }
    return turn;
  }

  std::string_view text_;
};

std::int64_t big_endian(View octets) {
  std::uint64_t value = !octets.empty() && (octets[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const char c : octets) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

struct Head {
  std::size_t isutc, isstd, leap, times, types, chars;
  std::size_t block(std::size_t width) const {
    return times * width + times + types * 6 + chars + leap * (width + 4) + isstd + isutc;
  }
};
constexpr std::size_t head_size = 44;

std::optional<Head> head_of(View octets) {
  if (octets.size() < head_size || !octets.starts_with("TZif")) return std::nullopt;
  const auto count = [&](std::size_t at) {
    return static_cast<std::size_t>(big_endian(octets.substr(at, 4)) & 0xFFFFFFFF);
  };
  const Head head{count(20), count(24), count(28), count(32), count(36), count(40)};
  for (const auto each : {head.isutc, head.isstd, head.leap, head.times, head.types, head.chars})
    if (each > times_most) return std::nullopt;
  if (head.types == 0) return std::nullopt;
  return head;
}

}  // namespace

/// A friend of Zone, which keeps its changes to itself.
class TzifReader {
 public:
  static std::optional<std::shared_ptr<const Zone>> read(View octets) {
    auto head = head_of(octets);
    if (!head || octets[4] < '2' || octets.size() < head_size + head->block(4)) return std::nullopt;
    octets.remove_prefix(head_size + head->block(4));
    head = head_of(octets);
    if (!head || octets.size() < head_size + head->block(8)) return std::nullopt;
    const View times = octets.substr(head_size, head->times * 8);
    const View kinds = octets.substr(head_size + head->times * 8, head->times);
    const View types = octets.substr(head_size + head->times * 9, head->types * 6);
    const auto offset = [&](std::size_t type) {
      return static_cast<std::int32_t>(big_endian(types.substr(type * 6, 4)));
    };
    auto zone = std::make_shared<Zone>();
    zone->first_ = offset(0);
    std::vector<std::pair<std::int64_t, std::int32_t>> onsets;
    for (std::size_t i = 0; i < head->times; ++i) {
      const auto type = static_cast<unsigned char>(kinds[i]);
      if (type >= head->types) return std::nullopt;
      onsets.emplace_back(big_endian(times.substr(i * 8, 8)), offset(type));
    }
    View footer = octets.substr(head_size + head->block(8));
    if (!footer.starts_with('\n')) return std::nullopt;
    footer = footer.substr(1, footer.find('\n', 1) - 1);
    if (!footer.empty() && !go_on(footer, onsets)) return std::nullopt;
    zone->settle(std::move(onsets));
    return zone;
  }

 private:
  static bool go_on(View footer, std::vector<std::pair<std::int64_t, std::int32_t>>& onsets) {
    const auto rule = Posix(footer).rule();
    if (!rule) return false;
    if (!rule->turns) {
      if (onsets.empty()) onsets.emplace_back(INT64_MIN / 2, static_cast<std::int32_t>(rule->standard.count()));
      return true;
    }
    const auto known = onsets.empty() ? INT64_MIN : onsets.back().first;
    for (int y = 1900; y < zone_years_end; ++y) {
      const auto begins = rule->turns->first.in(year(y))-rule->standard;
      const auto ends = rule->turns->second.in(year(y))-rule->daylight;
      for (const auto& [at, after] : {std::pair(begins, rule->daylight), std::pair(ends, rule->standard)})
        if (at.time_since_epoch().count() > known)
          onsets.emplace_back(at.time_since_epoch().count(), static_cast<std::int32_t>(after.count()));
    }
    return true;
  }
};

std::optional<std::shared_ptr<const Zone>> Zone::from_tzif(View octets) { return TzifReader::read(octets); }

}  // namespace tidegate::pim
