// SPDX-License-Identifier: Apache-2.0
#include "core/pim/instances.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/pim/rule.hpp"

namespace tidegate::pim {
namespace {

using namespace std::chrono;

constexpr Utc first_day = sys_days(year(1) / January / 1), last_day = sys_days(year(9999) / December / 31);
constexpr seconds margin =
    days(2);  // zones differ by 26 hours at most; what is cut off here is looked at exactly later

/// Ascending local times from rules and lists, each once.
class Starts {
 public:
  void add(Expansion expansion) {
    sources_.push_back({std::make_unique<Expansion>(std::move(expansion)), std::nullopt, {}});
    advance(sources_.back());
  }
  void set_end(std::function<bool(Local)> within) { sources_.back().within = std::move(within); }
  void add_listed(std::vector<Local> listed) { listed_.insert(listed.begin(), listed.end()); }

  std::optional<Local> next() {
    std::optional<Local> least;
    if (!listed_.empty()) least = *listed_.begin();
    for (auto& each : sources_) {
      if (each.head && each.within && !each.within(*each.head)) each.head.reset();
      if (each.head && (!least || *each.head < *least)) least = each.head;
    }
    if (!least) return least;
    listed_.erase(*least);
    for (auto& each : sources_)
      if (each.head == least) advance(each);
    return least;
  }

 private:
  struct Source {
    std::unique_ptr<Expansion> expansion;
    std::optional<Local> head;
    std::function<bool(Local)> within;  ///< of a rule whose UNTIL needs a zone
  };
  static void advance(Source& source) { source.head = source.expansion->next(); }

  std::vector<Source> sources_;
  std::set<Local> listed_;
};

class Walk {
 public:
  Walk(const CalendarObject& object, Window window, std::uint64_t effort = Effort{}.left)
      : object_(object), window_(std::move(window)), effort_{effort} {
    window_.from = std::clamp(window_.from, first_day, last_day);
    window_.to = std::clamp(window_.to, first_day, last_day);
  }

  /// Every instance inside, until `take` says stop; overrides come first.
  Result<void> all(const std::function<bool(const Instance&)>& take) {
    if (auto read = this->read(); !read) return read;
    for (const auto& [key, instance] : overrides_) {
      if (excluded(key, instance.id) || !window_.holds(instance.begins, instance.ends)) continue;
      if (!take(instance)) return {};
    }
    series([&](Utc, const Instance& each) { return !window_.holds(each.begins, each.ends) || take(each); });
    return enough_effort();
  }

  /// The window is to hold the original.
  Result<Instance> named(const Moment& id) {
    if (auto read = this->read(); !read) return std::unexpected(std::move(read.error()));
    const auto wanted = key(id);
    std::optional<Instance> found;
    if (const auto own = overrides_.find(wanted); own != overrides_.end() && !excluded(wanted, own->second.id))
      found = own->second;
    if (!found)
      series([&](Utc key, const Instance& each) {
        if (key == wanted) found = each;
        return key < wanted;
      });
    if (found) return std::move(*found);
    if (auto fine = enough_effort(); !fine) return std::unexpected(std::move(fine.error()));
    return fault(FaultKind::not_found, object_.uid(), "The series has no such instance.");
  }

 private:
  Result<void> read() {
    read_overrides();
    const auto* master = object_.master();
    return master == nullptr ? Result<void>{} : read_master(*master);
  }
  Result<void> enough_effort() const {
    if (!effort_.over) return {};
    return fault(FaultKind::too_large, object_.uid(), "The series' rules take too long to be reckoned with.");
  }
  const Zone& floating() const { return *window_.floating; }

  /// Instants by which RECURRENCE-ID, EXDATE and instances find each other; of all-day series the dates.
  Utc key(const Moment& moment) const {
    if (all_day_) return Utc(floor<days>(moment.local).time_since_epoch());
    return object_.utc(moment, floating());
  }
  bool excluded(Utc key, const Moment& id) const {
    return excluded_.contains(key) || (!all_day_ && excluded_days_.contains(floor<days>(id.local)));
  }

