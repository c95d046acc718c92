// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/groups.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/pim/itip.hpp"
#include "core/pim/values.hpp"
#include "plugins/ews/faults.hpp"

namespace tidegate::ews {
namespace {

constexpr const char *name_path = "contacts:DisplayName", *body_path = "item:Body",
                     *members_path = "distributionlist:Members";

std::string inner(std::string_view path, std::string_view text) {
  if (path != members_path) return plain_inner(path, text);
  std::string made;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    made += fmt::format(
        "<t:Member><t:Mailbox><t:EmailAddress>{}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></"
        "t:Member>",
        xml::escaped(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return made;
}

/// Empty: a member that has none, like a group in a group.
std::string address_in(const xml::Element& member) {
  const auto* mailbox = find(member, "Mailbox");
  auto address = mailbox == nullptr ? std::string() : pim::address_of(words(*mailbox, "EmailAddress"));
  return address.find('@') == std::string::npos ? std::string() : address;
}

/// In an order of their own, each once: servers and devices have others.
std::string joined(std::vector<std::string> addresses) {
  std::ranges::sort(addresses);
  const auto twice = std::ranges::unique(addresses);
  addresses.erase(twice.begin(), twice.end());
  std::string made;
  for (const auto& each : addresses) made += (made.empty() ? "" : "\n") + each;
  return made;
}

constexpr std::string_view order[] = {"Body", "ExtendedProperty", "DisplayName", "Members"};

}  // namespace

std::string group_shape() { return shape_of({members_path}); }

Fields group_fields(const xml::Element& list) {
  Fields made;
  set(made, name_path, words(list, "DisplayName"));
  set(made, body_path, body_text(list));
  std::vector<std::string> addresses;
  if (const auto* members = find(list, "Members"))
    for (const auto& member : members->children)
      if (auto address = address_in(member); !address.empty()) addresses.push_back(std::move(address));
  set(made, members_path, joined(std::move(addresses)));
  return made;
}

bool members_may_change(const xml::Element& list, const Fields& before, const Fields& after) {
  if (text_at(before, members_path) == text_at(after, members_path)) return true;
  const auto* members = find(list, "Members");
  return members == nullptr ||
         std::ranges::none_of(members->children, [](const auto& member) { return address_in(member).empty(); });
}

Result<Fields> group_fields(const pim::Card& card) {
  Fields made;
  set(made, name_path, card.name());
  if (const auto* note = card.component().find("NOTE")) set(made, body_path, without_cr(card.text(*note)));
  std::vector<std::string> addresses;
  for (const auto& member : card.members()) {
    auto address = pim::address_of(member);
    if (address.find('@') == std::string::npos || address.find_first_of(":\t\n") != std::string::npos)
      return fault(
          FaultKind::unsupported, {},
          "A group on an Exchange server has members by their mail address (MEMBER:mailto:); this one names a card.");
    addresses.push_back(std::move(address));
  }
  set(made, members_path, joined(std::move(addresses)));
  return made;
}

pim::Card group_of(const Fields& fields, const std::string& uid, const pim::Card* base) {
  auto card = base != nullptr ? *base : *pim::Card::parse("BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:group\r\nEND:VCARD\r\n");
  auto& lines = card.component();
  const auto said = base != nullptr ? group_fields(card).value_or(Fields{}) : Fields{};
  if (lines.find("UID") == nullptr) lines.set(pim::Line("UID", pim::escaped(uid)));
  const auto name = text_at(fields, name_path);
  if (base == nullptr || name != text_at(said, name_path)) lines.set(pim::Line("FN", pim::escaped(name)));
  if (const auto note = text_at(fields, body_path); note != text_at(said, body_path)) {
    lines.remove("NOTE");
    if (!note.empty()) lines.set(pim::Line("NOTE", pim::escaped(note)));
  }
  if (const auto members = text_at(fields, members_path); members != text_at(said, members_path)) {
    const bool v4 = card.version() == pim::CardVersion::v4_0;
    for (const auto* property : {"MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"}) lines.remove(property);
    for (std::size_t at = 0; at < members.size();) {
      const auto end = std::min(members.find('\n', at), members.size());
      lines.add(pim::Line(v4 ? "MEMBER" : "X-ADDRESSBOOKSERVER-MEMBER",
                          "mailto:" + std::string(members.substr(at, end - at))));
      at = end + 1;
    }
  }
  return card;
}

std::string group_updates(const Fields& before, const Fields& after) {
  return updates_between(group_element, before, after, inner);
}
std::string group_children(const Fields& fields) { return children_of(fields, order, inner); }

}  // namespace tidegate::ews
