// SPDX-License-Identifier: Apache-2.0
// A mailbox with an invitation in it and a calendar beside it, for what is said about meetings.
#pragma once
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/pim/canonical.hpp"
#include "core/pim/itip.hpp"
#include "core/pim/system_zones.hpp"
#include "tests/core/journal/command_bed.hpp"

namespace tidegate::journal {

inline std::string event(const std::string& partstat, int sequence, const std::string& more = "") {
  return "BEGIN:VEVENT\r\nUID:u@x\r\nSEQUENCE:" + std::to_string(sequence) +
         "\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260201T100000Z\r\nDTEND:20260201T110000Z\r\nSUMMARY:Plans\r\n"
         "ORGANIZER:mailto:boss@example.com\r\nATTENDEE;PARTSTAT=" +
         partstat + ":mailto:ann@example.com\r\nATTENDEE:mailto:bob@example.com\r\n" + more + "END:VEVENT\r\n";
}
inline std::string calendar(const std::string& inside, const std::string& method = "") {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n" + method + inside + "END:VCALENDAR\r\n";
}
inline std::string invitation(int sequence = 1, const std::string& method = "REQUEST") {
  return "From: boss@example.com\r\nSubject: Plans\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
         "Content-Type: text/plain\r\n\r\nCome!\r\n--b\r\nContent-Type: text/calendar; method=" +
         method + "\r\n\r\n" + calendar(event("NEEDS-ACTION", sequence), "METHOD:" + method + "\r\n") + "--b--\r\n";
}

struct AnswerBed : CommandBed {
  explicit AnswerBed(std::uint64_t seed = 1, bool calendars = true) : CommandBed(seed) {
    auto tree =
        std::vector<Change>{store::folder("in", Role::inbox), store::folder("old"), store::folder("out", Role::sent)};
    if (calendars) {
      for (const auto* id : {"team", "cal"})
        tree.emplace_back(FolderUpsert{
            {id, {}, id, id, Kind::event, std::string_view(id) == "cal" ? Role::calendar : Role::none, all_rights}});
      box.add_folder("cal", Role::calendar);
    }
    EXPECT_TRUE(apply(view_id, "", std::move(tree), "t2"));
    EXPECT_TRUE(apply(view_id, "in", {store::item("inv", "in", 30)}, "b"));
    box.mails["inv"] = {"in", invitation()};
    wait(std::chrono::seconds(1));
  }
  /// What the calendar has of it already, told by a page.
  void has(const std::string& octets, const std::string& id = "ev") {
    box.mails[id] = {"cal", octets};
    tell(id);
  }
  void tell(const std::string& id) {
    auto item = store::item(id, "cal", 40);
    item.kind = Kind::event;
    item.content_rev = box.mails.at(id).revision;
    item.fingerprint = pim::uid_fingerprint("u@x");
    EXPECT_TRUE(apply(view_id, "cal", {item}, "c" + std::to_string(++pages)));
    wait(std::chrono::seconds(1));
  }
  e2e::Command answering(std::uint32_t reply = 0, const std::string& comment = "", const std::string& item = "inv") {
    auto made = command(e2e::Verb::respond, item);
    made.name = "Ann@example.com";
    made.reply = reply;
    made.comment = comment;
    made.received = 1'770'000'000;
    return made;
  }
  /// PARTSTAT of hers in each of what the calendar has.
  std::vector<std::string> calendar_says() {
    std::vector<std::string> out;
    for (const auto& [id, mail] : box.mails)
      if (mail.folder == "cal") out.push_back(partstat(mail.content));
    return out;
  }
  static std::string partstat(const std::string& octets) {
    pim::SystemZones zones;
    const auto object = pim::CalendarObject::parse(octets, zones.source());
    if (!object) return object.error().text;
    EXPECT_EQ(object->method(), "");
    const std::array own{std::string("ann@example.com")};
    const auto* line = pim::attendee_of(object->first(), own);
    return line == nullptr ? "not asked" : std::string(line->first("PARTSTAT"));
  }
  std::size_t filed() const {
    return static_cast<std::size_t>(
        std::ranges::count(box.mails, std::string("out"), [](const auto& each) { return each.second.folder; }));
  }
  int pages = 0;
};
using Says = std::vector<std::string>;

}  // namespace tidegate::journal