  void read_overrides() {
    const auto* master = object_.master();
    start_ = master == nullptr ? std::nullopt : start_of(*master);
    all_day_ = start_ ? start_->all_day() : false;
    for (const auto* each : object_.overrides()) {
      const auto* line = each->find("RECURRENCE-ID");
      auto id = *moment_of(*line);
      const auto start = start_of(*each);
      Instance instance;
      instance.start = start.value_or(id);
      instance.component = each;
      instance.overridden = true;
      place(instance, length_of(object_, *each));
      if (start_ && !all_day_ && id.all_day()) overridden_days_.insert(floor<days>(id.local));
      if (start_) id = object_.in_form_of(id, *start_, floating());
      instance.id = id;
      const auto at = key(id);
      if (same_word(line->first("RANGE"), "THISANDFUTURE")) future_.emplace(at, instance);
      overrides_.emplace(at, std::move(instance));
    }
  }

  void place(Instance& instance, const Length& length) const {
    instance.begins = object_.utc(instance.start, floating());
    auto end = instance.start;
    end.local += days(length.days);
    instance.ends = object_.utc(end, floating()) + length.exact;
  }

  Result<void> read_master(const Component& master) {
    if (!start_) return {};
    length_ = length_of(object_, master);
    for (const auto* line : master.all("EXDATE")) {
      const auto dates = moments_of(*line);
      if (!dates) return std::unexpected(dates.error());
      for (const auto& each : *dates) {
        if (each.all_day() && !all_day_)
          excluded_days_.insert(floor<days>(each.local));  // of a timed series: all of that day, as some write it
        else
          excluded_.insert(key(each));
      }
    }
    reach();
    if (auto read = rules(master, "EXRULE", excluding_); !read) return read;
    while (const auto next = excluding_.next()) {
      excluded_.insert(key(at(*next)));
      if (excluded_.size() > instances_most * 5)
        return fault(FaultKind::too_large, object_.uid(), "The series has too many exceptions.");
    }
    starts_.add_listed({start_->local});
    if (auto read = rules(master, "RRULE", starts_); !read) return read;
    return listed(master);
  }

  /// How far before and behind the window originals may lie whose instances are inside.
  void reach() {
    seconds most = days(length_.days) + length_.exact;
    seconds moved{};
    for (const auto& [at, instance] : future_) {
      const auto shift = instance.begins - at;
      moved = std::max(moved, shift < seconds(0) ? -shift : shift);
      most = std::max<seconds>(most, instance.ends - instance.begins);
    }
    from_ = Local((window_.from - most - moved - margin).time_since_epoch());
    to_ = Local((window_.to + moved + margin).time_since_epoch());
  }

  Result<void> rules(const Component& master, std::string_view name, Starts& starts) {
    for (const auto* line : master.all(name)) {
      auto rule = parse_rule(line->value());
      if (!rule) return std::unexpected(std::move(rule.error()));
      const auto until = rule->until;
      starts.add(Expansion(std::move(*rule), start_->local, effort_, from_, to_));
      if (until && until->form == Moment::Form::utc)
        starts.set_end([this, last = Utc(until->local.time_since_epoch())](Local next) {
          if (all_day_) return floor<days>(next).time_since_epoch() <= floor<days>(last).time_since_epoch();
          return object_.utc(at(next), floating()) <= last;
        });
    }
    return {};
  }

  Result<void> listed(const Component& master) {
    std::vector<Local> found;
    for (const auto* line : master.all("RDATE")) {
      if (same_word(line->first("VALUE"), "PERIOD")) {
        for (const auto piece : split_escaped(line->value(), ',')) {
          const auto period = parse_period(piece, line->first("TZID"));
          if (!period) continue;
          found.push_back(object_.in_form_of(period->start, *start_, floating()).local);
          Length length{period->length.days, seconds(period->length.seconds)};
          if (period->end)
            length.exact = object_.utc(*period->end, floating()) - object_.utc(period->start, floating());
          lengths_.emplace(found.back(), length);
        }
        continue;
      }
      const auto dates = moments_of(*line);
      if (!dates) return std::unexpected(dates.error());
      for (const auto& each : *dates) {
        found.push_back(object_.in_form_of(each, *start_, floating()).local);
        if (each.all_day() && !all_day_)  // a date for a timed series: at its usual time
          found.back() += start_->local - floor<days>(start_->local);
      }
    }
    starts_.add_listed(std::move(found));
    return {};
  }

  Moment at(Local local) const {
    auto moment = *start_;
    moment.local = local;
    return moment;
  }

