// SPDX-License-Identifier: Apache-2.0
// Where mailboxes are: what is asked in which order, and what answers of both forms mean.
#include "plugins/ews/autodiscover.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tidegate::ews {
namespace {

std::string soap(const std::string& inside) {
  return "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><GetUserSettingsResponseMessage "
         "xmlns='http://schemas.microsoft.com/exchange/2010/Autodiscover'><Response><ErrorCode>NoError</ErrorCode>"
         "<UserResponses><UserResponse>" +
         inside + "</UserResponse></UserResponses></Response></GetUserSettingsResponseMessage></s:Body></s:Envelope>";
}
std::string setting(const std::string& name, const std::string& value) {
  return fmt::format("<UserSetting><Name>{}</Name><Value>{}</Value></UserSetting>", name, value);
}
std::string plain(const std::string& inside) {
  return "<Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006'><Response "
         "xmlns='http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'>" +
         inside + "</Response></Autodiscover>";
}
const std::string there =
    soap("<ErrorCode>NoError</ErrorCode><UserSettings>" + setting("GroupingInformation", "Site1") +
         setting("ExternalEwsUrl", "https://mail.x.org/EWS/Exchange.asmx") + "</UserSettings>");

bool below_x(const std::string& host) { return host == "x.org" || host.ends_with(".x.org"); }

TEST(Autodiscover, SoapAnswers) {
  auto read = read_soap_directions(there);
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->ews.text(), "https://mail.x.org/EWS/Exchange.asmx");
  EXPECT_EQ(read->group, "Site1");
  read = read_soap_directions(soap("<ErrorCode>NoError</ErrorCode><UserSettings>" +
                                   setting("InternalEwsUrl", "https://in.x.org/e") + "</UserSettings>"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ews.host, "in.x.org");
  EXPECT_EQ(read_soap_directions(soap("<ErrorCode>RedirectAddress</ErrorCode><RedirectTarget>a@y.org</RedirectTarget>"))
                ->address,
            "a@y.org");
  EXPECT_EQ(read_soap_directions(
                soap("<ErrorCode>RedirectUrl</ErrorCode><RedirectTarget>https://y.org/a.svc</RedirectTarget>"))
                ->elsewhere,
            "https://y.org/a.svc");
  EXPECT_TRUE(read_soap_directions(soap("<ErrorCode>InvalidUser</ErrorCode>"))->nobody);
  for (const auto& broken :
       {std::string("<html>"), std::string(), std::string("<a/>"), soap("<ErrorCode>ServerBusy</ErrorCode>"),
        soap("<UserSettings>" + setting("ExternalEwsUrl", "http://x.org/") + "</UserSettings>"),
        std::string("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")})
    EXPECT_FALSE(read_soap_directions(broken)) << broken;
}

TEST(Autodiscover, PlainAnswers) {
  const auto protocol = [](const std::string& type, const std::string& more) {
    return "<Protocol><Type>" + type + "</Type>" + more + "</Protocol>";
  };
  auto read = read_plain_directions(
      plain("<Account>" + protocol("EXPR", "<EwsUrl>https://out.x.org/e</EwsUrl>") +
            protocol("EXCH", "<EwsUrl>https://in.x.org/e</EwsUrl><GroupingInformation>G</GroupingInformation>") +
            protocol("WEB", "") + "</Account>"));
  ASSERT_TRUE(read) << read.error().text;
  EXPECT_EQ(read->ews.host, "out.x.org");
  EXPECT_EQ(read->group, "G");
  EXPECT_EQ(read_plain_directions(
                plain("<Account><Action>redirectAddr</Action><RedirectAddr>b@y.org</RedirectAddr></Account>"))
                ->address,
            "b@y.org");
  EXPECT_EQ(
      read_plain_directions(plain("<Account><RedirectUrl>https://y.org/a.xml</RedirectUrl></Account>"))->elsewhere,
      "https://y.org/a.xml");
  EXPECT_TRUE(read_plain_directions(plain("<Error><ErrorCode>500</ErrorCode></Error>"))->nobody);
  for (const auto& broken :
       {std::string("no"), plain("<Error><ErrorCode>600</ErrorCode></Error>"), plain("<Account/>")})
    EXPECT_FALSE(read_plain_directions(broken)) << broken;
}

TEST(Autodiscover, TheOrderOfTries) {
  Discovery search("ann@x.org", below_x);
  std::vector<std::string> asked;
  while (const auto step = search.next()) {
    asked.push_back(step->url.text());
    EXPECT_EQ(step->body.empty(), step->form == Discovery::Form::redirect || step->form == Discovery::Form::service);
    EXPECT_FALSE(search.answered(*step, 404, {}));
  }
  EXPECT_EQ(
      asked,
      (std::vector<std::string>{
          "https://x.org/autodiscover/autodiscover.svc", "https://autodiscover.x.org/autodiscover/autodiscover.svc",
          "https://x.org/autodiscover/autodiscover.xml", "https://autodiscover.x.org/autodiscover/autodiscover.xml",
          "http://autodiscover.x.org/autodiscover/autodiscover.xml", "https://x.org/autodiscover/autodiscover.xml"}))
      << "the last one asks DNS";
  EXPECT_NE(search.why(), "");
}

TEST(Autodiscover, TheRedirectIsFollowedWithoutCredentialsAndOnlyToHttps) {
  const auto last = [](std::string_view location) {
    Discovery search("ann@x.org", below_x);
    std::optional<Discovery::Step> step;
    while ((step = search.next()) && step->form != Discovery::Form::redirect) search.answered(*step, 0, {});
    search.answered(*step, 302, {}, location);
    step = search.next();
    return step && step->form == Discovery::Form::service ? std::nullopt : step;
  };
  const auto step = last("https://there.x.org/a/autodiscover.xml");
  ASSERT_TRUE(step);
  EXPECT_EQ(step->form, Discovery::Form::plain);
  EXPECT_EQ(step->url.host, "there.x.org");
  EXPECT_FALSE(last("http://there.x.org/a.xml")) << "credentials go over TLS only";
  EXPECT_FALSE(last("https://evil.org/a.xml")) << "and only to hosts that are allowed";
  EXPECT_FALSE(last("nonsense"));
}

TEST(Autodiscover, WhatDnsNamesIsAskedOnlyWhereItIsAllowed) {
  for (const auto* location : {"https://mail.x.org:444/autodiscover/autodiscover.xml", "https://evil.org/a.xml"}) {
    Discovery search("ann@x.org", below_x);
    std::optional<Discovery::Step> step;
    while ((step = search.next()) && step->form != Discovery::Form::service) search.answered(*step, 0, {});
    ASSERT_TRUE(step);
    EXPECT_EQ(step->url.host, "x.org");
    search.answered(*step, 302, {}, location);
    step = search.next();
    ASSERT_EQ(step.has_value(), std::string_view(location).contains("x.org"));
    if (!step) continue;
    EXPECT_EQ(step->form, Discovery::Form::plain);
    EXPECT_EQ(step->url.text(), location);
    EXPECT_FALSE(step->body.empty());
  }
}

TEST(Autodiscover, FoundIsWhatIsAllowed) {
  Discovery search("ann@x.org", below_x);
  const auto step = search.next();
  EXPECT_TRUE(search.answered(*step, 200, there));
  EXPECT_EQ(search.found().group, "Site1");
  Discovery elsewhere("ann@x.org", [](const std::string& host) { return host == "x.org"; });
  EXPECT_FALSE(elsewhere.answered(*elsewhere.next(), 200, there));
  EXPECT_NE(elsewhere.why().find("hosts"), std::string::npos);
}

TEST(Autodiscover, ACircleEnds) {
  Discovery search("ann@x.org", below_x);
  int asked = 0;
  while (const auto step = search.next()) {
    ++asked;
    search.answered(*step, 200,
                    soap("<ErrorCode>RedirectAddress</ErrorCode><RedirectTarget>ann@x.org</RedirectTarget>"));
  }
  EXPECT_EQ(asked, Discovery::most);
  Discovery other("ann@x.org", below_x);
  for (asked = 0; const auto step = other.next(); ++asked)
    other.answered(*step, 302, {}, "https://x.org/autodiscover/autodiscover.svc");
  EXPECT_EQ(asked, Discovery::most);
}

TEST(Autodiscover, ANameThatIsNoAddressIsAskedNowhere) {
  for (const auto* name : {"ann", "", "@", "ann@", "ann@x.org/evil", "ann@x.org:80"}) {
    Discovery search(name, [](const std::string&) { return true; });
    EXPECT_FALSE(search.next()) << name;
  }
}

TEST(Autodiscover, AnAddressInTheSettingsIsAskedAlone) {
  const auto fixed = web::parse_url("https://x.org/custom/autodiscover.svc");
  Discovery search("ann@other.org", below_x, &*fixed);
  const auto step = search.next();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->form, Discovery::Form::soap);
  EXPECT_NE(step->body.find(">ann@other.org<"), std::string::npos);
  search.answered(*step, 500, {});
  EXPECT_FALSE(search.next());
}

}  // namespace
}  // namespace tidegate::ews
