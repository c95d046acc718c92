// SPDX-License-Identifier: Apache-2.0
// What needs no server: answers, objects, anchors, discovery, settings.
#include <random>

#include "plugins/caldav/bodies.hpp"
#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

TEST(DavMultistatus, PropertiesThatWereNotFoundAreNotThere) {
  const auto said = read_multistatus(
      "<m:multistatus xmlns:m='DAV:' xmlns:k='urn:ietf:params:xml:ns:caldav' xmlns:o='other:'><m:response><m:href> /c/ "
      "</m:href>"
      "<m:propstat><m:prop><m:resourcetype><m:collection/><k:calendar/></m:resourcetype><m:displayname>W &amp; "
      "F</m:displayname>"
      "<k:supported-calendar-component-set><k:comp "
      "name='VTODO'/></k:supported-calendar-component-set><o:getetag>no</o:getetag>"
      "<m:current-user-privilege-set><m:privilege><m:read/></m:privilege><m:privilege><m:write-content/></m:privilege>"
      "</m:current-user-privilege-set></m:prop><m:status>HTTP/1.1 200 OK</m:status></m:propstat>"
      "<m:propstat><m:prop><m:getetag>\"x\"</m:getetag></m:prop><m:status>HTTP/1.1 404 Not "
      "Found</m:status></m:propstat>"
      "</m:response><m:sync-token>t&lt;1</m:sync-token></m:multistatus>");
  ASSERT_TRUE(said) << said.error().cause;
  ASSERT_EQ(said->resources.size(), 1U);
  const auto& one = said->resources.front();
  EXPECT_EQ(one.href, "/c/");
  EXPECT_EQ(one.name, "W & F");
  EXPECT_FALSE(one.etag) << "of another namespace, and of a 404";
  EXPECT_EQ(one.rights, std::uint32_t{may_read} | may_update | may_flag);
  EXPECT_EQ(said->sync_token, "t<1");
  const auto collection = collection_of(one, "/c/");
  ASSERT_TRUE(collection);
  EXPECT_EQ(collection->kind, Kind::task);
  const std::pair<std::vector<std::string>, Kind> table[] = {{{}, Kind::event},
                                                             {{"VJOURNAL"}, Kind::note},
                                                             {{"VJOURNAL", "VTODO"}, Kind::task},
                                                             {{"VJOURNAL", "VTODO", "VEVENT"}, Kind::event}};
  for (const auto& [components, kind] : table) {
    auto like = one;
    like.components = components;
    EXPECT_EQ(collection_of(like, "/c/")->kind, kind);
  }
}

TEST(DavMultistatus, WhatIsNoneIsInvalid) {
  for (const auto* text : {"", "<html/>", "<multistatus/>", "<d:multistatus xmlns:d='DAV:'>",
                           "<!DOCTYPE x [<!ENTITY a 'b'>]><d:multistatus xmlns:d='DAV:'>&a;</d:multistatus>"}) {
    const auto said = read_multistatus(text);
    ASSERT_FALSE(said) << text;
    EXPECT_EQ(said.error().kind, FaultKind::invalid);
  }
  EXPECT_TRUE(read_multistatus("<multistatus xmlns='DAV:'/>"));
}

TEST(DavMultistatus, SogosFirstCalendarIsAnOutboxToo) {
  const auto kinds = [](const std::string& types) {
    const auto said = read_multistatus(
        "<m:multistatus xmlns:m='DAV:' xmlns:k='urn:ietf:params:xml:ns:caldav'><m:response><m:href>/c/</m:href>"
        "<m:propstat><m:prop><m:resourcetype><m:collection/>" +
        types +
        "</m:resourcetype></m:prop><m:status>HTTP/1.1 200 OK</m:status></m:propstat></m:response></m:multistatus>");
    return said && said->resources.size() == 1 && collection_of(said->resources.front(), "/c/").has_value();
  };
  EXPECT_TRUE(kinds("<k:calendar/><k:schedule-outbox/>"));
  EXPECT_FALSE(kinds("<k:schedule-outbox/>"));
  EXPECT_FALSE(kinds("<k:schedule-inbox/>"));
  EXPECT_FALSE(kinds("<k:calendar/><k:schedule-inbox/>"));
}

