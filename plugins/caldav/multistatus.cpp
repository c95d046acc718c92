// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/multistatus.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tidegate::caldav {
namespace {

constexpr std::uint64_t resource_most = 24 * 1024 * 1024;  // a card with a large photo is 10 MiB

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number made = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), made);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return made;
}

/// "HTTP/1.1 207 Multi-Status".
unsigned status_of(const xml::Element* element) {
  if (element == nullptr) return 0;
  const auto text = element->trimmed();
  const auto blank = text.find(' ');
  if (blank == text.npos) return 0;
  return number<unsigned>(text.substr(blank + 1, 3)).value_or(0);
}

std::string href_in(const xml::Element& element) {
  const auto* href = element.child({dav, "href"});
  return href == nullptr ? std::string() : std::string(href->trimmed());
}

void hrefs_in(const xml::Element& element, std::vector<std::string>& into) {
  for (const auto& each : element.children)
    if (each.is({dav, "href"}) && !each.trimmed().empty()) into.emplace_back(each.trimmed());
}

void types(const xml::Element& element, Resource& resource) {
  for (const auto& each : element.children) {
    if (each.is({dav, "collection"}))
      resource.collection = true;
    else if (each.is({cal, "calendar"}))
      resource.calendar = true;
    else if (each.is({card, "addressbook"}))
      resource.addressbook = true;
    else if (each.uri == server && (each.local.starts_with("shared") || each.local == "public"))
      continue;  // a calendar of somebody else's, which is a calendar
    else if (each.is({cal, "schedule-outbox"}))
      continue;  // SOGo's first calendar is one, too; others' outboxes are no calendars
    else if (each.uri == cal || each.uri == server || each.uri == card)
      resource.other = true;
  }
}

// RFC 3744 §5.4; aggregates need not name their parts.
std::uint32_t rights_of(const xml::Element& set) {
  struct Meaning {
    std::string_view name;
    std::uint32_t rights;
  };
  constexpr std::array<Meaning, 8> meanings{
      {{"all", all_rights},
       {"read", may_read},
       {"write", may_insert | may_flag | may_update | may_remove | may_administer},
       {"write-content", may_update | may_flag},
       {"bind", may_insert},
       {"unbind", may_remove},
       {"write-properties", may_administer},
       {"read-free-busy", 0}}};
  std::uint32_t rights = 0;
  for (const auto& privilege : set.children)
    for (const auto& each : privilege.children)
      if (each.uri == dav)
        for (const auto& [name, means] : meanings)
          if (each.local == name) rights |= means;
  return rights;
}

bool has_sync(const xml::Element& set) {
  return std::ranges::any_of(set.children, [](const xml::Element& supported) {
    return supported.child({{dav, "report"}, {dav, "sync-collection"}}) != nullptr;
  });
}

void property(const xml::Element& each, Resource& resource) {
  const auto text = [&] { return std::string(each.trimmed()); };
  if (each.uri == dav) {
    if (each.local == "resourcetype")
      types(each, resource);
    else if (each.local == "getetag")
      resource.etag = text();
    else if (each.local == "displayname")
      resource.name = text();
    else if (each.local == "sync-token")
      resource.sync_token = text();
    else if (each.local == "getcontentlength")
      resource.length = number<std::uint64_t>(each.trimmed());
    else if (each.local == "getlastmodified")
      resource.modified = http_date(each.trimmed());
    else if (each.local == "current-user-principal")
      resource.principal = href_in(each);
    else if (each.local == "owner")
      resource.owner = href_in(each);
    else if (each.local == "current-user-privilege-set")
      resource.rights = rights_of(each);
    else if (each.local == "supported-report-set")
      resource.syncs = has_sync(each);
  } else if (each.is({cal, "calendar-data"}) || each.is({card, "address-data"})) {
    resource.data = each.text;
  } else if (each.is({cal, "calendar-home-set"})) {
    hrefs_in(each, resource.calendar_homes);
  } else if (each.is({card, "addressbook-home-set"})) {
    hrefs_in(each, resource.addressbook_homes);
  } else if (each.is({cal, "calendar-user-address-set"})) {
    hrefs_in(each, resource.addresses);
  } else if (each.is({cal, "schedule-tag"})) {
    resource.schedule_tag = text();
  } else if (each.is({server, "getctag"})) {
    resource.ctag = text();
  } else if (each.is({apple, "calendar-color"}) || each.is({infit, "addressbook-color"})) {
    resource.color = text();
  } else if (each.is({cal, "supported-calendar-component-set"})) {
    resource.components.emplace();
    for (const auto& component : each.children)
      if (component.is({cal, "comp"})) resource.components->emplace_back(component.attribute("name"));
  }
}