  /// What the rules and lists give, without what is excluded or has its own override, until `take` says stop.
  void series(const std::function<bool(Utc key, const Instance&)>& take) {
    while (const auto next = starts_.next()) {
      if (*next > to_) return;
      if (*next < from_) continue;
      Instance instance;
      instance.id = at(*next);
      const auto named = key(instance.id);
      if (overrides_.contains(named) || overridden_days_.contains(floor<days>(*next)) || excluded(named, instance.id))
        continue;
      instance.start = instance.id;
      instance.component = object_.master();
      const auto own = lengths_.find(*next);
      auto length = own == lengths_.end() ? length_ : own->second;
      if (const auto rules = future_.upper_bound(named); rules != future_.begin())
        follow(std::prev(rules)->second, instance, length);
      place(instance, length);
      if (!take(named, instance)) return;
    }
  }

  /// RFC 5545 §3.8.4.4: moved as the override for it and all that follow was moved.
  void follow(const Instance& ruling, Instance& instance, Length& length) const {
    const auto original = object_.in_form_of(ruling.id, ruling.start, floating());
    const auto shift = ruling.start.local - original.local;
    instance.start = object_.in_form_of(instance.id, ruling.start, floating());
    instance.start.local += shift;
    instance.component = ruling.component;
    length = length_of(object_, *ruling.component);
  }

  const CalendarObject& object_;
  Window window_;
  Effort effort_;
  std::optional<Moment> start_;
  bool all_day_ = false;
  Length length_;
  Local from_, to_;
  std::multimap<Utc, Instance> overrides_;
  std::map<Utc, Instance> future_;
  std::set<Utc> excluded_;
  std::set<local_days> excluded_days_, overridden_days_;
  std::map<Local, Length> lengths_;
  Starts starts_, excluding_;
};

}  // namespace

Result<std::vector<Instance>> instances(const CalendarObject& object, const Window& window, std::size_t most) {
  std::vector<Instance> found;
  bool over = false;
  auto walked = Walk(object, window).all([&](const Instance& each) {
    over = found.size() >= most;
    if (!over) found.push_back(each);
    return !over;
  });
  if (!walked) return std::unexpected(std::move(walked.error()));
  if (over) return fault(FaultKind::too_large, object.uid(), "The series has too many instances in that time.");
  std::ranges::sort(found, {}, [](const Instance& each) { return std::tuple(each.begins, each.ends, each.id.local); });
  return found;
}

namespace {

Result<bool> any_with(const CalendarObject& object, const Window& window, std::uint64_t effort) {
  bool found = false;
  auto walked = Walk(object, window, effort).all([&](const Instance&) {
    found = true;
    return false;
  });
  if (found) return true;
  if (!walked) return std::unexpected(std::move(walked.error()));
  return false;
}

}  // namespace

Result<bool> any_inside(const CalendarObject& object, const Window& window) {
  return any_with(object, window, Effort{}.left);
}

bool wanted(const CalendarObject& object, const Window& window, std::uint64_t effort) {
  const auto timed = [&](const Component& each) { return start_of(each).has_value(); };
  const auto open = [&](const Component& each) {
    const auto status = each.value("STATUS");
    return each.find("COMPLETED") == nullptr && !same_word(status, "COMPLETED") && !same_word(status, "CANCELLED");
  };
  std::vector<const Component*> all = object.overrides();
  if (const auto* master = object.master()) all.push_back(master);
  for (const auto* each : all) {
    if (!timed(*each)) return true;
    if (object.kind() == Kind::task && open(*each)) return true;
  }
  return any_with(object, window, effort).value_or(true);
}

bool wanted_between(View octets, const ZoneSource& zones, std::int64_t from, std::int64_t until) {
  constexpr std::uint64_t effort = 50'000;
  const auto object = CalendarObject::parse(octets, zones);
  if (!object) return true;
  const auto at = [](std::int64_t unix) {
    return std::clamp(Utc(std::chrono::seconds(unix)), Utc(first_day), Utc(last_day));
  };
  return wanted(*object, {at(from), at(until)}, effort);
}

Result<Instance> instance_named(const CalendarObject& object, const Moment& id, const Zone& floating) {
  const auto at = object.utc(id, floating);
  return Walk(object, {at - days(2), at + days(2), std::make_shared<Zone>(floating)}).named(id);
}

}  // namespace tidegate::pim
