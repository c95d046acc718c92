// SPDX-License-Identifier: Apache-2.0
#include "device/agenda.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "core/pim/itip.hpp"
#include "core/pim/zone_names.hpp"
#include "device/charsets.hpp"
#include "device/display.hpp"
#include "device/folder_files.hpp"
#include "device/policy.hpp"
#include "device/wall_clock.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono;

constexpr std::uint64_t read_limit = std::uint64_t{16} << 20;  // of an object; core/pim refuses larger ones
constexpr int days_usual = 7, days_most = 3660;

std::unexpected<Fault> wrong(std::string text) { return fault(FaultKind::invalid, "agenda", std::move(text)); }

bool all_day(const AgendaEntry& entry) { return entry.form == pim::Moment::Form::date; }

class Reading {
 public:
  Reading(sim::Files& files, const Places& places, const std::string& user, const pim::ZoneSource& zones, Agenda& into)
      : files_(files), places_(places), addresses_{user}, zones_(zones), out_(into) {
    window_ = {into.zone->utc(into.from), into.zone->utc(into.to), into.zone};
  }

  void folder(const NamedFolder& named) {
    each_file(files_, places_, named.row, [&](std::string path, const sim::FileInfo&) {
      // One octet more than an object may have: what is too long is said to be.
      const auto octets = files_.read_part(path, 0, read_limit + 1);
      if (!octets) return;  // taken away meanwhile
      auto shown = object(named.path, path, *octets);
      if (!shown) out_.trouble.push_back({std::move(path), std::move(shown.error().text)});
    });
  }

 private:
  Result<void> object(const std::string& folder, const std::string& path, View octets) {
    const auto object = pim::CalendarObject::parse(octets, zones_);
    if (!object) return std::unexpected(object.error());
    if (object->kind() != Kind::event && object->kind() != Kind::task) return {};
    const auto found = pim::instances(*object, window_);
    if (!found) return std::unexpected(found.error());
    const auto* master = object->master();
    const bool series = master == nullptr || master->find("RRULE") != nullptr || master->find("RDATE") != nullptr;
    for (const auto& each : *found) {
      if (object->kind() == Kind::task && done(*each.component)) continue;
      AgendaEntry entry{.kind = object->kind(), .folder = folder, .path = path, .uid = object->uid()};
      if (series) entry.recurrence_id = pim::to_text(each.id);
      entry.title = pim::text_value(each.component->value("SUMMARY"));
      entry.place = pim::text_value(each.component->value("LOCATION"));
      entry.status = pim::upper(each.component->value("STATUS"));
      if (const auto* asked = pim::attendee_of(*each.component, addresses_))
        entry.answer = asked->parameter("PARTSTAT") == nullptr ? "NEEDS-ACTION" : pim::upper(asked->first("PARTSTAT"));
      entry.form = each.start.form;
      entry.begins = each.begins;
      entry.ends = each.ends;
      entry.start = out_.zone->local(each.begins);
      entry.end = out_.zone->local(each.ends);
      out_.entries.push_back(std::move(entry));
    }
    return {};
  }
  static bool done(const pim::Component& task) {
    const auto status = task.value("STATUS");
    return task.find("COMPLETED") != nullptr || pim::same_word(status, "COMPLETED") ||
           pim::same_word(status, "CANCELLED");
  }

  sim::Files& files_;
  const Places& places_;
  const std::array<std::string, 1> addresses_;
  const pim::ZoneSource& zones_;
  Agenda& out_;
  pim::Window window_;
};

Result<int> number_of_days(const std::string& text) {
  int count = days_usual;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!text.empty() && (bad != std::errc() || end != text.data() + text.size() || count < 1 || count > days_most))
    return wrong("--days takes a number from 1 to 3660.");
  return count;
}

Result<void> set_window(Agenda& out, const AgendaWish& wish, pim::Utc now) {
  const auto date = [](const std::string& text, const char* option) -> Result<local_days> {
    const auto read = date_of(text);
    if (!read) return wrong(fmt::format("{} takes a date, YYYY-MM-DD.", option));
    return *read;
  };
  auto first = floor<days>(out.zone->local(now));
  if (!wish.from.empty()) {
    const auto given = date(wish.from, "--from");
    if (!given) return std::unexpected(given.error());
    first = *given;
  }
  if (!wish.to.empty() && !wish.days.empty()) return wrong("--to and --days contradict each other.");
  const auto count = number_of_days(wish.days);
  if (!count) return std::unexpected(count.error());
  auto behind = first + days(*count);
  if (!wish.to.empty()) {
    const auto last = date(wish.to, "--to");
    if (!last) return std::unexpected(last.error());
    behind = *last + days(1);
    if (behind <= first) return wrong("--to is before --from.");
    if (behind - first > days(days_most)) return wrong("That is more than 3660 days.");
  }
  out.from = first;
  out.to = behind;
  return {};
}

