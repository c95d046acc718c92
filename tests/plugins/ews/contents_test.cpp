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

std::string contact_with(const std::string& id, const std::string& photo, const std::string& size) {
  return item(id, "Contact",
              "<t:Attachments><t:FileAttachment><t:AttachmentId Id='" + photo + "'/><t:Size>" + size +
                  "</t:Size><t:IsContactPhoto>true</t:IsContactPhoto></t:FileAttachment></t:Attachments>"
                  "<t:DisplayName>" +
                  id + "</t:DisplayName>");
}
std::string photo(const std::string& id, const std::string& octets) {
  return good("GetAttachment", fmt::format("<m:Attachments><t:FileAttachment><t:AttachmentId Id='{}'/><t:Content>{}"
                                           "</t:Content></t:FileAttachment></m:Attachments>",
                                           id, base64(octets)));
}
std::string card(const std::string& name, const std::string& photo_) {
  return "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:" + name + "\r\nN:;;;;\r\n" +
         (photo_.empty() ? "" : "PHOTO;ENCODING=b:" + base64(photo_) + "\r\n") + "END:VCARD\r\n";
}

TEST(EwsContents, PhotosComeWithTheirContactsUnlessTheyAreLarge) {
  OnScript with({said("GetItem",
                      contact_with("a", "pa", "4") + contact_with("b", "pb", "4") + contact_with("c", "pc", "2000000")),
                 said("GetAttachment", photo("pb", "of b") + bad("GetAttachment", "ErrorItemNotFound"),
                      {"<t:AttachmentId Id=\"pa\"/><t:AttachmentId Id=\"pb\"/></m:AttachmentIds>"})});
  expect(with, {"c:a", "c:b", "c:c"});
  EXPECT_FALSE(read(with, "c:a").octets.contains("PHOTO"));
  EXPECT_TRUE(read(with, "c:b").octets.contains(base64("of b")));
  EXPECT_FALSE(read(with, "c:c").octets.contains("PHOTO"));
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, ABusyServerDoesNotMakeAPhotoDisappear) {
  OnScript with({said("GetItem", contact_with("a", "pa", "4")),
                 said("GetAttachment", bad("GetAttachment", "ErrorServerBusy", value("BackOffMilliseconds", "5000")))});
  const auto got = read(with, "c:a");
  ASSERT_FALSE(got.given);
  EXPECT_EQ(got.given.error().kind, FaultKind::throttled);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, APhotoIsReplacedAddedAndTakenAway) {
  const auto updated =
      good("UpdateItem", "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k2'/></t:Contact></m:Items>");
  const auto now = good("GetItem", "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k3'/></t:Contact></m:Items>");
  const auto plain = item("a", "Contact", "<t:DisplayName>a</t:DisplayName>");
  const struct {
    const char *before, *after;
  } table[] = {{"old", "new"}, {"", "new"}, {"old", ""}, {"old", "old"}};
  for (const auto& [before, after] : table) {
    const std::string was = before, is = after;
    std::vector<HttpStep> script{said("GetItem", was.empty() ? plain : contact_with("a", "pa", "3"))};
    if (!was.empty()) script.push_back(said("GetAttachment", photo("pa", was)));
    script.push_back(said("UpdateItem", updated));
    if (!is.empty() && was != is)
      script.push_back(said("CreateAttachment", good("CreateAttachment"),
                            {"<m:ParentItemId Id=\"a\"/>", "<t:IsContactPhoto>true", base64(is)}));
    if (!was.empty() && was != is) script.push_back(said("DeleteAttachment", good("DeleteAttachment"), {"Id=\"pa\""}));
    if (was != is) script.push_back(said("GetItem", now));
    OnScript with(std::move(script));
    const auto done = with.session->update(within(), "c:a", "k-a", source_of(card("Ann", is)));
    ASSERT_TRUE(done) << done.error().text << with.server.verdict();
    EXPECT_EQ(done->content_rev, was == is ? "k2" : "k3");
    EXPECT_EQ(with.server.verdict(), "") << was << is;
  }
}

TEST(EwsContents, APhotoThatADeviceCanNotSeeGoesOnlyForAnother) {
  const auto updated =
      good("UpdateItem", "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k2'/></t:Contact></m:Items>");
  const auto now = good("GetItem", "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k3'/></t:Contact></m:Items>");
  OnScript with({said("GetItem", contact_with("a", "large", "9000000")), said("UpdateItem", updated)});
  EXPECT_TRUE(with.session->update(within(), "c:a", "k-a", source_of(card("Ann", ""))));
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more({said("GetItem", contact_with("a", "large", "9000000")), said("UpdateItem", updated),
                    said("CreateAttachment", good("CreateAttachment"), {base64("new")}),
                    said("DeleteAttachment", good("DeleteAttachment"), {"Id=\"large\""}), said("GetItem", now)});
  EXPECT_TRUE(with.session->update(within(), "c:a", "k-a", source_of(card("Ann", "new"))));
  EXPECT_EQ(with.server.verdict(), "");
}

