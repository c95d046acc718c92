// SPDX-License-Identifier: Apache-2.0
#include "plugins/caldav/bodies.hpp"

#include <fmt/format.h>

#include "core/xml/reader.hpp"

namespace tidegate::caldav {
namespace {

constexpr std::string_view names =
    "xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:A=\"urn:ietf:params:xml:ns:carddav\" "
    "xmlns:S=\"http://calendarserver.org/ns/\" xmlns:I=\"http://apple.com/ns/ical/\" "
    "xmlns:B=\"http://inf-it.com/ns/ab/\"";

std::string document(std::string_view root, std::string_view inside) {
  return fmt::format("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{0} {1}>{2}</{0}>", root, names, inside);
}

std::string propfind(std::string_view props) {
  return document("D:propfind", fmt::format("<D:prop>{}</D:prop>", props));
}

}  // namespace

std::string propfind_principal() {
  return propfind("<D:current-user-principal/><D:resourcetype/><C:calendar-home-set/><A:addressbook-home-set/>");
}

std::string propfind_collections(bool with_tokens) {
  return propfind(
      fmt::format("<D:resourcetype/><D:displayname/><D:current-user-privilege-set/><D:supported-report-set/>{}"
                  "<S:getctag/><C:supported-calendar-component-set/><I:calendar-color/><B:addressbook-color/>",
                  with_tokens ? "<D:sync-token/>" : ""));
}

std::string propfind_members() {
  return propfind("<D:resourcetype/><D:getetag/><D:getlastmodified/><D:getcontentlength/>");
}

std::string query_members(bool cards) {
  constexpr std::string_view props = "<D:prop><D:getetag/><D:getlastmodified/><D:getcontentlength/></D:prop>";
  if (cards) return document("A:addressbook-query", fmt::format("{}<A:filter/>", props));
  return document("C:calendar-query", fmt::format("{}<C:filter><C:comp-filter name=\"VCALENDAR\"/></C:filter>", props));
}

std::string propfind_etag() { return propfind("<D:getetag/><C:schedule-tag/>"); }

std::string propfind_owner() { return propfind("<D:owner/><D:current-user-principal/>"); }

std::string propfind_addresses() { return propfind("<C:calendar-user-address-set/>"); }

std::string sync_collection(std::string_view token) {
  return document("D:sync-collection",
                  fmt::format("<D:sync-token>{}</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/>"
                              "<D:getlastmodified/><D:getcontentlength/></D:prop>",
                              xml::escaped(token)));
}

std::string multiget(bool cards, std::span<const std::string> hrefs) {
  std::string inside = fmt::format("<D:prop><D:getetag/><D:getlastmodified/>{}</D:prop>",
                                   cards ? "<A:address-data/>" : "<C:schedule-tag/><C:calendar-data/>");
  for (const auto& href : hrefs) inside += "<D:href>" + xml::escaped(href) + "</D:href>";
  return document(cards ? "A:addressbook-multiget" : "C:calendar-multiget", inside);
}

std::string query_uid(std::string_view component, std::string_view uid) {
  const auto text = xml::escaped(uid);
  if (component.empty())
    return document("A:addressbook-query",
                    fmt::format("<D:prop><D:getetag/><A:address-data/></D:prop><A:filter><A:prop-filter name=\"UID\">"
                                "<A:text-match match-type=\"equals\">{}</A:text-match></A:prop-filter></A:filter>",
                                text));
  return document("C:calendar-query",
                  fmt::format("<D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter "
                              "name=\"VCALENDAR\"><C:comp-filter name=\"{}\"><C:prop-filter name=\"UID\"><C:text-match "
                              "collation=\"i;octet\">{}</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter>"
                              "</C:filter>",
                              component, text));
}

std::string mkcalendar(std::string_view name, std::string_view component) {
  return document("C:mkcalendar",
                  fmt::format("<D:set><D:prop><D:displayname>{}</D:displayname><C:supported-calendar-component-set>"
                              "<C:comp name=\"{}\"/></C:supported-calendar-component-set></D:prop></D:set>",
                              xml::escaped(name), component));
}

std::string mkcol(std::string_view name, bool cards, std::string_view component) {
  const auto components =
      cards ? std::string()
            : fmt::format(
                  "<C:supported-calendar-component-set><C:comp name=\"{}\"/></C:supported-calendar-component-set>",
                  component);
  return document("D:mkcol",
                  fmt::format("<D:set><D:prop><D:resourcetype><D:collection/>{}</D:resourcetype><D:displayname>{}"
                              "</D:displayname>{}</D:prop></D:set>",
                              cards ? "<A:addressbook/>" : "<C:calendar/>", xml::escaped(name), components));
}

std::string proppatch_name(std::string_view name) {
  return document("D:propertyupdate",
                  fmt::format("<D:set><D:prop><D:displayname>{}</D:displayname></D:prop></D:set>", xml::escaped(name)));
}

}  // namespace tidegate::caldav