/// What stands before a title, on the line of the day it is shown under.
std::string hours_text(const AgendaEntry& entry, pim::Local day) {
  if (all_day(entry)) {
    const auto last = floor<days>(entry.end - seconds(1));
    return last > day ? fmt::format("until {}", date_text(last)) : "all day";
  }
  const auto begin = entry.start < day ? std::string("…") : time_text(entry.start);
  if (entry.ends == entry.begins) return begin;
  if (floor<days>(entry.end) == floor<days>(day) || entry.end == day + days(1))
    return fmt::format("{}-{}", begin, entry.end == day + days(1) ? "24:00" : time_text(entry.end));
  return fmt::format("{}-{} {}", begin, date_text(entry.end), time_text(entry.end));
}

std::string remarks(const AgendaEntry& entry) {
  std::string out;
  if (entry.kind == Kind::task) out += "  (task)";
  if (entry.status == "CANCELLED") out += "  (cancelled)";
  if (entry.status == "TENTATIVE" && entry.answer.empty()) out += "  (tentative)";
  if (entry.answer == "DECLINED") out += "  (declined)";
  if (entry.answer == "TENTATIVE") out += "  (tentatively accepted)";
  if (entry.answer == "NEEDS-ACTION") out += "  (not answered)";
  return out;
}

}  // namespace

Result<Agenda> agenda(sim::Files& files, Index& index, const Places& places, const std::string& user,
                      const pim::ZoneSource& zones, std::shared_ptr<const pim::Zone> local, pim::Utc now,
                      const AgendaWish& wish) {
  Agenda out;
  out.zone = std::move(local);
  if (!wish.zone.empty()) {
    auto named = pim::find_zone(wish.zone, zones);
    if (!named) return wrong("There is no time zone " + wish.zone + "; they are called like Europe/Berlin.");
    out.zone = std::move(named->zone);
  }
  if (!out.zone) return wrong("The time zone that TZ names is not known; --zone names one, like Europe/Berlin.");
  if (auto set = set_window(out, wish, now); !set) return std::unexpected(set.error());
  const auto folders = named_folders(index);
  std::optional<FolderRow> only;
  if (!wish.folder.empty()) {
    auto found = find_folder(folders, wish.folder);
    if (!found) return std::unexpected(found.error());
    only = std::move(*found);
  }
  Reading reading(files, places, user, zones, out);
  for (const auto& folder : folders)
    if (vdir_collection(folder.row.info.kind) == vdir_collection(Kind::event) &&
        (!only || (only->view == folder.row.view && only->info.gid == folder.row.info.gid)))
      reading.folder(folder);
  std::ranges::sort(out.entries, {}, [&](const AgendaEntry& each) {
    // What began before is shown on the first day.
    const auto shown = std::max(floor<days>(each.start), floor<days>(out.from));
    return std::tuple(shown, !all_day(each), each.begins, each.ends, std::string_view(each.title),
                      std::string_view(each.path));
  });
  std::ranges::sort(out.trouble, {}, &AgendaTrouble::path);
  return out;
}

std::string agenda_text(const Agenda& agenda) {
  std::string out;
  std::optional<local_days> shown;
  for (const auto& entry : agenda.entries) {
    const auto day = std::max(floor<days>(entry.start), floor<days>(agenda.from));
    if (shown != day) out += fmt::format("{}{} {}\n", shown ? "\n" : "", weekday_text(day), date_text(day));
    shown = day;
    out += fmt::format("  {:<11}  {}{}  [{}]{}\n", hours_text(entry, day),
                       entry.title.empty() ? "(no title)" : for_people(entry.title),
                       entry.place.empty() ? "" : ", " + for_people(entry.place), for_people(entry.folder),
                       remarks(entry));
  }
  if (out.empty()) out = "nothing\n";
  for (const auto& each : agenda.trouble)
    out += fmt::format("not shown: {}: {}\n", for_people(each.path), for_people(each.text));
  return out;
}

std::string agenda_json(const Agenda& agenda) {
  std::string entries, trouble;
  for (const auto& each : agenda.entries)
    entries += fmt::format(
        R"({}{{"kind":{},"title":{},"place":{},"folder":{},"all_day":{},"floating":{},"start":{},"end":{},)"
        R"("begins_unix":{},"ends_unix":{},"status":{},"answer":{},"uid":{},"recurrence_id":{},"path":{}}})",
        entries.empty() ? "" : ",", json_text(each.kind == Kind::task ? "task" : "event"), json_text(each.title),
        json_text(each.place), json_text(each.folder), all_day(each), each.form == pim::Moment::Form::floating,
        json_text(when_json(each.begins, each.start, all_day(each))),
        json_text(when_json(each.ends, each.end, all_day(each))), each.begins.time_since_epoch().count(),
        each.ends.time_since_epoch().count(), json_text(each.status), json_text(each.answer), json_text(each.uid),
        json_text(each.recurrence_id), json_text(each.path));
  for (const auto& each : agenda.trouble)
    trouble += fmt::format(R"({}{{"path":{},"text":{}}})", trouble.empty() ? "" : ",", json_text(each.path),
                           json_text(each.text));
  return fmt::format(R"({{"from":{},"to":{},"instances":[{}],"trouble":[{}]}})"
                     "\n",
                     json_text(date_text(agenda.from)), json_text(date_text(agenda.to)), entries, trouble);
}

}  // namespace tidegate::device
