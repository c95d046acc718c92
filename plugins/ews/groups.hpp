// SPDX-License-Identifier: Apache-2.0
// Groups of contacts: DistributionLists and vCards of KIND:group (RFC 6350 §6.1.4, §6.6.5). [MS-OXWSDLIST] Pure.
#pragma once
#include "core/pim/vcard.hpp"
#include "plugins/ews/fields.hpp"

namespace tidegate::ews {

inline constexpr const char* group_element = "DistributionList";

/// What a GetItem asks for beside what contacts have.
std::string group_shape();
Fields group_fields(const xml::Element& list);
/// Fault unsupported: a member that is no address.
Result<Fields> group_fields(const pim::Card&);
pim::Card group_of(const Fields&, const std::string& uid, const pim::Card* base);
std::string group_updates(const Fields& before, const Fields& after);
/// The members are one value: whoever writes them must have seen all of them.
bool members_may_change(const xml::Element& list, const Fields& before, const Fields& after);
std::string group_children(const Fields&);

}  // namespace tidegate::ews
