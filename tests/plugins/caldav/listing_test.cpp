// SPDX-License-Identifier: Apache-2.0
// Long listings, of which a page at a time is asked for.
#include "tests/plugins/caldav/scripted_dav.hpp"

namespace tidegate::caldav {
namespace {

std::string moved(std::string text, const std::string& to) {
  for (auto at = text.find("/h/c/"); at != text.npos; at = text.find("/h/c/", at + to.size())) text.replace(at, 5, to);
  return text;
}

// The core asks for a page of each by turns. What was listed once is not listed again for each page.
TEST(DavListing, TwoCollectionsByTurnsAreListedOnceEach) {
  const std::vector<std::string> homes{"/h/c/", "/h/d/"};
  std::vector<HttpStep> script;
  for (const auto& home : homes) {
    script.push_back(said("PROPFIND " + home, moved(calendar("t1"), home), {"Depth: 0\n"}));
    script.push_back(
        said("PROPFIND " + home, moved(etag("/h/c/a.ics", "1") + etag("/h/c/b.ics", "1"), home), {"Depth: 1\n"}));
    script.push_back(said("REPORT " + home, moved(data("/h/c/a.ics", "1", event("a")), home), {"!b.ics"}));
  }
  for (const auto& home : homes)
    script.push_back(said("REPORT " + home, moved(data("/h/c/b.ics", "1", event("b")), home), {"!a.ics"}));
  OnScript with(std::move(script));
  const auto page = [&](const std::string& home, const Bytes& anchor) {
    return with.session->changes(within(), home, anchor, {1, 65536, {}});
  };
  std::vector<Bytes> anchors;
  for (const auto& home : homes) {
    const auto first = page(home, {});
    EXPECT_EQ(told(first), "+" + home + "a.ics");
    ASSERT_TRUE(first && first->more);
    anchors.push_back(first->anchor);
  }
  for (std::size_t n = 0; n < homes.size(); ++n)
    EXPECT_EQ(told(page(homes[n], anchors[n])), "+" + homes[n] + "b.ics .");
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::caldav
