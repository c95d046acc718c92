// SPDX-License-Identifier: Apache-2.0
// Days and hours as agenda and respond write them. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/pim/zone.hpp"

namespace tidegate::device {

/// YYYY-MM-DD, as people write it.
std::optional<std::chrono::local_days> date_of(std::string_view);
std::string date_text(pim::Local);
std::string time_text(pim::Local);  ///< hh:mm
std::string_view weekday_text(pim::Local);
/// RFC 3339, with the offset that counts there then; of what takes whole days the date.
std::string when_json(pim::Utc, pim::Local, bool all_day);

}  // namespace tidegate::device
