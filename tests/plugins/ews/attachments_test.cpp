// SPDX-License-Identifier: Apache-2.0
// Files of items: ATTACH of an object and attachments at the server, what is asked and sent of them.
#include "plugins/ews/attachments.hpp"

#include "plugins/ews/base64.hpp"
#include "plugins/ews/objects.hpp"
#include "tests/plugins/ews/calendar_object.hpp"
#include "tests/plugins/ews/scripted_ews.hpp"

namespace tidegate::ews {
namespace {

std::string task_text(const std::string& lines) { return calendar_text("VTODO", lines); }
std::string attach(const std::string& octets, const std::string& parameters = "") {
  return "ATTACH" + parameters + ";VALUE=BINARY;ENCODING=BASE64:" + base64(octets) + "\r\n";
}
std::string file(const std::string& id, const std::string& name, const std::string& size, const std::string& more = "",
                 const std::string& element = "FileAttachment") {
  return "<t:" + element + "><t:AttachmentId Id='" + id + "'/><t:Name>" + name +
         "</t:Name><t:ContentType>text/plain; charset=x</t:ContentType><t:Size>" + size + "</t:Size>" + more +
         "</t:" + element + ">";
}
std::string inside(const std::string& files, const std::string& more = "") {
  return "<t:Subject>Mow</t:Subject>" + more + "<t:Attachments>" + files + "</t:Attachments>";
}
xml::Element element(const std::string& inside_) { return *xml::tree("<t:Task xmlns:t='t'>" + inside_ + "</t:Task>"); }

TEST(Attachments, WhatAnItemHas) {
  const auto all = attachments_of(
      element(inside(file("a", "dir/plan.txt", "5") + file("logo", "x.png", "5", "<t:IsInline>true</t:IsInline>") +
                     file("mail", "FW: it", "7", "", "ItemAttachment") + "<t:FileAttachment><t:Name>no id</t:Name>" +
                     "</t:FileAttachment>" + file("b", "", "6", "<t:Content>" + base64("of b") + "</t:Content>"))));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "plan.txt");
  EXPECT_EQ(all[0].type, "text/plain");
  EXPECT_FALSE(all[0].octets);
  EXPECT_FALSE(all[1].file);
  EXPECT_EQ(all[2].name, "attachment");
  EXPECT_EQ(all[2].octets, "of b");
}

TEST(Attachments, SoMuchIsHeldAndTheRestIsNamed) {
  const auto many = element(inside(file("a", "a", "8000000") + file("b", "b", "500000") + file("c", "c", "300000") +
                                   file("m", "m", "1", "", "ItemAttachment")));
  std::string held;
  for (const auto& each : held_attachments(Kind::task, many)) held += each.id;
  EXPECT_EQ(held, "ac");
  EXPECT_EQ(held_size(Kind::task, many), 8'300'000U);
  EXPECT_TRUE(held_attachments(Kind::contact, many).empty());
  auto there = many;
  add_content(there, "a", base64("of a"));
  const auto made = with_files(task_text("SUMMARY:Mow\r\n"), there);
  EXPECT_EQ(made, task_text("SUMMARY:Mow\r\nATTACH;FMTTYPE=text/plain;FILENAME=a;VALUE=BINARY;ENCODING=BASE64:" +
                            base64("of a") + "\r\nX-TIDEGATE-ATTACHMENT;FMTTYPE=text/plain;SIZE=500000:b\r\n" +
                            "X-TIDEGATE-ATTACHMENT;FMTTYPE=text/plain;SIZE=300000:c\r\n" +
                            "X-TIDEGATE-ATTACHMENT;FMTTYPE=text/plain;SIZE=1:m\r\n"));
}

TEST(Attachments, TheStoredObjectHasDigestsAndGetsItsFilesBack) {
  const auto octets =
      task_text("SUMMARY:Mow\r\n" + attach("one", ";X-LABEL=a.txt;X-A=1") + "ATTACH:https://x.org/y\r\n" +
                attach("two") + "X-TIDEGATE-ATTACHMENT:stale\r\nX-B:1\r\n");
  const auto stored = with_digests(octets);
  EXPECT_FALSE(stored.contains(base64("one"))) << stored;
  EXPECT_TRUE(stored.contains("ATTACH:https://x.org/y")) << stored;
  auto item_ = element(inside(file("1", "a.txt", "3") + file("2", "attachment", "3")));
  EXPECT_EQ(with_files(stored, item_),
            task_text("SUMMARY:Mow\r\nATTACH:https://x.org/y\r\nX-B:1\r\n"
                      "X-TIDEGATE-ATTACHMENT;FMTTYPE=text/plain;SIZE=3:a.txt\r\nX-TIDEGATE-ATTACHMENT;FMTTYPE=text/"
                      "plain;SIZE=3:attachment\r\n"));
  EXPECT_EQ(with_files(stored, element("")), task_text("SUMMARY:Mow\r\nATTACH:https://x.org/y\r\nX-B:1\r\n"))
      << "what was removed at the server";
  add_content(item_, "1", base64("one"));
  add_content(item_, "2", base64("two"));
  auto wanted = octets;
  wanted.erase(wanted.find("X-TIDEGATE-ATTACHMENT:stale\r\n"), 29);
  EXPECT_EQ(with_files(stored, item_), wanted);
  auto other_way_round = element(inside(file("2", "attachment", "3") + file("1", "a.txt", "3")));
  add_content(other_way_round, "1", base64("one"));
  add_content(other_way_round, "2", base64("two"));
  EXPECT_EQ(with_files(stored, other_way_round), wanted);
  const auto folded = with_digests(task_text(attach("one", ";FMTTYPE=text/plain;FILENAME=plan.txt")));
  EXPECT_TRUE(folded.contains(";X-\r\n TIDEGATE")) << folded;
  EXPECT_EQ(with_files(folded, element("")), task_text(""));
  EXPECT_EQ(without_files(Kind::task, octets), task_text("SUMMARY:Mow\r\nATTACH:https://x.org/y\r\nX-B:1\r\n"));
}

TEST(Attachments, WhatAnObjectHolds) {
  const auto read = files_in(object(task_text(attach("one", ";FMTTYPE=text/plain;FILENAME=\" ../ a b.txt \"") +
                                              attach("two", ";X-FILENAME=c") + "ATTACH:https://x.org/y\r\n")));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].name, "a b.txt");
  EXPECT_EQ((*read)[0].type, "text/plain");
  EXPECT_EQ((*read)[0].octets, "one");
  EXPECT_EQ((*read)[1].name, "c");
  const auto broken = files_in(object(task_text("ATTACH;VALUE=BINARY;ENCODING=BASE64:!!\r\n")));
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, FaultKind::invalid);
  EXPECT_TRUE(broken.error().where.contains("7") || broken.error().text.contains("7")) << broken.error().text;
  const auto much =
      files_in(object(task_text(attach(std::string(5U << 20, 'x')) + attach(std::string(4U << 20, 'y')))));
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().kind, FaultKind::too_large);
}

