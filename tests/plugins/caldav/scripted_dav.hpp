// SPDX-License-Identifier: Apache-2.0
// A session of the plugin with a scripted DAV server, and what such servers say.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plugins/caldav/backend.hpp"
#include "plugins/caldav/session.hpp"
#include "tests/peers/scripted_http.hpp"
#include "tests/plugins/imap/store_host.hpp"

namespace tidegate::caldav {

using imap::Replica;
using imap::TestHost;
using imap::within;
using peers::HttpStep;
using peers::ScriptedHttp;

inline std::string event(const std::string& uid, const std::string& summary = "x",
                         const std::string& stamp = "20260101T000000Z") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTAMP:" + stamp +
         "\r\nSUMMARY:" + summary + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}

inline std::string answer(const std::string& inside) {
  return "<?xml version='1.0'?><d:multistatus xmlns:d='DAV:' xmlns:c='urn:ietf:params:xml:ns:caldav' "
         "xmlns:s='http://calendarserver.org/ns/'>" +
         inside + "</d:multistatus>";
}
inline std::string found(const std::string& href, const std::string& props) {
  return "<d:response><d:href>" + href + "</d:href><d:propstat><d:prop>" + props +
         "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>";
}
inline std::string gone(const std::string& href) {
  return "<d:response><d:href>" + href + "</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>";
}
inline std::string etag(const std::string& href, const std::string& tag) {
  return found(href, "<d:getetag>\"" + tag + "\"</d:getetag>");
}
inline std::string data(const std::string& href, const std::string& tag, const std::string& octets) {
  return found(href,
               "<d:getetag>\"" + tag + "\"</d:getetag><c:calendar-data><![CDATA[" + octets + "]]></c:calendar-data>");
}
inline std::string token(const std::string& text) { return "<d:sync-token>" + text + "</d:sync-token>"; }

/// One calendar /h/c/ as a home or its own PROPFIND shows it. Empty token: it offers no sync-collection.
inline std::string calendar(const std::string& sync_token, const std::string& ctag = "", const std::string& more = "") {
  return found("/h/c/",
               "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><d:displayname>Work</d:displayname>" +
                   (sync_token.empty() ? "" : token(sync_token)) +
                   (ctag.empty() ? "" : "<s:getctag>" + ctag + "</s:getctag>") + more);
}
inline const std::string syncs =
    "<d:supported-report-set><d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report>"
    "</d:supported-report-set>";
inline const std::string read_only =
    "<d:current-user-privilege-set><d:privilege><d:read/></d:privilege></d:current-user-privilege-set>";

inline HttpStep said(const std::string& hear, const std::string& body, std::vector<std::string> holds = {},
                     std::string fields = {}) {
  return {.hear = hear, .holds = std::move(holds), .status = 207, .fields = std::move(fields), .body = answer(body)};
}
/// The steps up to an open session, whose home is /h/.
inline HttpStep principal() {
  return said("PROPFIND /p/alice/",
              found("/p/alice/", "<c:calendar-home-set><d:href>/h/</d:href></c:calendar-home-set>"),
              {"X-Remote-User: alice\n"});
}

struct OnScript {
  explicit OnScript(std::vector<HttpStep> script, std::vector<std::pair<std::string, std::string>> more = {})
      : server([&] {
          script.insert(script.begin(), principal());
          return std::move(script);
        }()) {
    std::vector<std::pair<std::string, std::string>> values{
        {"url", server.url()}, {"allow_plaintext", "yes"}, {"auth", "remote_user"}, {"principal", "/p/{user}/"}};
    values.insert(values.end(), more.begin(), more.end());
    auto settings = parse_settings(values);
    EXPECT_TRUE(settings) << settings.error().text;
    backend = std::make_unique<CaldavBackend>(host, std::move(*settings));
    auto opened = backend->open(within(), {"alice", "alice", "alice"});
    EXPECT_TRUE(opened) << opened.error().text << opened.error().cause << server.verdict();
    if (opened) session = std::move(*opened);
  }
  Result<Page> changes(const Bytes& anchor, std::uint32_t limit = 500) {
    return session->changes(within(), "/h/c/", anchor, {limit, 65536, {}});
  }

  TestHost host;
  ScriptedHttp server;
  std::unique_ptr<CaldavBackend> backend;
  std::unique_ptr<Session> session;
};

/// An anchor of a calendar of which these were told, by name and ETag, not long ago.
inline Bytes knows(const std::string& sync_token, const std::vector<std::pair<std::string, std::string>>& told,
                   const std::string& ctag = "") {
  Anchor anchor;
  anchor.token = sync_token;
  anchor.ctag = ctag;
  anchor.compared =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (const auto& [name, tag] : told) anchor.tell({name, digest("\"" + tag + "\""), 1});
  return encode(anchor);
}

/// "+/h/c/a.ics" for an upsert, "-…" for a removal, "." for Listed; blanks between.
inline std::string told(const Result<Page>& page) {
  if (!page) return fmt::format("{}: {} {}", to_string(page.error().kind), page.error().text, page.error().cause);
  std::string made;
  for (const auto& change : page->changes) {
    if (!made.empty()) made += ' ';
    if (const auto* upsert = std::get_if<Upsert>(&change)) made += "+" + upsert->id;
    if (const auto* removed = std::get_if<Removed>(&change)) made += "-" + removed->id;
    if (std::holds_alternative<Listed>(change)) made += ".";
  }
  return made;
}

inline Source source_of(std::string octets) {
  return [octets = std::move(octets), at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto size = std::min(into.size(), octets.size() - at);
    std::copy_n(std::as_bytes(std::span(octets)).begin() + static_cast<std::ptrdiff_t>(at), size, into.begin());
    at += size;
    return size;
  };
}

}  // namespace tidegate::caldav
