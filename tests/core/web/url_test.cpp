// SPDX-License-Identifier: Apache-2.0
#include "core/web/url.hpp"

#include <gtest/gtest.h>

namespace tidegate::web {
namespace {

TEST(WebUrl, IsTakenApart) {
  const auto url = parse_url("https://DAV.Example.com/a%20b/?x=1#y");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "dav.example.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/a%20b/?x=1");
  EXPECT_EQ(url->path(), "/a%20b/");
  EXPECT_EQ(url->text(), "https://dav.example.com/a%20b/?x=1");
  EXPECT_EQ(parse_url("http://[2001:db8::1]:8080")->text(), "http://[2001:db8::1]:8080/");
  EXPECT_EQ(parse_url("https://h:443/")->origin(), "https://h");
  for (const auto* wrong : {"", "dav.example.com", "ftp://h/", "https://", "https://u:p@h/", "https://h:0/",
                            "https://h:99999/", "file:///etc/passwd"})
    EXPECT_FALSE(parse_url(wrong)) << wrong;
}

TEST(WebUrl, ReferencesMeanWhatTheBaseMakesOfThem) {
  const auto base = *parse_url("https://h:8443/dav/anna/");
  const std::pair<const char*, const char*> table[] = {
      {"/cal/x.ics", "https://h:8443/cal/x.ics"},
      {"x.ics", "https://h:8443/dav/anna/x.ics"},
      {" \n/cal/ \n", "https://h:8443/cal/"},
      {"https://other.example/a", "https://other.example/a"},
      {"../bob/", "https://h:8443/dav/bob/"},
      {"/a b/gr\xC3\xBC\xC3\x9F", "https://h:8443/a%20b/gr%C3%BC%C3%9F"},
      {"/cal/a%2Fb@x.ics", "https://h:8443/cal/a%2Fb@x.ics"},
  };
  for (const auto& [reference, meant] : table) {
    const auto url = resolve(base, reference);
    ASSERT_TRUE(url) << reference;
    EXPECT_EQ(url->text(), meant);
  }
  for (const auto* wrong : {"", "  ", "javascript:alert(1)", "file:///etc/passwd", "https://u@h/"})
    EXPECT_FALSE(resolve(base, wrong)) << wrong;
  EXPECT_TRUE(base.same_origin(*resolve(base, "/x")));
  EXPECT_FALSE(base.same_origin(*parse_url("https://h/")));
  EXPECT_FALSE(base.same_origin(*parse_url("http://h:8443/")));
}

TEST(WebUrl, PercentSignsComeAndGo) {
  EXPECT_EQ(encoded("a b/\xC3\xBC~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(decoded(encoded("a b/\xC3\xBC~%")), "a b/\xC3\xBC~%");
  EXPECT_EQ(decoded("%4"), "%4");
  EXPECT_EQ(decoded("%zz%41"), "%zzA");
}

}  // namespace
}  // namespace tidegate::web