Resource resource_of(const xml::Element& response) {
  Resource made;
  made.href = href_in(response);
  made.status = status_of(response.child({dav, "status"}));
  for (const auto& propstat : response.children) {
    if (!propstat.is({dav, "propstat"})) continue;
    // Some leave the status out where all is well.
    const auto status = status_of(propstat.child({dav, "status"}));
    if (status != 0 && (status < 200 || status > 299)) continue;
    for (const auto& prop : propstat.children)
      if (prop.is({dav, "prop"}))
        for (const auto& each : prop.children) property(each, made);
  }
  return made;
}

}  // namespace

Multistatus::Multistatus(Take take) : take_(std::move(take)) {
  auto wanted = [this](const xml::Name& name) {
    is_one_ = is_one_ || name == xml::Name{dav, "multistatus"};
    return is_one_ && name.uri == dav && (name.local == "response" || name.local == "sync-token");
  };
  elements_ = std::make_unique<xml::Elements>(
      std::move(wanted), [this](xml::Element&& element) { return this->take(std::move(element)); }, resource_most);
  reader_ = std::make_unique<xml::Reader>(*elements_);
}

bool Multistatus::take(xml::Element&& element) {
  if (element.local == "sync-token") {
    sync_token_ = element.trimmed();
    return true;
  }
  if (status_of(element.child({dav, "status"})) == 507) {
    truncated_ = true;
    return true;
  }
  // One response may name several resources of one status (RFC 4918 §14.24).
  auto made = resource_of(element);
  bool first = true;
  for (const auto& each : element.children) {
    if (!each.is({dav, "href"}) || std::exchange(first, false)) continue;
    Resource another;
    another.href = each.trimmed();
    another.status = made.status;
    take_(std::move(another));
  }
  if (!made.href.empty()) take_(std::move(made));
  return true;
}

Result<void> Multistatus::feed(std::string_view octets) {
  if (auto fed = reader_->feed(octets); !fed) return std::unexpected(std::move(fed.error()));
  if (elements_->oversize())
    return fault(FaultKind::too_large, {}, "One resource in the server's answer is larger than is read here.");
  return {};
}

Result<void> Multistatus::finish() {
  if (auto done = reader_->finish(); !done) return done;
  if (!is_one_) return fault(FaultKind::invalid, {}, "The server's answer is no DAV multistatus.");
  return {};
}

Result<Said> read_multistatus(std::string_view octets) {
  Said said;
  Multistatus reader([&](Resource&& each) { said.resources.push_back(std::move(each)); });
  if (auto fed = reader.feed(octets); !fed) return std::unexpected(std::move(fed.error()));
  if (auto done = reader.finish(); !done) return std::unexpected(std::move(done.error()));
  said.sync_token = reader.sync_token();
  said.truncated = reader.truncated();
  return said;
}

bool names_condition(std::string_view body, const xml::Name& condition) {
  if (body.empty()) return false;
  const auto root = xml::tree(body, {.octets = 1 << 20});
  return root && root->is({dav, "error"}) && root->child(condition) != nullptr;
}

std::optional<std::chrono::sys_seconds> http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  // Sun, 06 Nov 1994 08:49:37 GMT
  if (text.size() != 29 || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::ranges::find(months, text.substr(8, 3));
  const auto day = number<unsigned>(text.substr(5, 2)), hour = number<unsigned>(text.substr(17, 2)),
             minute = number<unsigned>(text.substr(20, 2)), second = number<unsigned>(text.substr(23, 2));
  const auto year = number<int>(text.substr(12, 4));
  if (month == months.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
                                         std::chrono::day(*day)};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

}  // namespace tidegate::caldav
