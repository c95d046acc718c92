// SPDX-License-Identifier: Apache-2.0
// What a server means that does not do what it was asked to write. Pure, but for the zones of this machine.
#pragma once
#include <string_view>

#include "core/sdk/store.hpp"
#include "core/web/client.hpp"

namespace tidegate::caldav {

Fault refusal(const web::Response&, std::string_view doing);
/// The same of a PUT: servers seldom say what is wrong with an object. Where our own reader finds a fault in it, its
/// line is named, and it is not sent again.
Fault refusal(const web::Response&, std::string_view doing, View octets, Kind);

}  // namespace tidegate::caldav