TEST(DavMultistatus, DatesAndConditions) {
  EXPECT_EQ(http_date("Sun, 06 Nov 1994 08:49:37 GMT")->time_since_epoch().count(), 784111777);
  for (const auto* wrong : {"", "yesterday", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 25:49:37 GMT"})
    EXPECT_FALSE(http_date(wrong)) << wrong;
  EXPECT_TRUE(names_condition("<d:error xmlns:d='DAV:'><d:valid-sync-token/></d:error>", {dav, "valid-sync-token"}));
  EXPECT_FALSE(names_condition("valid-sync-token", {dav, "valid-sync-token"}));
}

TEST(DavCollections, OnlyWhatHoldsObjectsIsAFolder) {
  Resource plain;
  plain.collection = true;
  EXPECT_FALSE(collection_of(plain, "/x/"));
  Resource inbox = plain;
  inbox.other = inbox.calendar = true;
  EXPECT_FALSE(collection_of(inbox, "/x/"));
  Resource busy = plain;
  busy.calendar = true;
  busy.rights = 0;
  EXPECT_FALSE(collection_of(busy, "/x/")) << "free-busy only";
  std::vector<Collection> all(3);
  all[0] = {.id = "/b/", .rights = may_read, .name = "read-only"};
  all[1] = {.id = "/c/", .name = "mine"};
  all[2] = {.id = "/a/", .kind = Kind::contact, .name = "cards"};
  const auto folders = folders_of(all);
  ASSERT_EQ(folders.size(), 3U);
  EXPECT_EQ(folders[0].role, Role::contacts);
  EXPECT_EQ(folders[1].role, Role::none) << "what can't be written to is nobody's default";
  EXPECT_EQ(folders[2].role, Role::calendar);
  auto renamed = folders;
  renamed[1].name = "other";
  EXPECT_NE(tree_anchor(folders), tree_anchor(renamed));
  auto coloured = folders;
  coloured[1].color = "#112233";
  EXPECT_NE(tree_anchor(folders), tree_anchor(coloured));
  EXPECT_TRUE(is_tree_anchor(tree_anchor(folders)));
  EXPECT_FALSE(is_tree_anchor("davtree1.x"));
}

TEST(DavCollections, ColoursAreOfOneForm) {
  using namespace std::string_literals;
  for (const auto& [said, color] : {std::pair{"#aB12Cd"s, "#aB12Cd"s},
                                    {"#FF8800FF"s, "#FF8800"s},
                                    {"#f80"s, "#ff8800"s},
                                    {"#f80c"s, "#ff8800"s},
                                    {"red"s, ""s},
                                    {""s, ""s},
                                    {"#"s, ""s},
                                    {"#12345"s, ""s},
                                    {"#1234567"s, ""s},
                                    {"#GG0000"s, ""s},
                                    {"112233"s, ""s},
                                    {"#11\n233"s, ""s},
                                    {"#1122334455"s, ""s}})
    EXPECT_EQ(color_of(said), color) << said;
  const auto said = read_multistatus(
      "<multistatus xmlns='DAV:' xmlns:i='http://apple.com/ns/ical/' xmlns:b='http://inf-it.com/ns/ab/'>"
      "<response><href>/c/</href><propstat><prop><i:calendar-color symbolic-color='red'> #FF0000FF\n"
      "</i:calendar-color><resourcetype><collection/><calendar xmlns='urn:ietf:params:xml:ns:caldav'/>"
      "</resourcetype></prop></propstat></response>"
      "<response><href>/a/</href><propstat><prop><b:addressbook-color>#00ff00</b:addressbook-color><resourcetype>"
      "<collection/><addressbook xmlns='urn:ietf:params:xml:ns:carddav'/></resourcetype></prop></propstat></response>"
      "</multistatus>");
  ASSERT_TRUE(said && said->resources.size() == 2);
  EXPECT_EQ(collection_of(said->resources[0], "/c/")->color, "#FF0000");
  EXPECT_EQ(folders_of({*collection_of(said->resources[1], "/a/")}).front().color, "#00ff00");
}

TEST(DavObjects, KindAndUidAreFound) {
  const auto uid = [](std::string_view octets) { return look_at(octets).value_or(Object{Kind::file, "", "none"}).uid; };
  EXPECT_EQ(uid(event("u1")), "u1");
  EXPECT_EQ(look_at("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nUID:zone\nEND:VTIMEZONE\nBEGIN:VTODO\nBEGIN:VALARM\nUID:"
                    "alarm\nEND:VALARM\nUID:the\n  task\n")
                ->uid,
            "the task");
  EXPECT_EQ(look_at("BEGIN:VCALENDAR\nBEGIN:VTODO\n")->kind, Kind::task);
  EXPECT_EQ(look_at("begin:vcard\r\nitem1.uid;X=\"a:b\":urn:uuid:1\r\nend:vcard")->uid, "urn:uuid:1");
  EXPECT_EQ(look_at("BEGIN:VCARD\nFN:x\nEND:VCARD\n")->uid, "");
  EXPECT_FALSE(look_at(""));
  EXPECT_FALSE(look_at("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"));
  EXPECT_FALSE(look_at("Subject: mail\r\n\r\nBEGIN"));
  EXPECT_EQ(fingerprint(*look_at(event("a", "x")), "1"), fingerprint(*look_at(event("a", "y")), "2"));
  EXPECT_NE(fingerprint(*look_at(event("a")), "1"), fingerprint(*look_at(event("b")), "1"));
  EXPECT_EQ(digest_of_content(event("a", "x", "1")), digest_of_content(event("a", "x", "2")));
  EXPECT_NE(digest_of_content(event("a", "x")), digest_of_content(event("a", "y")));
  EXPECT_EQ(name_for({Kind::event, "", "a@b-c.d"}), "a@b-c.d.ics");
  for (const auto* odd : {"", "../x", "a/b", "a b", ".hidden",
                          "gr\xC3\xBC\xC3\x9F"
                          "e"})
    EXPECT_EQ(name_for({Kind::contact, "", odd}).find_first_not_of("0123456789abcdef-"), 25U) << odd;
}

TEST(DavObjects, TwoSpellingsOfAPathAreOne) {
  EXPECT_EQ(canonical("/a%40b/c%20d/"), "/a@b/c%20d/");
  EXPECT_EQ(canonical("/a@b/c%20d/"), "/a@b/c%20d/");
  EXPECT_EQ(canonical("/a%2fb/%7e"), "/a%2Fb/~");
  EXPECT_EQ(canonical(""), "");
  EXPECT_EQ(canonical("//"), "//");
  EXPECT_EQ(last_segment("/a/b.ics"), "b.ics");
  EXPECT_EQ(last_segment("/a/b/"), "b");
  EXPECT_EQ(strong("W/\"1\""), "\"1\"");
  const auto revision = decode_revision(encode(Revision{"\"1\"", "\"s\""}));
  EXPECT_EQ(revision.etag, "\"1\"");
  EXPECT_EQ(revision.schedule_tag, "\"s\"");
}

TEST(DavAnchor, ComesBackAsItWasAndOthersAreRefused) {
  Anchor anchor;
  anchor.token = "http://x/ns/sync/1";
  anchor.ctag = std::string("\0k", 2);
  anchor.listing = anchor.compare = true;
  anchor.compared = 1'800'000'000;
  anchor.place_modified = -5;
  anchor.place_name = "b";
  for (const auto* name : {"c", "a", "b", "a"}) anchor.tell({name, digest(name), 7});
  anchor.forget("b");
  const auto octets = encode(anchor);
  const auto back = decode_anchor(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->token, anchor.token);
  EXPECT_EQ(back->ctag, anchor.ctag);
  EXPECT_TRUE(back->listing && back->compare && !back->too_many);
  EXPECT_EQ(back->compared, anchor.compared);
  EXPECT_EQ(back->place_modified, -5);
  EXPECT_EQ(back->told, anchor.told);
  ASSERT_EQ(back->told.size(), 2U);
  std::mt19937 dice(7);
  for (int n = 0; n < 2000; ++n) {
    auto broken = octets;
    if (n % 2 == 0)
      broken[dice() % broken.size()] ^= static_cast<char>(1U + dice() % 255);
    else
      broken.resize(dice() % broken.size());
    EXPECT_FALSE(decode_anchor(broken)) << n;
  }
}

TEST(DavAnchor, OfATooLargeCollectionHoldsNoMembers) {
  Anchor anchor;
  for (int n = 0; n < 40'000; ++n) anchor.told.push_back({fmt::format("{:06}-0000-0000-0000.ics", n), 1, 1});
  EXPECT_LE(encode(anchor).size(), 1U << 20U);
  EXPECT_TRUE(anchor.too_many);
  anchor.tell({"x", 1, 1});
  EXPECT_TRUE(decode_anchor(encode(anchor))->told.empty());
}

TEST(DavDiscovery, FromTheRootToTheHomes) {
  const auto base = *web::parse_url("https://h/");
  const auto at = [](std::string_view path) { return *web::parse_url("https://h" + std::string(path)); };
  Discovery discovery(base, "");
  ASSERT_EQ(discovery.next(), at("/.well-known/caldav"));
  Resource root;
  root.principal = "/p/alice";
  discovery.answered(at("/dav/"), &root);  // after a redirect
  ASSERT_EQ(discovery.next(), at("/p/alice"));
  Resource principal;
  principal.principal = "/p/alice";
  principal.calendar_homes = {"/cal/alice", "https://p7.h.example/cal/"};
  discovery.answered(at("/p/alice"), &principal);
  ASSERT_EQ(discovery.next(), at("/.well-known/carddav")) << "address books may be elsewhere";
  discovery.answered(at("/.well-known/carddav"), nullptr);
  ASSERT_EQ(discovery.next(), base);
  discovery.answered(base, &root);
  EXPECT_FALSE(discovery.next()) << "that principal was asked";
  const auto found = discovery.outcome();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->homes.size(), 2U);
  EXPECT_EQ(found->homes[0], at("/cal/alice/"));
  EXPECT_EQ(found->homes[1].host, "p7.h.example");
}

TEST(DavDiscovery, ACollectionIsItsOwnHomeAndNothingIsNotFound) {
  const auto base = *web::parse_url("https://h/cal/work/");
  Discovery one(base, "");
  Resource calendar;
  calendar.calendar = true;
  one.answered(base, &calendar);
  EXPECT_FALSE(one.next());
  EXPECT_EQ(one.outcome()->homes.front(), base);
  Discovery none(*web::parse_url("https://h/"), "");
  int asks = 0;
  for (; none.next() && asks < 20; ++asks) none.answered(*none.next(), nullptr);
  EXPECT_EQ(asks, 3);
  EXPECT_EQ(none.outcome().error().kind, FaultKind::not_found);
  Discovery endless(*web::parse_url("https://h/"), "");
  for (asks = 0; endless.next() && asks < 100; ++asks) {
    Resource liar;
    liar.principal = "/p/" + std::to_string(asks);
    endless.answered(*endless.next(), &liar);
  }
  EXPECT_LT(asks, 20);
}

TEST(DavDiscovery, WhatDnsNamesIsAskedInTurn) {
  const auto at = [](std::string_view url) { return *web::parse_url(url); };
  Discovery discovery({at("https://a.x.org:8443/dav/"), at("https://b.x.org/.well-known/carddav")}, "x.org");
  ASSERT_EQ(discovery.next(), at("https://a.x.org:8443/dav/"));
  Resource principal;
  principal.calendar_homes = {"/cal/"};
  discovery.answered(*discovery.next(), &principal);
  ASSERT_EQ(discovery.next(), at("https://b.x.org/.well-known/carddav"));
  discovery.answered(*discovery.next(), nullptr);
  EXPECT_FALSE(discovery.next());
  EXPECT_EQ(discovery.outcome()->homes, std::vector{at("https://a.x.org:8443/cal/")});
}

TEST(DavSettings, SayWhatIsWrong) {
  using Values = std::vector<std::pair<std::string, std::string>>;
  const auto where = [](const Values& values) {
    const auto made = parse_settings(values);
    return made ? std::string("fine") : made.error().where;
  };
  EXPECT_EQ(where({{"url", "https://h"}, {"password_dir", "/d"}}), "fine");
  EXPECT_EQ(where({}), "url");
  EXPECT_EQ(where({{"url", "https://h"}}), "password_dir");
  EXPECT_EQ(where({{"url", "http://h"}, {"password_dir", "/d"}}), "url");
  EXPECT_EQ(where({{"url", "http://h"}, {"password_dir", "/d"}, {"allow_plaintext", "yes"}}), "fine");
  EXPECT_EQ(where({{"url", "https://h"}, {"auth", "admin"}}), "admin");
  EXPECT_EQ(where({{"url", "https://h"}, {"auth", "admin"}, {"admin", "a"}}), "principal");
  EXPECT_EQ(where({{"url", "https://h"}, {"auth", "token"}}), "token_endpoint");
  EXPECT_EQ(where({{"url", "https://h"}, {"auth", "remote_user"}, {"remote_user_header", "X: y"}}),
            "remote_user_header");
  EXPECT_EQ(where({{"url", "https://h"}, {"auth", "remote_user"}, {"principal", "p"}}), "principal");
  EXPECT_EQ(where({{"domain", "example.org"}, {"password_dir", "/d"}, {"dns", "192.0.2.1:53"}}), "fine");
  EXPECT_EQ(where({{"domain", "example.org"}, {"url", "https://h"}, {"password_dir", "/d"}}), "url");
  EXPECT_EQ(where({{"domain", "exa/mple.org"}, {"password_dir", "/d"}}), "domain");
  EXPECT_EQ(where({{"domain", "example.org"}, {"password_dir", "/d"}, {"dns", "ns.example.org"}}), "dns");
  EXPECT_EQ(where({{"url", "https://h"}, {"colour", "red"}}), "colour");
  EXPECT_EQ(principal_path("/p/{user}/{local}/", "a b@c"), "/p/a%20b%40c/a%20b/");
  EXPECT_TRUE(web::is_named({".example.com"}, "p7.example.com"));
  EXPECT_TRUE(web::is_named({".example.com"}, "example.com"));
  EXPECT_FALSE(web::is_named({".example.com", "h"}, "badexample.com"));
}

TEST(DavBodies, AreXmlAndEscaped) {
  for (const auto& body :
       {propfind_principal(), propfind_collections(true), propfind_collections(false), propfind_members(),
        query_members(true), query_members(false), propfind_etag(), sync_collection("a<&\"b"),
        multiget(true, std::vector<std::string>{"/a&b"}), query_uid("VEVENT", "<u>"), query_uid("", "<u>"),
        mkcalendar("<n>", "VEVENT"), mkcol("<n>", true, ""), mkcol("<n>", false, "VTODO"), proppatch_name("<n>")})
    EXPECT_TRUE(xml::tree(body)) << body;
}

}  // namespace
}  // namespace tidegate::caldav