// Who died behind CreateAttachment left two.
TEST(EwsContents, OfTwoPhotosTheLastCountsAndARepeatedEditTakesTheOtherAway) {
  const auto octets = card("a", "new");
  const auto photo_at = [](const std::string& id) {
    return "<t:FileAttachment><t:AttachmentId Id='" + id +
           "'/><t:Size>3</t:Size><t:IsContactPhoto>true"
           "</t:IsContactPhoto></t:FileAttachment>";
  };
  const auto there = item("a", "Contact",
                          "<t:Attachments>" + photo_at("old") + photo_at("last") + "</t:Attachments>" +
                              stored_property(Kind::contact, octets) + "<t:DisplayName>a</t:DisplayName>");
  const auto given = photo("old", "old") + photo("last", "new");
  OnScript with({said("GetItem", there), said("GetAttachment", given)});
  EXPECT_EQ(read(with, "c:a").octets, octets);
  with.server.more({said("GetItem", there), said("GetAttachment", given),
                    said("DeleteAttachment", good("DeleteAttachment"), {"Id=\"old\""}),
                    said("GetItem", good("GetItem",
                                         "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k3'/></t:Contact>"
                                         "</m:Items>"))});
  const auto done = with.session->update(within(), "c:a", "before", source_of(octets));
  EXPECT_TRUE(done) << done.error().text;
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(EwsContents, ACreatedContactGetsItsPhotoAlsoWhenItIsRepeated) {
  const auto created_ = "<m:Items><t:Contact><t:ItemId Id='a' ChangeKey='k'/></t:Contact></m:Items>";
  const auto octets = card("Ann", "new");
  const NewItem contact{.kind = Kind::contact, .size = octets.size(), .flags = 0, .keywords = {}, .received = {}};
  const auto then = [&](std::vector<HttpStep> script) {
    script.push_back(said("CreateAttachment", good("CreateAttachment"), {base64("new")}));
    script.push_back(said("GetItem", good("GetItem", created_)));
    return script;
  };
  OnScript first(then({said("CreateItem", good("CreateItem", created_))}));
  Attempt attempt{"token", {}, {}};
  EXPECT_TRUE(first.session->create(within(), "contacts", contact, source_of(octets), attempt));
  EXPECT_EQ(first.server.verdict(), "");
  OnScript again(then({said("FindItem", good("FindItem",
                                             "<m:RootFolder><t:Items><t:Contact><t:ItemId Id='a' ChangeKey='k'/>"
                                             "</t:Contact></t:Items></m:RootFolder>")),
                       said("GetItem", item("a", "Contact", "<t:DisplayName>Ann</t:DisplayName>"))}));
  Attempt repeated{"token", "created", {}};
  EXPECT_TRUE(again.session->create(within(), "contacts", contact, source_of(octets), repeated));
  EXPECT_EQ(again.server.verdict(), "");
}

TEST(EwsShared, WhoLooksIntoAnothersMailboxActsByHisOwnRights) {
  // The folders of a role are asked for in the owner's mailbox, by the actor, near where the mailbox is.
  const Mailbox team{"ann@x.org", "team@x.org", "ann@x.org"};
  HttpStep open = folders();
  for (const auto* each :
       {"<t:PrimarySmtpAddress>ann@x.org</t:PrimarySmtpAddress>", "<t:EmailAddress>team@x.org</t:EmailAddress>",
        "X-AnchorMailbox: team@x.org", "<t:DistinguishedFolderId Id=\"inbox\"><t:Mailbox><t:EmailAddress>team@x.org"})
    open.holds.emplace_back(each);
  OnScript with({open, said("SyncFolderHierarchy",
                            good("SyncFolderHierarchy",
                                 "<m:SyncState>S</m:SyncState><m:IncludesLastFolderInRange>true"
                                 "</m:IncludesLastFolderInRange><m:Changes/>"),
                            {"<t:DistinguishedFolderId Id=\"msgfolderroot\"><t:Mailbox><t:EmailAddress>team@x.org"})});
  auto session = with.backend->open(within(), team);
  ASSERT_TRUE(session) << with.server.verdict();
  EXPECT_TRUE((*session)->changes(within(), "", "", {500, 0, {}}));
  EXPECT_EQ(with.server.verdict(), "");
  with.server.more({said("GetFolder", bad("GetFolder", "ErrorAccessDenied"))});
  const auto closed = with.backend->open(within(), team);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().kind, FaultKind::denied);
}

}  // namespace
}  // namespace tidegate::ews
