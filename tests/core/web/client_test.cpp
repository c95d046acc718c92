// SPDX-License-Identifier: Apache-2.0
// The client against a scripted server, with and without TLS.
#include "core/web/client.hpp"

#include <thread>

#include <gtest/gtest.h>

#include "tests/core/tls/certificates.hpp"
#include "tests/peers/scripted_http.hpp"

namespace tidegate::web {
namespace {

using namespace std::chrono_literals;
using peers::HttpStep;
using peers::ScriptedHttp;

Call within(std::chrono::milliseconds time = 20s) { return Call{Clock::now() + time, {}, 0}; }

Request get(const ScriptedHttp& server, std::string_view target = "/") {
  Request made;
  made.url = *parse_url(server.url(target));
  return made;
}

ClientSettings plain() {
  ClientSettings made;
  made.allow_plaintext = true;
  return made;
}

TEST(WebClient, KeepsItsConnectionAndSendsWhatItIsTold) {
  ScriptedHttp server({{.hear = "PROPFIND /a%20b/",
                        .holds = {"Depth: 1\n", "User-Agent: Tidegate\n", "Content-Length: 4\n", "\n\n<x/>", "!Expect",
                                  "!Authorization"},
                        .status = 207,
                        .fields = "ETag: \"1\"\r\n",
                        .body = "<m/>"},
                       {.hear = "DELETE /gone", .holds = {"If-Match: \"2\"\n"}, .status = 204},
                       {.hear = "PUT /new", .holds = {"Content-Length: 0\n"}, .status = 404, .body = "no"}});
  Client client(plain());
  auto request = get(server, "/a b/");
  request.method = "PROPFIND";
  request.fields.add("Depth", "1");
  request.body = "<x/>";
  const auto found = client.send(within(), request);
  ASSERT_TRUE(found) << found.error().text << found.error().cause;
  EXPECT_EQ(found->status, 207U);
  EXPECT_EQ(found->body, "<m/>");
  ASSERT_NE(found->fields.find("etag"), nullptr);
  EXPECT_EQ(*found->fields.find("etag"), "\"1\"");
  request = get(server, "/gone");
  request.method = "DELETE";
  request.fields.add("If-Match", "\"2\"");
  EXPECT_EQ(client.send(within(), request)->status, 204U);
  request = get(server, "/new");
  request.method = "PUT";
  const auto refused = client.send(within(), request, [](std::string_view) { return true; });
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->body, "no") << "a sink gets no refusals";
  EXPECT_EQ(server.verdict(), "");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connects(), 1U);
}

// SOGo closes after each answer without saying so: whether that is seen before the next request is chance.
TEST(WebClient, AConnectionThatEndsBetweenTwoRequestsIsNobodysFault) {
  constexpr int rounds = 14;
  std::vector<HttpStep> script{{.hear = "PUT /0", .status = 201}};
  for (int round = 1; round < rounds; ++round) {
    script.push_back({.hear = "PUT /" + std::to_string(round), .drop = true});
    script.push_back({.hear = "PUT /" + std::to_string(round), .holds = {"\n\nwhat is stored"}, .status = 201});
  }
  ScriptedHttp server(std::move(script));
  Client client(plain());
  for (int round = 0; round < rounds; ++round) {
    auto request = get(server, "/" + std::to_string(round));
    request.method = "PUT";
    request.body = "what is stored";
    const auto answer = client.send(within(), request);
    ASSERT_TRUE(answer) << round << ": " << answer.error().text << answer.error().cause;
    EXPECT_EQ(answer->status, 201U);
  }
  EXPECT_EQ(server.verdict(), "");
}

TEST(WebClient, AServerThatNeverAnswersIsAFault) {
  ScriptedHttp server({{.hear = "GET /", .drop = true}});
  Client client(plain());
  const auto answer = client.send(within(), get(server, "/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, FaultKind::unavailable);
  EXPECT_EQ(server.verdict(), "");
}

TEST(WebClient, TlsIsVerified) {
  tests::Certificates ours, foreign("Somebody Else");
  const auto files = ours.issue();
  const auto other_name = ours.issue({.name = "other.example"});
  {
    ScriptedHttp server({{.hear = "GET /", .body = "hello"}}, {files.certificate, files.key});
    Client client({.ca_file = ours.ca_file()});
    const auto got = client.send(within(), get(server));
    ASSERT_TRUE(got) << got.error().text << got.error().cause;
    EXPECT_EQ(got->body, "hello");
    for (const auto& ca : {foreign.ca_file(), std::string()}) {
      Client stranger({.ca_file = ca});
      const auto refused = stranger.send(within(), get(server));
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().kind, FaultKind::denied) << refused.error().cause;
    }
    EXPECT_EQ(server.verdict(), "");
  }
  ScriptedHttp server({}, {other_name.certificate, other_name.key});
  const auto refused = Client({.ca_file = ours.ca_file()}).send(within(), get(server));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::denied) << refused.error().cause;
  ScriptedHttp in_clear({});
  EXPECT_EQ(Client({}).send(within(), get(in_clear)).error().kind, FaultKind::denied);
  EXPECT_EQ(in_clear.connections(), 0);
}

