// SPDX-License-Identifier: Apache-2.0
// What is read next comes in one answer, and nothing of it is given twice or after a change.
#include "plugins/ews/base64.hpp"
#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

std::string with_mime(const std::string& id, const std::string& octets) {
  return good("GetItem", fmt::format("<m:Items><t:Message><t:MimeContent CharacterSet='UTF-8'>{}</t:MimeContent>"
                                     "<t:ItemId Id='{}' ChangeKey='k'/></t:Message></m:Items>",
                                     base64(octets), id));
}

struct Read {
  std::string octets;
  Result<std::uint64_t> given;
};
Read read(OnScript& with, const Bytes& item, Range range = {}) {
  Read made;
  made.given = with.session->read(within(), item, range, [&made](Octets part) {
    made.octets.append(reinterpret_cast<const char*>(part.data()), part.size());
    return true;
  });
  return made;
}

void expect(OnScript& with, std::initializer_list<Bytes> items) {
  std::vector<Session::Reading> next;
  for (const auto& item : items) next.push_back({item, {}});
  with.session->expect(within(), next);
}

TEST(EwsContents, WhatIsReadNextComesInOneAnswer) {
  OnScript with(
      {said("GetItem", with_mime("b", "second") + bad("GetItem", "ErrorItemNotFound") + with_mime("a", "first"),
            {"IncludeMimeContent>true", "Id=\"a\"", "Id=\"b\"", "Id=\"gone\""})});
  expect(with, {"a", "gone", "b"});
  EXPECT_EQ(read(with, "a").octets, "first");
  EXPECT_EQ(read(with, "b", {2, 3}).octets, "con");
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more({said("GetItem", bad("GetItem", "ErrorItemNotFound"), {"Id=\"gone\""}),
                    said("GetItem", with_mime("a", "first"), {"Id=\"a\""})});
  EXPECT_EQ(read(with, "gone").given.error().kind, FaultKind::not_found) << "it says why when it is read";
  EXPECT_EQ(read(with, "a").octets, "first") << "each is given once";
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, AFaultOfWhatIsExpectedShowsWhenItIsRead) {
  OnScript with({soap_fault("GetItem", "ErrorInternalServerError"), said("GetItem", with_mime("a", "first"))});
  expect(with, {"a", "b"});
  EXPECT_EQ(read(with, "a").octets, "first");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, BrokenAndOverlongContentsAreAskedForAlone) {
  const std::string large(3U << 20, 'x');
  auto broken = with_mime("a", "first");
  broken.replace(broken.find(base64("first")), 4, "!!!!");
  OnScript with({said("GetItem", broken + with_mime("b", "second") + with_mime("c", large) + with_mime("d", large))});
  expect(with, {"a", "b", "c", "d"});
  EXPECT_EQ(read(with, "b").octets, "second");
  EXPECT_EQ(read(with, "c").octets, large);
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more({said("GetItem", with_mime("d", large)), said("GetItem", with_mime("a", "first"))});
  EXPECT_EQ(read(with, "d").octets, large) << "more than is held ahead";
  EXPECT_EQ(read(with, "a").octets, "first");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, ObjectsComeTogetherToo) {
  const auto card = [](const std::string& id, const std::string& name) {
    return item(id, "Contact", "<t:DisplayName>" + name + "</t:DisplayName>");
  };
  OnScript with(
      {said("GetItem", card("a", "Ann") + card("b", "Bob")),
       said("GetItem", item("b", "Contact", "<t:DisplayName>Bob</t:DisplayName>")),
       said("UpdateItem",
            good("UpdateItem", "<m:Items><t:Contact><t:ItemId Id='b' ChangeKey='k2'/></t:Contact></m:Items>")),
       said("GetItem", card("b", "Bobby"))});
  expect(with, {"c:a", "c:b"});
  EXPECT_TRUE(read(with, "c:a").octets.contains("FN:Ann\r\n"));
  const auto updated = with.session->update(
      within(), "c:b", "k-b", source_of("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Bobby\r\nN:;;;;\r\nEND:VCARD\r\n"));
  ASSERT_TRUE(updated) << updated.error().text << updated.error().cause << with.server.verdict();
  EXPECT_TRUE(read(with, "c:b").octets.contains("FN:Bobby\r\n")) << "what was brought before is dropped";
  EXPECT_EQ(with.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::ews
