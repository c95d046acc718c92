// SPDX-License-Identifier: Apache-2.0
#include "device/wall_clock.hpp"

#include <array>

#include <fmt/format.h>

namespace tidegate::device {

using namespace std::chrono;

std::optional<local_days> date_of(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto moment = pim::parse_moment(std::string(text.substr(0, 4)) + std::string(text.substr(5, 2)) +
                                        std::string(text.substr(8, 2)));
  return moment ? std::optional(floor<days>(moment->local)) : std::nullopt;
}

std::string date_text(pim::Local at) {
  const year_month_day date(floor<days>(at));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string time_text(pim::Local at) {
  const hh_mm_ss time(at - floor<days>(at));
  return fmt::format("{:02}:{:02}", time.hours().count(), time.minutes().count());
}

std::string_view weekday_text(pim::Local at) {
  constexpr std::array names{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  return names[weekday(floor<days>(at)).c_encoding()];
}

std::string when_json(pim::Utc at, pim::Local local, bool all_day) {
  if (all_day) return date_text(local);
  const auto offset = duration_cast<minutes>(local.time_since_epoch() - at.time_since_epoch());
  const auto size = offset < minutes(0) ? -offset : offset;
  const hh_mm_ss time(local - floor<days>(local));
  return fmt::format("{}T{:02}:{:02}:{:02}{}{:02}:{:02}", date_text(local), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), offset < minutes(0) ? '-' : '+', size.count() / 60,
                     size.count() % 60);
}

}  // namespace tidegate::device
