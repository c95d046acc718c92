// SPDX-License-Identifier: Apache-2.0
// Tables of what elements mean: codes, items, folders, anchors, dates; and what gates and mergers let through.
#include "plugins/ews/items.hpp"

#include <gtest/gtest.h>

#include "plugins/ews/base64.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/gate.hpp"
#include "plugins/ews/merger.hpp"

namespace tidegate::ews {
namespace {

using std::chrono::milliseconds;

TEST(Faults, ACodeHasOneMeaning) {
  const std::pair<std::string_view, FaultKind> table[] = {
      {"ErrorAccessDenied", FaultKind::denied},           {"ErrorItemNotFound", FaultKind::not_found},
      {"ErrorInvalidIdMalformed", FaultKind::not_found},  {"ErrorIrresolvableConflict", FaultKind::conflict},
      {"ErrorStaleObject", FaultKind::conflict},          {"ErrorInvalidSyncStateData", FaultKind::anchor_expired},
      {"ErrorServerBusy", FaultKind::throttled},          {"ErrorQuotaExceeded", FaultKind::quota},
      {"ErrorFolderExists", FaultKind::exists},           {"ErrorImpersonateUserDenied", FaultKind::auth},
      {"ErrorNonExistentMailbox", FaultKind::not_found},  {"ErrorCannotFindUser", FaultKind::not_found},
      {"ErrorMessageSizeExceeded", FaultKind::too_large}, {"ErrorMailboxMoveInProgress", FaultKind::unavailable},
      {"ErrorSchemaValidation", FaultKind::invalid},      {"ErrorInvalidPropertySet", FaultKind::invalid},
      {"ErrorOfTomorrow", FaultKind::unavailable},        {"", FaultKind::unavailable},
      {"ErrorVirusMessageDeleted", FaultKind::not_found}};
  for (const auto& [code, kind] : table) EXPECT_EQ(kind_of(code), kind) << code;
}

TEST(Faults, BackOffIsBounded) {
  const auto asked = [](std::string value) {
    return Trouble{.values = {{"BackOffMilliseconds", std::move(value)}}}.back_off();
  };
  EXPECT_EQ(asked("250"), milliseconds(250));
  EXPECT_EQ(asked("99999999"), std::chrono::hours(1));
  EXPECT_EQ(asked("99999999999999999999"), std::chrono::hours(1));
  for (const auto* wrong : {"", "-5", "0", "soon"}) EXPECT_EQ(asked(wrong), std::nullopt) << wrong;
}

TEST(Faults, TheServersWordsAreForTheLog) {
  const auto made = fault_of({.code = "<b>", .text = "Dear Ann"}, "here");
  EXPECT_EQ(made.text.find("Ann") + made.text.find("<b>"), 2 * std::string::npos);
  EXPECT_EQ(made.cause, "Dear Ann");
}

TEST(Base64, ThereAndBackInWhateverPieces) {
  std::string octets;
  for (int i = 0; i < 300; ++i) {
    const auto text = base64(octets);
    for (const std::size_t piece : {1U, 3U, 1000U}) {
      Base64Decoder decoder;
      std::string back;
      for (std::size_t at = 0; at < text.size(); at += piece)
        ASSERT_TRUE(decoder.feed(std::string_view(text).substr(at, piece), back));
      EXPECT_TRUE(decoder.finish());
      ASSERT_EQ(back, octets);
    }
    octets += static_cast<char>(i * 7);
  }
  std::string out;
  EXPECT_TRUE(from_base64(" TW\r\nFu ", out));
  EXPECT_EQ(out, "Man");
  for (const auto* wrong : {"T", "TWF*", "TQ==TQ==", "=", "TWFuT"}) EXPECT_FALSE(from_base64(wrong, out)) << wrong;
}

TEST(Items, Dates) {
  const auto at = [](long long seconds) { return std::chrono::sys_seconds(std::chrono::seconds(seconds)); };
  EXPECT_EQ(date_time("2026-11-29T10:43:00Z"), at(1795948980));
  EXPECT_EQ(date_time("2026-11-29T10:43:00.123Z"), at(1795948980));
  EXPECT_EQ(date_time("2026-11-29T11:43:00+01:00"), at(1795948980));
  EXPECT_EQ(date_time("2026-11-29T05:13:00-05:30"), at(1795948980));
  EXPECT_EQ(date_time(at(1795948980)), "2026-11-29T10:43:00Z");
  for (const auto* wrong : {"", "2026", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-29 10:43:00",
                            "2026-11-29T10:61:00Z", "2026-11-29T10:43:00+", "2026-11-29T1"})
    EXPECT_EQ(date_time(wrong), std::nullopt) << wrong;
}

xml::Element tree(std::string_view text) {
  auto made = xml::tree(text);
  EXPECT_TRUE(made) << text;
  return made ? *made : xml::Element{};
}

TEST(Items, AMessageBecomesAnItem) {
  const auto message = tree(
      "<Message><ItemId Id='x' "
      "ChangeKey='k'/><Size>1234</Size><DateTimeReceived>2026-11-29T10:43:00Z</DateTimeReceived>"
      "<Categories><String>red</String></Categories><IsDraft>false</IsDraft><InternetMessageId>&lt;1@a&gt;</"
      "InternetMessageId>"
      "<ExtendedProperty><ExtendedFieldURI PropertyTag='4240' "
      "PropertyType='Integer'/><Value>2</Value></ExtendedProperty>"
      "<ExtendedProperty><ExtendedFieldURI PropertyTag='0x1081' "
      "PropertyType='Integer'/><Value>103</Value></ExtendedProperty>"
      "<IsRead>true</IsRead></Message>");
  const auto item = upsert_of(message, "f");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->id, "x");
  EXPECT_EQ(item->folders, std::vector<Bytes>{"f"});
  EXPECT_EQ(item->flags, seen | flagged | answered);
  EXPECT_EQ(item->size, 1234U);
  EXPECT_EQ(item->keywords, std::vector<std::string>{"red"});
  EXPECT_TRUE(item->content_rev.empty());
  auto moved = message;
  moved.children[0].attributes[0].value = "y";
  EXPECT_EQ(upsert_of(moved, "g")->fingerprint, item->fingerprint) << "an item that moves has another id";
  EXPECT_FALSE(upsert_of(tree("<Message/>"), "f"));
}

TEST(Items, FlagsAreDeltas) {
  EXPECT_EQ(updates_of({}), "");
  EXPECT_NE(updates_of({.add = answered}).find("0x1081"), std::string::npos) << "Outlook shows the last verb";
  EXPECT_NE(updates_of({.clear = flagged}).find("<t:DeleteItemField><t:ExtendedFieldURI PropertyTag=\"0x1090\""),
            std::string::npos);
  EXPECT_EQ(updates_of({.add = seen}).find("0x"), std::string::npos);
}

TEST(Items, FoldersByWhatTheyHold) {
  const Roles roles{.root = "r", .roles = {{"i", Role::inbox}}};
  const auto inbox = folder_of(
      tree("<Folder><FolderId Id='i'/><ParentFolderId Id='r'/><FolderClass>IPF.Note</FolderClass><DisplayName>In"
           "</DisplayName><EffectiveRights><Read>true</Read><Delete>false</Delete></EffectiveRights></Folder>"),
      roles);
  ASSERT_TRUE(inbox);
  EXPECT_EQ(inbox->role, Role::inbox);
  EXPECT_EQ(inbox->parent, "");
  EXPECT_EQ(inbox->rights, std::uint32_t{may_read});
  EXPECT_FALSE(folder_of(tree("<Folder/>"), roles));
  const auto own = folder_of(tree("<Folder><FolderId Id='n'/><FolderClass>IPF.StickyNote</FolderClass></Folder>"),
                             {.root = "r", .roles = {{"n", Role::none}}});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->rights, all_rights & ~std::uint32_t{may_administer}) << "the server's own folders keep their names";
  const auto kind = [&](const std::string& element, const std::string& name) {
    const auto made = folder_of(
        tree("<" + element + "><FolderId Id='c'/><FolderClass>" + name + "</FolderClass></" + element + ">"), roles);
    return made ? std::optional(made->kind) : std::nullopt;
  };
  EXPECT_EQ(kind("CalendarFolder", "IPF.Appointment"), Kind::event);
  EXPECT_EQ(kind("CalendarFolder", ""), Kind::event);
  EXPECT_EQ(kind("Folder", "IPF.Appointment.Birthday"), Kind::event);
  EXPECT_EQ(kind("ContactsFolder", "IPF.Contact"), Kind::contact);
  EXPECT_EQ(kind("ContactsFolder", "IPF.Contact.RecipientCache"), std::nullopt) << "the server's own list";
  EXPECT_EQ(kind("TasksFolder", "IPF.Task"), Kind::task);
  EXPECT_EQ(kind("Folder", "IPF.StickyNote"), Kind::note);
  EXPECT_EQ(kind("Folder", "IPF.Journal"), std::nullopt);
}

