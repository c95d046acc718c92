// SPDX-License-Identifier: Apache-2.0
#include "core/xml/element.hpp"

#include <gtest/gtest.h>

namespace tidegate::xml {
namespace {

constexpr std::string_view answer =
    "<m xmlns='DAV:'><x>1</x><r><href> /a </href><p><q "
    "n='v'/></p></r><r><href>/b</href><r>inner</r></r><token>t</token></m>";

TEST(XmlElements, EachWantedOneComesWholeAndInOrder) {
  std::vector<Element> all;
  Elements elements([](const Name& name) { return name == Name{"DAV:", "r"} || name == Name{"DAV:", "token"}; },
                    [&](Element&& one) { return (all.push_back(std::move(one)), true); }, 10'000);
  ASSERT_TRUE(read(answer, elements));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].child({"DAV:", "href"})->trimmed(), "/a");
  ASSERT_NE(all[0].child({{"DAV:", "p"}, {"DAV:", "q"}}), nullptr);
  EXPECT_EQ(all[0].child({{"DAV:", "p"}, {"DAV:", "q"}})->attribute("n"), "v");
  EXPECT_EQ(all[0].child({{"DAV:", "p"}, {"DAV:", "none"}}), nullptr);
  EXPECT_EQ(all[0].child({"other:", "href"}), nullptr) << "another namespace, another name";
  EXPECT_EQ(all[1].child({"DAV:", "r"})->text, "inner");
  EXPECT_EQ(all[2].text, "t");
}

TEST(XmlElements, OneThatIsTooLargeEndsTheReading) {
  int taken = 0;
  Elements elements([](const Name& name) { return name.local == "r"; }, [&](Element&&) { return (++taken, true); },
                    2000);
  std::string document = "<m><r>small</r><r>";
  for (int n = 0; n < 1000; ++n) document += "<e/>";
  ASSERT_TRUE(read(document + "</r><r/></m>", elements));
  EXPECT_TRUE(elements.oversize());
  EXPECT_EQ(taken, 1);
}

TEST(XmlElements, EnoughIsEnough) {
  int taken = 0;
  Elements elements([](const Name& name) { return name.local == "r"; }, [&](Element&&) { return ++taken < 2; }, 2000);
  ASSERT_TRUE(read("<m><r/><r/><r/></m>", elements));
  EXPECT_EQ(taken, 2);
  EXPECT_FALSE(elements.oversize());
}

TEST(XmlTree, IsTheWholeDocument) {
  const auto root = tree(answer);
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->is({"DAV:", "m"}));
  EXPECT_EQ(root->children.size(), 4U);
  EXPECT_FALSE(tree("<a>"));
  EXPECT_FALSE(tree("<!DOCTYPE a><a/>"));
}

}  // namespace
}  // namespace tidegate::xml