TEST(Attachments, AnInstanceOfASeriesHasNoneOfItsOwn) {
  const auto series = [](const std::string& of_master, const std::string& of_instance) {
    const std::string head = "BEGIN:VEVENT\r\nUID:u\r\nDTSTAMP:20260101T000000Z\r\n";
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n" + head +
           "DTSTART:20260101T080000Z\r\nRRULE:FREQ=DAILY;COUNT=3\r\n" + of_master + "END:VEVENT\r\n" + head +
           "RECURRENCE-ID:20260102T080000Z\r\nDTSTART:20260102T090000Z\r\n" + of_instance +
           "END:VEVENT\r\nEND:VCALENDAR\r\n";
  };
  const auto same = series(attach("one"), attach("one"));
  EXPECT_EQ(files_in(object(same))->size(), 1U);
  auto item_ = element(inside(file("1", "a", "3", "<t:Content>" + base64("one") + "</t:Content>")));
  EXPECT_EQ(with_files(with_digests(same), item_), series(attach("one"), ""));
  const auto other = files_in(object(series(attach("one"), attach("two"))));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, FaultKind::unsupported);
}

TEST(Attachments, WhatChanges) {
  const auto there = attachments_of(element(inside(file("1", "a", "3", "<t:Content>" + base64("one") + "</t:Content>") +
                                                   file("2", "b", "3", "<t:Content>" + base64("one") + "</t:Content>") +
                                                   file("unseen", "c", "9000000"))));
  const struct {
    std::vector<File> wanted;
    std::string made, gone;
  } table[] = {{{{"b", "", "one"}, {"a", "", "one"}}, "", ""},
               {{{"", "", "one"}, {"a", "", "one"}}, "", ""},
               {{{"a", "", "one"}}, "", "2"},
               {{}, "", "12"},
               {{{"", "", "one"}, {"", "", "one"}, {"", "", "one"}}, "+", ""},
               {{{"a", "", "one"}, {"renamed", "", "one"}}, "+renamed", "2"},
               {{{"a", "", "one"}, {"b", "", "two"}}, "+b", "2"}};
  for (const auto& [wanted, made, gone] : table) {
    const auto changes = changes_between(there, wanted);
    std::string made_, gone_;
    for (const auto& each : changes.made) made_ += "+" + each.name;
    for (const auto& each : changes.gone) gone_ += each;
    EXPECT_EQ(made_, made);
    EXPECT_EQ(gone_, gone);
  }
}