TEST(Items, Anchors) {
  for (const auto& each :
       {Anchor{true, "state:1"}, Anchor{false, "s"}, Anchor{true, "e", Kind::event}, Anchor{false, "x", Kind::contact},
        Anchor{false, "L", Kind::task}, Anchor{true, "s", Kind::note}}) {
    const auto back = parse_anchor(anchor(each));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->listing, each.listing);
    EXPECT_EQ(back->state, each.state);
    EXPECT_EQ(back->kind, each.kind);
  }
  EXPECT_TRUE(parse_anchor("")->listing);
  for (const auto* wrong : {"D", "L", "X1", "1", "d", "lc", "dzx"}) EXPECT_FALSE(parse_anchor(wrong)) << wrong;
}

TEST(Items, RecipientsOfAHeader) {
  EXPECT_EQ(
      recipients_in("From: a@x\r\nTo: \"B, C\" <B@x>,\r\n\tc@y\r\nSubject: to: d@z\r\nBcc: e@x\r\n\r\nTo: f@x\r\n"),
      (std::vector<std::string>{"b@x", "c@y", "e@x"}));
}

TEST(Gate, RestIsForABudgetAndNeverShorter) {
  Gate gate(4);
  const auto now = Clock::now();
  const Call call{now + std::chrono::seconds(5), {}, 0};
  gate.rest("ann", now, milliseconds(900));
  gate.rest("ann", now, milliseconds(100));
  const auto refused = gate.enter(call, "ann", now, "here");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FaultKind::throttled);
  EXPECT_EQ(refused.error().retry_after, milliseconds(900));
  EXPECT_TRUE(gate.enter(call, "bob", now, "here"));
  EXPECT_TRUE(gate.enter(call, "ann", now + milliseconds(900), "here"));
  gate.rest({}, now, milliseconds(50));
  EXPECT_FALSE(gate.enter(call, "eve", now, "here")) << "of the server as a whole";
}