TEST(WebClient, LoginsByBasicBearerAndDigest) {
  ScriptedHttp server(
      {{.holds = {"Authorization: Basic YW5uYTpzZWNyZXQ=\n"}},
       {.holds = {"Authorization: Bearer tok.en\n"}},
       {.holds = {"!Authorization"}},
       {.holds = {"!response="},
        .status = 401,
        .fields = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n",
        .body = "who?"},
       {.holds = {"Authorization: Digest username=\"anna\"", "nonce=\"n1\"", "uri=\"/d\""}, .body = "fine"},
       {.holds = {"nonce=\"n1\"", "nc=00000002"}}});
  Client client(plain());
  auto request = get(server);
  request.login = {Login::Scheme::basic, "anna", "secret"};
  EXPECT_EQ(client.send(within(), request)->status, 200U);
  request.login = {Login::Scheme::bearer, "anna", "tok.en"};
  EXPECT_EQ(client.send(within(), request)->status, 200U);
  request.login = {};
  EXPECT_EQ(client.send(within(), request)->status, 200U) << "the one before left nothing behind";
  request = get(server, "/d");
  request.login = {Login::Scheme::digest, "anna", "secret"};
  const auto got = client.send(within(), request);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 200U);
  EXPECT_EQ(got->body, "fine");
  EXPECT_EQ(client.send(within(), request)->status, 200U) << "the nonce is used again";
  EXPECT_EQ(server.verdict(), "");
  EXPECT_EQ(server.connections(), 2) << "a digest has a connection of its own";
}

TEST(WebClient, ConnectionsOfNtlmServeTheirUserAlone) {
  // The first message of a login; what the server makes of it is its business.
  const HttpStep challenge{.holds = {"Authorization: NTLM TlRMTVNTUAAB"}, .status = 401, .body = "no"};
  ScriptedHttp server({challenge, challenge});
  Client client(plain());
  for (const auto* user : {"anna", "bert"}) {
    auto request = get(server);
    request.login = {Login::Scheme::ntlm, user, "secret"};
    EXPECT_EQ(client.send(within(), request)->status, 401U);
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST(WebClient, RedirectsAreFollowedWithinTheOriginOnly) {
  ScriptedHttp elsewhere({});
  ScriptedHttp server(
      {{.hear = "PROPFIND /a", .status = 301, .fields = "Location: /b\r\n", .body = "moved"},
       {.hear = "PROPFIND /b", .holds = {"Authorization: Basic", "\n\n<x/>"}, .status = 207, .body = "<m/>"},
       {.hear = "PROPFIND /a", .status = 302, .fields = "Location: " + elsewhere.url("/x") + "\r\n"}});
  Client client(plain());
  auto request = get(server, "/a");
  request.method = "PROPFIND";
  request.body = "<x/>";
  request.login = {Login::Scheme::basic, "anna", "secret"};
  const auto got = client.send(within(), request);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->body, "<m/>");
  EXPECT_EQ(got->url.target, "/b");
  const auto away = client.send(within(), request);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().kind, FaultKind::denied);
  EXPECT_EQ(elsewhere.connections(), 0) << "credentials must never go there";
  EXPECT_EQ(server.verdict(), "");
  ScriptedHttp circle(std::vector<HttpStep>(6, {.status = 307, .fields = "Location: /\r\n"}));
  EXPECT_EQ(client.send(within(), get(circle)).error().kind, FaultKind::invalid);
  EXPECT_EQ(circle.verdict(), "");
}

TEST(WebClient, WhereItMayVisitItGoes) {
  tests::Certificates authority;
  const auto files = authority.issue();
  ScriptedHttp elsewhere({{.hear = "GET /x", .holds = {"Authorization: Basic"}, .body = "there"}},
                         {files.certificate, files.key});
  ScriptedHttp server({{.status = 302, .fields = "Location: " + elsewhere.url("/x") + "\r\n"}},
                      {files.certificate, files.key});
  Client client(
      {.ca_file = authority.ca_file(), .may_visit = [&](const Url& to) { return to.port == elsewhere.port(); }});
  auto request = get(server);
  request.login = {Login::Scheme::basic, "anna", "secret"};
  const auto got = client.send(within(), request);
  ASSERT_TRUE(got) << got.error().text;
  EXPECT_EQ(got->body, "there");
  EXPECT_EQ(elsewhere.verdict(), "");
}

