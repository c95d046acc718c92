// SPDX-License-Identifier: Apache-2.0
#include "plugins/ews/tasks.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/pim/values.hpp"
#include "plugins/ews/faults.hpp"
#include "plugins/ews/items.hpp"
#include "plugins/ews/recurrence.hpp"

namespace tidegate::ews {
namespace {

using pim::Component;
using pim::Line;

struct Day {
  const char *path, *property;
};
constexpr Day days[] = {{"task:StartDate", "DTSTART"}, {"task:DueDate", "DUE"}, {"task:CompleteDate", "COMPLETED"}};
constexpr std::pair<std::string_view, std::string_view> statuses[] = {
    {"NotStarted", ""}, {"InProgress", "IN-PROCESS"}, {"Completed", "COMPLETED"}};
constexpr const char* other_status = "X-EWS-STATUS";  // WaitingOnOthers, Deferred: iCalendar has no words for them

std::string inner(std::string_view path, std::string_view text) {
  if (path == "task:Recurrence") return std::string(text);  // is XML
  for (const auto& day : days)
    if (path == day.path) return std::string(text) + "T00:00:00Z";
  return plain_inner(path, text);
}

/// Servers keep the midnight of some zone.
std::string day_of_instant(std::string_view text) {
  const auto when = date_time(text);
  return when ? date_time(*when + std::chrono::hours(12)).substr(0, 10) : std::string();
}

std::string status_of(const Component& todo) {
  const auto status = pim::upper(todo.value("STATUS"));
  for (const auto& [word_, said] : statuses)
    if (!said.empty() && status == said) return std::string(word_);
  const auto other = todo.value(other_status);
  return other == "WaitingOnOthers" || other == "Deferred" ? std::string(other) : "NotStarted";
}

void set_status(Component& todo, std::string_view wanted) {
  const auto found = std::ranges::find(statuses, wanted, &std::pair<std::string_view, std::string_view>::first);
  todo.remove(other_status);
  if (found != std::end(statuses) && !found->second.empty()) {
    todo.set(Line("STATUS", std::string(found->second)));
    return;
  }
  todo.remove("STATUS");
  if (found == std::end(statuses) && !wanted.empty()) todo.set(Line(other_status, pim::escaped(wanted)));
}

std::string compact(std::string_view day) {
  std::string made(day);
  std::erase(made, '-');
  return made;
}

void set_day(Component& todo, const Day& day, std::string_view wanted) {
  if (wanted.empty()) {
    todo.remove(day.property);
  } else if (std::string_view(day.property) == "COMPLETED") {
    todo.set(Line("COMPLETED", compact(wanted) + "T120000Z"));
  } else {
    todo.set(Line(day.property, compact(wanted), {{"VALUE", {"DATE"}}}));
    // RFC 5545 §3.8.2.3: both are of one form.
    for (const auto& other : days) {
      auto* line = todo.find(other.property);
      if (line == nullptr || std::string_view(other.property) == "COMPLETED" ||
          pim::same_word(line->first("VALUE"), "DATE"))
        continue;
      if (const auto moment = pim::moment_of(*line))
        todo.set(Line(other.property, compact(date_text(moment->local)), {{"VALUE", {"DATE"}}}));
    }
  }
}

constexpr std::string_view order[] = {
    "Subject",    "Sensitivity",      "Body",         "Attachments", "Categories",
    "Importance", "ExtendedProperty", "CompleteDate", "DueDate",     "PercentComplete",
    "Recurrence", "StartDate",        "Status"};

}  // namespace

Component new_calendar(std::string_view component, const std::string& uid) {
  auto calendar = Component::named("VCALENDAR");
  calendar.add(Line("VERSION", "2.0"));
  calendar.add(Line("PRODID", "-//Tidegate//EWS//EN"));
  auto made = Component::named(component);
  made.add(Line("UID", pim::escaped(uid)));
  made.add(Line("DTSTAMP", "19700101T000000Z"));  // the same whenever it is made
  calendar.add_part(std::move(made));
  return calendar;
}

void set_text(Component& component, std::string_view property, std::string_view wanted, std::string_view said) {
  if (wanted == said) return;
  if (wanted.empty())
    component.remove(property);
  else if (auto* line = component.find(property))
    line->set_value(pim::escaped(wanted));
  else
    component.set(Line(std::string(property), pim::escaped(wanted)));
}

void common_fields(const xml::Element& item, Fields& made) {
  set(made, "item:Subject", words(item, "Subject"));
  set(made, "item:Body", body_text(item));
  set(made, "item:Categories", joined_categories(item));
  const auto importance = words(item, "Importance"), sensitivity = words(item, "Sensitivity");
  set(made, "item:Importance", importance.empty() ? "Normal" : importance);
  set(made, "item:Sensitivity", sensitivity.empty() ? "Normal" : sensitivity);
}

void common_fields(const Component& component, Fields& made) {
  const auto text = [&](std::string_view property) { return without_cr(pim::text_value(component.value(property))); };
  const auto subject = text("SUMMARY");
  const auto begin = subject.find_first_not_of(" \t\n"), end = subject.find_last_not_of(" \t\n");
  if (begin != std::string::npos) set(made, "item:Subject", subject.substr(begin, end - begin + 1));
  auto body = text("DESCRIPTION");
  while (body.ends_with('\n')) body.pop_back();
  set(made, "item:Body", body);
  std::string categories;
  for (const auto* line : component.all("CATEGORIES"))
    for (const auto part : pim::split_escaped(line->value(), ','))
      if (const auto word_ = pim::text_value(part); !word_.empty())
        categories += (categories.empty() ? "" : "\n") + word_;
  set(made, "item:Categories", categories);
  const auto priority = pim::parse_integer(component.value("PRIORITY")).value_or(0);
  set(made, "item:Importance",
      priority >= 1 && priority <= 4   ? "High"
      : priority >= 6 && priority <= 9 ? "Low"
                                       : "Normal");
  const auto secrecy = pim::upper(component.value("CLASS"));
  set(made, "item:Sensitivity",
      secrecy == "PRIVATE"        ? "Private"
      : secrecy == "CONFIDENTIAL" ? "Confidential"
                                  : "Normal");
}

void set_common(Component& component, const Fields& fields, const Fields& said) {
  const auto changed = [&](const char* path) { return text_at(fields, path) != text_at(said, path); };
  set_text(component, "SUMMARY", text_at(fields, "item:Subject"), text_at(said, "item:Subject"));
  set_text(component, "DESCRIPTION", text_at(fields, "item:Body"), text_at(said, "item:Body"));
  if (changed("item:Categories")) {
    std::string made;
    const auto wanted = text_at(fields, "item:Categories");
    for (std::size_t at = 0; at < wanted.size();) {
      const auto end = std::min(wanted.find('\n', at), wanted.size());
      made += (made.empty() ? "" : ",") + pim::escaped(wanted.substr(at, end - at));
      at = end + 1;
    }
    component.remove("CATEGORIES");
    if (!made.empty()) component.set(Line("CATEGORIES", made));
  }
  if (changed("item:Importance")) {
    const auto wanted = text_at(fields, "item:Importance");
    component.remove("PRIORITY");
    if (wanted == "High" || wanted == "Low") component.set(Line("PRIORITY", wanted == "High" ? "1" : "9"));
  }
  if (changed("item:Sensitivity")) {
    const auto wanted = text_at(fields, "item:Sensitivity");
    component.remove("CLASS");
    if (wanted == "Confidential" || wanted == "Private" || wanted == "Personal")
      component.set(Line("CLASS", wanted == "Confidential" ? "CONFIDENTIAL" : "PRIVATE"));
  }
}

std::string task_shape() {
  return shape_of({"item:Subject", "item:Body", "item:Categories", "item:Importance", "item:Sensitivity",
                   "task:StartDate", "task:DueDate", "task:CompleteDate", "task:PercentComplete", "task:Recurrence",
                   "task:Status"});
}

Fields task_fields(const xml::Element& task) {
  Fields made;
  common_fields(task, made);
  // iCalendar has no fourth class; what is sent instead would overwrite it.
  if (made["item:Sensitivity"] == "Personal") made["item:Sensitivity"] = "Private";
  for (const auto& day : days) set(made, day.path, day_of_instant(words(task, std::string_view(day.path).substr(5))));
  const auto percent = words(task, "PercentComplete");
  if (percent != "0") set(made, "task:PercentComplete", percent);
  const auto status = words(task, "Status");
  set(made, "task:Status", status.empty() ? "NotStarted" : status);
  if (const auto* recurrence = find(task, "Recurrence"))
    if (const auto read = recurrence_of(*recurrence)) set(made, "task:Recurrence", xml_of(*read));
  return made;
}

Result<Fields> task_fields(const pim::CalendarObject& object) {
  const auto& todo = object.first();
  Fields made;
  common_fields(todo, made);
  for (const auto& day : days) {
    const auto* line = todo.find(day.property);
    if (line == nullptr) continue;
    auto moment = pim::moment_of(*line);
    if (!moment) return std::unexpected(std::move(moment.error()));
    set(made, day.path, date_text(moment->local));
  }
  const auto percent = pim::parse_integer(todo.value("PERCENT-COMPLETE")).value_or(0);
  if (percent > 0 && percent <= 100) made["task:PercentComplete"] = fmt::to_string(percent);
  made["task:Status"] = status_of(todo);
  if (made["task:Status"] == "Completed") made["task:PercentComplete"] = "100";  // the server's own arithmetic
  if (made["task:Status"] != "Completed") made.erase("task:CompleteDate");
  const auto* rule_line = todo.find("RRULE");
  const auto start = pim::start_of(todo);
  if (rule_line == nullptr || !start) return made;
  const auto rule = pim::parse_rule(rule_line->value());
  if (!rule) return std::unexpected(rule.error());
  auto recurrence = recurrence_of(*rule, start->local, rule->until ? date_text(rule->until->local) : std::string());
  if (!recurrence) return std::unexpected(std::move(recurrence.error()));
  made["task:Recurrence"] = xml_of(*recurrence);
  return made;
}

Bytes task_of(const Fields& fields, const std::string& uid, const pim::CalendarObject* base) {
  auto calendar = base != nullptr ? base->calendar() : new_calendar("VTODO", uid);
  Fields said;
  if (base == nullptr) {
    said = {{"item:Importance", "Normal"}, {"item:Sensitivity", "Normal"}, {"task:Status", "NotStarted"}};
  } else if (auto read = task_fields(*base)) {
    said = std::move(*read);
  }
  auto& todo = *std::ranges::find_if(calendar.parts, [](const auto& part) { return part.is("VTODO"); });
  const auto changed = [&](const std::string& path) { return text_at(fields, path) != text_at(said, path); };
  set_common(todo, fields, said);
  for (const auto& day : days)
    if (changed(day.path)) set_day(todo, day, text_at(fields, day.path));
  if (changed("task:Status")) set_status(todo, text_at(fields, "task:Status"));
  set_text(todo, "PERCENT-COMPLETE", text_at(fields, "task:PercentComplete"), text_at(said, "task:PercentComplete"));
  if (changed("task:Recurrence")) {
    todo.remove("RRULE");
    const auto tree = xml::tree("<r xmlns:t='t'>" + std::string(text_at(fields, "task:Recurrence")) + "</r>");
    const auto recurrence = tree ? recurrence_of(*tree) : Result<Recurrence>(std::unexpected(tree.error()));
    if (recurrence) {
      const auto start = pim::start_of(todo);
      if (!start) todo.set(Line("DTSTART", compact(recurrence->start), {{"VALUE", {"DATE"}}}));
      todo.set(Line("RRULE", rule_of(*recurrence, compact(recurrence->end))));
    }
  }
  return calendar.octets();
}

std::string task_updates(const Fields& before, const Fields& after) {
  return updates_between("Task", before, after, inner);
}
std::string task_children(const Fields& fields) { return children_of(fields, order, inner); }

}  // namespace tidegate::ews