// --- with a server

std::string given(const std::string& id, const std::string& octets) {
  return good("GetAttachment", fmt::format("<m:Attachments><t:FileAttachment><t:AttachmentId Id='{}'/><t:Content>{}"
                                           "</t:Content></t:FileAttachment></m:Attachments>",
                                           id, base64(octets)));
}
std::string read(OnScript& with, const Bytes& id) {
  std::string octets;
  const auto done = with.session->read(within(), id, {}, [&](Octets part) {
    octets.append(reinterpret_cast<const char*>(part.data()), part.size());
    return true;
  });
  EXPECT_TRUE(done) << done.error().text << with.server.verdict();
  return octets;
}
const std::string updated = good("UpdateItem", "<m:Items><t:Task><t:ItemId Id='a' ChangeKey='k2'/></t:Task></m:Items>");
const std::string now = good("GetItem", "<m:Items><t:Task><t:ItemId Id='a' ChangeKey='k3'/></t:Task></m:Items>");

TEST(Attachments, OneThatIsReadComesWithItsFiles) {
  OnScript with({said("GetItem", item("a", "Task", inside(file("1", "a", "3") + file("big", "b", "9000000"))),
                      {"item:Attachments"}),
                 said("GetAttachment", given("1", "one"), {"<m:AttachmentIds><t:AttachmentId Id=\"1\"/></m:"})});
  const auto octets = read(with, "t:a");
  EXPECT_TRUE(octets.contains(base64("one"))) << octets;
  EXPECT_TRUE(octets.contains("SIZE=9000000:b")) << octets;
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Attachments, OneLongerThanItsServerSaysStaysThere) {
  OnScript with({said("GetItem", item("a", "Task", inside(file("lies", "a", "3") + file("2", "b", "3")))),
                 said("GetAttachment", given("lies", std::string(10U << 20, 'x')) + given("2", "two")),
                 said("GetAttachment", given("2", "two"), {"Id=\"2\""}),
                 said("GetAttachment", given("lies", std::string(10U << 20, 'x')), {"Id=\"lies\""})});
  const auto octets = read(with, "t:a");
  EXPECT_TRUE(octets.contains(base64("two"))) << octets.substr(0, 500);
  EXPECT_TRUE(octets.contains("SIZE=3:a")) << octets.substr(0, 500);
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Attachments, APageHoldsWhatMayComeAlongOnly) {
  OnScript with({said("GetFolder", good("GetFolder",
                                        "<m:Folders><t:TasksFolder><t:FolderId Id='tasks'/></t:TasksFolder>"
                                        "</m:Folders>")),
                 said("SyncFolderItems", page(created("a", "Task") + created("b", "Task"))),
                 said("GetItem", item("a", "Task", inside(file("1", "a", "300000"))) +
                                     item("b", "Task", inside(file("2", "b", "3")))),
                 said("GetAttachment", given("2", "two"), {"<m:AttachmentIds><t:AttachmentId Id=\"2\"/></m:"})});
  const auto listed = with.session->changes(within(std::chrono::minutes(5)), "tasks", "", {500, 4096, {}});
  ASSERT_TRUE(listed) << with.server.verdict();
  const auto& a = std::get<Upsert>(listed->changes[0]);
  const auto& b = std::get<Upsert>(listed->changes[1]);
  EXPECT_FALSE(a.content);
  EXPECT_GT(a.size, 400'000U) << "as long as it will be";
  ASSERT_TRUE(b.content);
  EXPECT_TRUE(b.content->contains(base64("two")));
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Attachments, AnEditMakesTheNewAndThenTakesTheOldAway) {
  OnScript with({said("GetItem", item("a", "Task", inside(file("1", "a", "3") + file("2", "b", "3")))),
                 said("GetAttachment", given("1", "one") + given("2", "two")), said("UpdateItem", updated),
                 said("CreateAttachment", good("CreateAttachment"),
                      {"<m:ParentItemId Id=\"a\"/><m:Attachments><t:FileAttachment><t:Name>new &amp; c.txt</t:Name><t:"
                       "ContentType>text/plain</t:ContentType><t:Content>" +
                       base64("new")}),
                 said("DeleteAttachment", good("DeleteAttachment"), {"Id=\"2\""}), said("GetItem", now)});
  const auto octets = task_text("SUMMARY:Mow\r\n" + attach("one", ";FILENAME=a") +
                                attach("new", ";FMTTYPE=text/plain;FILENAME=new & c.txt"));
  const auto done = with.session->update(within(), "t:a", "k-a", source_of(octets));
  ASSERT_TRUE(done) << done.error().text << with.server.verdict();
  EXPECT_EQ(done->content_rev, "k3");
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Attachments, AnEditOfSomethingElseTouchesNone) {
  OnScript with({said("GetItem", item("a", "Task", inside(file("1", "a", "3") + file("big", "b", "9000000")))),
                 said("GetAttachment", given("1", "one")), said("UpdateItem", updated, {"Mow it"})});
  const auto octets = task_text("SUMMARY:Mow it\r\n" + attach("one", ";FILENAME=a"));
  const auto done = with.session->update(within(), "t:a", "k-a", source_of(octets));
  ASSERT_TRUE(done) << done.error().text << with.server.verdict();
  EXPECT_EQ(done->content_rev, "k2");
  EXPECT_EQ(with.server.verdict(), "");
}

// Who died between UpdateItem and CreateAttachment comes again with the revision that was edited.
TEST(Attachments, ARepeatedEditMakesWhatIsMissingAndTakesNothing) {
  const auto octets = task_text("SUMMARY:Mow\r\n" + attach("one", ";FILENAME=a") + attach("new", ";FILENAME=n"));
  const auto there = inside(file("1", "a", "3") + file("of another", "b", "3"), stored_property(Kind::task, octets));
  OnScript with({said("GetItem", item("a", "Task", there)),
                 said("GetAttachment", given("1", "one") + given("of another", "two")),
                 said("CreateAttachment", good("CreateAttachment"), {base64("new")}), said("GetItem", now)});
  const auto done = with.session->update(within(), "t:a", "before", source_of(octets));
  ASSERT_TRUE(done) << done.error().text << with.server.verdict();
  EXPECT_EQ(with.server.verdict(), "");
  // Where anything else differs it is a conflict as ever.
  for (const auto& [inside_, wanted] :
       {std::pair(there + "<t:Importance>High</t:Importance>", octets),
        std::pair(there, task_text("SUMMARY:Mow\r\n" + attach("one", ";FILENAME=a"))),
        std::pair(there, task_text("SUMMARY:Mow\r\nX-A:1\r\n" + attach("one", ";FILENAME=a")))}) {
    with.server.more({said("GetItem", item("a", "Task", inside_)),
                      said("GetAttachment", given("1", "one") + given("of another", "two"))});
    const auto refused = with.session->update(within(), "t:a", "before", source_of(wanted));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, FaultKind::conflict);
  }
  EXPECT_EQ(with.server.verdict(), "");
}