TEST(WebClient, AnswersHaveAnEnd) {
  const std::string large(100'000, 'x');
  ScriptedHttp server({{.body = large},
                       {.body = large},
                       {.body = large},
                       {.fields = "X: " + std::string(70'000, 'x') + "\r\n", .body = "x"},
                       {.status = 500, .body = large},
                       {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", .close = true},
                       {.raw = "220 ESMTP ready\r\n", .close = true}});
  Client client(plain());
  auto request = get(server);
  request.most = 50'000;
  EXPECT_EQ(client.send(within(), request).error().kind, FaultKind::too_large);
  std::size_t octets = 0;
  const auto all =
      client.send(within(), get(server), [&](std::string_view piece) { return (octets += piece.size(), true); });
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->body.empty());
  EXPECT_EQ(octets, large.size());
  EXPECT_TRUE(client.send(within(), get(server), [&](std::string_view) { return false; })) << "enough is no fault";
  EXPECT_EQ(client.send(within(), get(server)).error().kind, FaultKind::too_large);
  const auto refused = client.send(within(), get(server));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->body.size(), 65'536U);
  EXPECT_EQ(client.send(within(), get(server)).error().kind, FaultKind::unavailable);
  EXPECT_FALSE(client.send(within(), get(server)));
  EXPECT_EQ(server.verdict(), "");
}

TEST(WebClient, DeadlineAndStopEndTheWaiting) {
  ScriptedHttp server({{.hang = true}, {.hang = true}});
  Client client(plain());
  const auto late = client.send(within(200ms), get(server));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FaultKind::cancelled);
  std::stop_source stop;
  std::jthread stopper([&] {
    while (server.heard().size() < 2) std::this_thread::yield();
    stop.request_stop();
  });
  const auto stopped = client.send(Call{Clock::now() + 60s, stop.get_token(), 0}, get(server));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, FaultKind::cancelled);
  EXPECT_EQ(client.send(Call{Clock::now() + 60s, stop.get_token(), 0}, get(server)).error().kind, FaultKind::cancelled);
  EXPECT_EQ(server.connections(), 2);
}

TEST(WebClient, SaysWhatIsWrongWithTheWay) {
  Client client(plain());
  Request request;
  request.url = *parse_url("http://localhost:1/");
  const auto nobody = client.send(within(), request);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, FaultKind::unavailable);
  EXPECT_TRUE(nobody.error().text.contains("localhost:1"));
  request.url = *parse_url("http://nobody.invalid/");
  EXPECT_TRUE(client.send(within(), request).error().text.contains("nobody.invalid"));
  request.fields.add("X", "a\r\nHost: evil");
  EXPECT_EQ(client.send(within(), request).error().kind, FaultKind::invalid);
}

TEST(WebClient, ProxiesAreAskedAndNothingOfTheEnvironmentIs) {
  ScriptedHttp proxy(
      {{.hear = "CONNECT target.example:443", .status = 407, .fields = "Proxy-Authenticate: Basic realm=\"p\"\r\n"},
       {.hear = "CONNECT target.example:443", .holds = {"Proxy-Authorization: Basic dTpw\n"}, .status = 403}});
  ClientSettings settings;
  settings.route = [&](const std::string& host, std::uint16_t) -> Result<std::optional<sim::Proxy>> {
    if (host != "target.example") return std::nullopt;
    return sim::Proxy{.host = "localhost", .port = proxy.port(), .user = "u", .password = "p"};
  };
  settings.allow_plaintext = true;
  Client client(settings);
  Request request;
  request.url = *parse_url("https://target.example/");
  request.login = {Login::Scheme::basic, "anna", "secret"};
  const auto refused = client.send(within(), request);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().text.contains("403")) << refused.error().text;
  EXPECT_EQ(proxy.verdict(), "");
  ScriptedHttp direct({{.hear = "GET /"}});
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  EXPECT_TRUE(client.send(within(), get(direct)));
  ::unsetenv("http_proxy");
}

TEST(WebFault, StatusesHaveKinds) {
  const std::pair<unsigned, FaultKind> table[] = {
      {401, FaultKind::auth},        {403, FaultKind::denied},      {404, FaultKind::not_found},
      {410, FaultKind::not_found},   {412, FaultKind::conflict},    {413, FaultKind::too_large},
      {405, FaultKind::unsupported}, {423, FaultKind::unavailable}, {429, FaultKind::throttled},
      {500, FaultKind::unavailable}, {503, FaultKind::unavailable}, {507, FaultKind::quota},
      {400, FaultKind::invalid}};
  for (const auto& [status, kind] : table) EXPECT_EQ(fault_of({.status = status}, "x").kind, kind) << status;
  Response busy{.status = 503};
  busy.fields.add("Retry-After", "17");
  EXPECT_EQ(fault_of(busy, "x").kind, FaultKind::throttled);
  EXPECT_EQ(fault_of(busy, "x").retry_after, 17s);
}

}  // namespace
}  // namespace tidegate::web