TEST(Gate, FewerAtOnceAfterARefusal) {
  Gate gate(8);
  gate.too_many();
  gate.too_many();
  EXPECT_EQ(gate.allowed(), 2U);
  const Call late{Clock::now(), {}, 0};
  EXPECT_TRUE(gate.enter(late, "a", Clock::now(), "here"));
  EXPECT_TRUE(gate.enter(late, "a", Clock::now(), "here"));
  const auto full = gate.enter(late, "a", Clock::now(), "here");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, FaultKind::cancelled);
  gate.leave();
  EXPECT_TRUE(gate.enter(late, "a", Clock::now(), "here"));
  for (int i = 0; i < 50; ++i) gate.went_well();
  EXPECT_EQ(gate.allowed(), 3U);
  Batch batch(12);
  batch.expired();
  EXPECT_EQ(batch.size(), 5U);
}

TEST(Merger, TheFirstHintPassesAndTheRestIsOne) {
  Merger merger;
  const auto now = Clock::now();
  EXPECT_TRUE(merger.arrived("ann", {{"f"}, false}, now));
  EXPECT_FALSE(merger.arrived("ann", {{"f"}, false}, now + milliseconds(10)));
  EXPECT_FALSE(merger.arrived("ann", {{"g"}, false}, now + milliseconds(20)));
  EXPECT_TRUE(merger.arrived("bob", {{"f"}, false}, now + milliseconds(20)));
  EXPECT_TRUE(merger.due(now + milliseconds(1999)).empty());
  const auto due = merger.due(now + Merger::quiet);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].first, "ann");
  EXPECT_EQ(due[0].second.scopes, (std::vector<Bytes>{"f", "g"}));
  EXPECT_TRUE(merger.due(now + 2 * Merger::quiet + milliseconds(20)).empty());
  EXPECT_FALSE(merger.next()) << "quiet mailboxes are forgotten";
  EXPECT_TRUE(merger.arrived("ann", {{"f"}, false}, now + 3 * Merger::quiet));
}

}  // namespace
}  // namespace tidegate::ews