TEST(Attachments, ANewItemHasItsFilesFromItsBirth) {
  const std::string made = "<m:Items><t:Task><t:ItemId Id='a' ChangeKey='k'/></t:Task></m:Items>";
  const auto octets = task_text("SUMMARY:Mow\r\n" + attach("one", ";FILENAME=a"));
  const NewItem wanted{.kind = Kind::task, .size = octets.size(), .flags = 0, .keywords = {}, .received = {}};
  const auto along = "<t:Attachments><t:FileAttachment><t:Name>a</t:Name><t:Content>" + base64("one");
  OnScript with({said("CreateItem", good("CreateItem", made), {along})});
  Attempt attempt{"token", {}, {}};
  EXPECT_TRUE(with.session->create(within(), "tasks", wanted, source_of(octets), attempt));
  EXPECT_EQ(with.server.verdict(), "");
  OnScript old({said("CreateItem", good("CreateItem", made)),
                said("CreateAttachment", good("CreateAttachment"), {base64("one")}), said("GetItem", now)},
               {{"version", "Exchange2010_SP2"}});
  EXPECT_TRUE(old.session->create(within(), "tasks", wanted, source_of(octets), attempt));
  EXPECT_EQ(old.server.verdict(), "");
  // The same again, after it was made without them.
  OnScript again({said("FindItem", good("FindItem",
                                        "<m:RootFolder><t:Items><t:Task><t:ItemId Id='a' ChangeKey='k'/></t:Task>"
                                        "</t:Items></m:RootFolder>")),
                  said("GetItem", item("a", "Task", "<t:Subject>Mow</t:Subject>")),
                  said("CreateAttachment", good("CreateAttachment"), {base64("one")}), said("GetItem", now)});
  Attempt repeated{"token", "created", {}};
  EXPECT_TRUE(again.session->create(within(), "tasks", wanted, source_of(octets), repeated));
  EXPECT_EQ(again.server.verdict(), "");
}

}  // namespace
}  // namespace tidegate::ews
