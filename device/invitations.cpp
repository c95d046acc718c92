// SPDX-License-Identifier: Apache-2.0
#include "device/invitations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/mime/parts.hpp"
#include "device/charsets.hpp"
#include "device/display.hpp"
#include "device/folder_files.hpp"
#include "device/journal.hpp"
#include "device/policy.hpp"
#include "device/trouble.hpp"
#include "device/wall_clock.hpp"

namespace tidegate::device {
namespace {

using namespace std::chrono;
using State = Invitation::State;

constexpr std::uint64_t read_limit = std::uint64_t{16} << 20;  // of a file
constexpr int days_usual = 90, days_most = 36500;
constexpr auto far = days(3660);           // a series with no instance in so long does not go on
constexpr std::uint32_t acknowledged = 3;  // docs/wire.md §8.8
constexpr std::array<std::pair<const char*, std::uint32_t>, 4> answers{
    {{"accept", 0}, {"tentative", 1}, {"decline", 2}, {"acknowledge", acknowledged}}};

Gid gid_of_row(const std::map<std::string, Gid>& by_name, const std::string& name) {
  const auto found = by_name.find(name);
  return found == by_name.end() ? Gid{} : found->second;
}

/// One instance, or the whole, of what has that UID: instances are named in several ways.
using About = std::pair<std::string, std::optional<pim::Utc>>;

/// What a note of an answer is called: of the same invitation, in the same revision, from here.
std::string note_key(const pim::SchedulingKey& key) {
  std::string out = "answer:";
  for (const char c : key.octets().substr(0, 16)) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

class Looking {
 public:
  Looking(sim::World& world, Index& index, const Places& places, const pim::ZoneSource& zones, Invitations& out,
          const InvitationWish& wish)
      : files_(world.files()),
        index_(index),
        journal_(index.database()),
        places_(places),
        zones_(zones),
        out_(out),
        wish_(wish),
        now_(floor<seconds>(world.reactor().wall())) {}

  void run(std::int64_t since) {
    const auto folders = named_folders(index_);
    for (const auto& folder : folders)
      if (folder.row.info.kind == Kind::event) calendar(folder);
    for (const auto& folder : folders)
      if (folder.row.info.kind == Kind::mail && looks_into(folder.row.info.role)) mails(folder, since);
    settle();
  }

 private:
  struct Found {
    Invitation what;
    std::string method;
    pim::SchedulingKey key;
    std::optional<pim::Utc> instance;
    bool to_come = false;
    About about() const { return {what.uid, instance}; }
  };
  /// As a calendar has it.
  struct There {
    std::int64_t sequence = 0;
    bool cancelled = false, own = false;           ///< own: organized by the user
    std::string partstat;                          ///< the user's; empty: he is not asked
    std::map<std::string, std::string> partstats;  ///< of all who are asked, by address
  };

  static bool looks_into(Role role) {
    return role != Role::sent && role != Role::drafts && role != Role::trash && role != Role::junk;
  }

  void mails(const NamedFolder& named, std::int64_t since) {
    each_file(files_, places_, named.row, [&](std::string path, const sim::FileInfo& file) {
      const auto name = parse_mail_name(file.name);
      const auto row = name ? index_.item(named.row.view, name->gid) : std::nullopt;
      const auto received = row ? row->received : file.mtime_ns / 1'000'000'000;
      if (received < since) return;
      const auto mail = files_.read_part(path, 0, read_limit);
      if (!mail) return;  // moved meanwhile
      auto part = pim::scheduling_part(*mail);
      if (!part || part->method == "REFRESH" || part->method == "PUBLISH") return;
      Found found;
      found.method = std::move(part->method);
      found.what.view = named.row.view;
      if (name) found.what.gid = name->gid;
      found.what.path = std::move(path);
      found.what.folder = named.path;
      found.what.received = received;
      take(std::move(found), part->octets);
    });
  }

  /// Its events, for what was answered already, and what a server put there without a mail.
  void calendar(const NamedFolder& named) {
    std::map<std::string, Gid> by_name;
    index_.each_in(named.row.view, named.row.info.gid, [&](const PlaceRow& row) { by_name[row.name] = row.gid; });
    each_file(files_, places_, named.row, [&](std::string path, const sim::FileInfo& file) {
      const auto octets = files_.read_part(path, 0, read_limit);
      if (!octets || !octets->contains("ATTENDEE")) return;
      const auto object = pim::CalendarObject::parse(*octets, zones_);
      if (!object) return;  // the agenda says so
      std::vector<const pim::Component*> items = object->overrides();
      if (const auto* master = object->master()) items.push_back(master);
      for (const auto* item : items) there_[{object->uid(), pim::instance_of(*object, *item)}] = seen_in(*item);
      Found found;
      found.method = "REQUEST";
      found.what.view = named.row.view;
      found.what.gid = gid_of_row(by_name, file.name);
      found.what.kind = Kind::event;
      found.what.path = std::move(path);
      found.what.folder = named.path;
      found.what.received = file.mtime_ns / 1'000'000'000;
      take(std::move(found), *octets);
    });
  }

  There seen_in(const pim::Component& item) const {
    There there;
    there.sequence = pim::sequence_of(item);
    there.cancelled = pim::upper(item.value("STATUS")) == "CANCELLED";
    const auto word = [](const pim::Line& asked) {
      const auto partstat = pim::upper(asked.first("PARTSTAT"));
      return partstat.empty() ? std::string("NEEDS-ACTION") : partstat;
    };
    if (const auto* asked = pim::attendee_of(item, wish_.addresses)) there.partstat = word(*asked);
    const auto* organizer = item.find("ORGANIZER");
    there.own = organizer != nullptr && is_own(pim::address_of(organizer->value()));
    for (const auto* each : item.all("ATTENDEE")) there.partstats[pim::address_of(each->value())] = word(*each);
    return there;
  }

  bool is_own(const std::string& address) const {
    return std::ranges::any_of(wish_.addresses,
                               [&](const std::string& own) { return pim::address_of(own) == address; });
  }

  void take(Found found, View octets) {
    const auto object = pim::CalendarObject::parse(octets, zones_);
    if (!object) {
      out_.trouble.emplace_back(found.what.path, object.error().text);
      return;
    }
    auto& what = found.what;
    const auto& first = object->first();
    found.key = pim::scheduling_key(*object);
    found.instance = pim::instance_of(*object, first);
    what.uid = object->uid();
    what.recurrence_id = found.key.recurrence;
    what.sequence = found.key.sequence;
    what.organizer = found.key.recipient;
    what.title = pim::text_value(first.value("SUMMARY"));
    what.place = pim::text_value(first.value("LOCATION"));
    what.start = pim::start_of(first);
    if (what.start) what.begins = object->utc(*what.start, *out_.zone);
    if (found.method == "REQUEST" && (is_own(what.organizer) || what.organizer.empty())) return;
    if (found.method == "REPLY" && !answers(found, first)) return;
    if (found.method == "CANCEL") found.key.recipient = "cancelled";
    what.notice = found.method == "CANCEL" || found.method == "REPLY";
    what.note = note_key(found.key);
    if (what.kind == Kind::event && pim::attendee_of(first, wish_.addresses) == nullptr) return;
    found.to_come =
        !what.begins || *what.begins >= now_ || pim::any_inside(*object, {now_, now_ + far, out_.zone}).value_or(true);
    all_.push_back(std::move(found));
  }

  /// What is noted of an acknowledged message tells it from answers, and from what came before.
  static bool answers(Found& found, const pim::Component& told) {
    const auto* guest = told.find("ATTENDEE");
    if (guest == nullptr) return false;
    found.what.guest = pim::address_of(guest->value());
    found.what.answer = pim::upper(guest->first("PARTSTAT"));
    found.key.recipient = found.what.guest + " " + std::string(told.value("DTSTAMP"));
    return true;
  }

  /// Of each the newest revision, the mail before what a calendar has of it.
  void settle() {
    std::ranges::sort(all_, [](const Found& a, const Found& b) {
      const auto mail = [](const Found& each) { return each.what.kind == Kind::mail; };
      if (a.key.sequence != b.key.sequence) return a.key.sequence > b.key.sequence;
      if (mail(a) != mail(b)) return mail(a);
      return a.what.received != b.what.received ? a.what.received > b.what.received : a.what.path < b.what.path;
    });
    std::map<About, std::int64_t> cancelled;
    for (const auto& each : all_)
      if (each.method == "CANCEL") {
        auto& newest = cancelled.try_emplace(each.about(), -1).first->second;
        newest = std::max(newest, each.what.sequence);
      }
    std::set<About> seen, off;
    std::set<std::pair<About, std::string>> replied;
    for (auto& each : all_) {
      auto& what = each.what;
      if (each.method == "CANCEL") {
        if (!off.insert(each.about()).second || !is_news(each)) continue;
        what.state = acknowledged_here(each).value_or(State::off);
      } else if (each.method == "REPLY") {
        if (!replied.insert({each.about(), what.guest}).second || !is_news(each)) continue;
        what.state = acknowledged_here(each).value_or(State::replied);
      } else if (each.method == "COUNTER") {
        what.state = State::counter;
      } else if (each.method == "REQUEST" && seen.insert(each.about()).second) {
        what.state = is_off(each, cancelled) ? State::cancelled : state_of(each);
      } else {
        continue;
      }
      out_.found.push_back(std::move(what));
    }
    std::ranges::sort(out_.found, [](const Invitation& a, const Invitation& b) {
      return a.received != b.received ? a.received > b.received : a.path < b.path;
    });
  }

  bool is_off(const Found& each, const std::map<About, std::int64_t>& cancelled) const {
    const auto by = [&](const About& about) {
      const auto at = cancelled.find(about);
      const auto there = there_.find(about);
      return (at != cancelled.end() && at->second >= each.what.sequence) ||
             (there != there_.end() && there->second.cancelled && there->second.sequence >= each.what.sequence);
    };
    return by(each.about()) || by({each.what.uid, std::nullopt});
  }

  /// Of what rules it in a calendar.
  const There* there(const Found& each) const {
    auto found = there_.find(each.about());
    if (found == there_.end()) found = there_.find({each.what.uid, std::nullopt});
    return found == there_.end() ? nullptr : &found->second;
  }

  /// The calendar here has what the message is about, and does not say what it says. The gateway looks closer.
  bool is_news(const Found& each) const {
    const auto* known = there(each);
    if (known == nullptr || known->sequence > each.what.sequence) return false;
    if (each.method == "CANCEL") return !known->cancelled && !known->own;
    const auto guest = known->partstats.find(each.what.guest);
    return known->own && guest != known->partstats.end() && guest->second != each.what.answer;
  }

  /// What became of it, if it was; none: it was not.
  std::optional<State> acknowledged_here(const Found& each) {
    const auto noted = index_.note(each.what.note);
    if (noted.size() <= 16) return std::nullopt;
    const auto command = journal_.find(View(noted).substr(0, 16));
    if (!command) return each.method == "CANCEL" ? State::cancelled : State::answered;
    return command->live() ? State::waiting : State::failed;
  }

  State state_of(Found& each) {
    auto& what = each.what;
    if (const auto noted = index_.note(what.note); noted.size() > 16) {
      what.answer = noted.substr(16);
      const auto command = journal_.find(View(noted).substr(0, 16));
      if (command) return command->live() ? State::waiting : State::failed;
    }
    const auto there = there_.find(each.about());
    if (there != there_.end() && there->second.sequence >= what.sequence && !there->second.partstat.empty() &&
        there->second.partstat != "NEEDS-ACTION")
      what.answer = there->second.partstat;
    if (!what.answer.empty()) return State::answered;
    return each.to_come ? State::open : State::over;
  }

  sim::Files& files_;
  Index& index_;
  Journal journal_;
  const Places& places_;
  const pim::ZoneSource& zones_;
  Invitations& out_;
  const InvitationWish& wish_;
  const pim::Utc now_;
  std::vector<Found> all_;
  std::map<About, There> there_;
};

const char* word(const Invitation& of) {
  switch (of.state) {
    case State::open:
      return "open";
    case State::waiting:
      return of.notice ? "being taken over" : "being answered";
    case State::failed:
      return of.notice ? "not taken over" : "not answered";
    case State::answered:
      return of.notice ? "taken over" : "answered";
    case State::cancelled:
      return "cancelled";
    case State::off:
      return "cancelled by its organizer";
    case State::replied:
      return "answers";
    case State::over:
      return "over";
    case State::counter:
      return "proposes another time";
  }
  return "";
}

bool shown(const Invitation& each, bool all) {
  return all || each.state == State::open || each.state == State::failed || each.state == State::counter ||
         each.state == State::off || each.state == State::replied;
}

bool is_called(const Invitation& each, const std::string& which, std::optional<Gid> gid) {
  if (gid && each.gid == *gid) return true;
  return each.path == which || each.uid == which;
}

std::unexpected<Fault> nothing_to_answer(std::string why) {
  return fault(FaultKind::denied, "respond", std::move(why));
}

/// The mail or event that a word names; `notice`: that is to be acknowledged.
Result<Invitation> named(Index& index, const Invitations& all, const std::string& which, bool notice) {
  auto gid = gid_from_text(which);
  if (const auto name = parse_mail_name(last_of(which)); !gid && name) gid = name->gid;
  std::vector<const Invitation*> found;
  for (const auto& each : all.found)
    if (is_called(each, which, gid)) found.push_back(&each);
  // The series and one of its instances, say; or the invitation and its cancellation.
  if (found.size() > 1)
    std::erase_if(found, [&](const Invitation* each) {
      return each->notice != notice || (each->state != State::open && !notice);
    });
  if (found.size() == 1) return *found.front();
  if (found.size() > 1)
    return fault(FaultKind::not_found, "respond",
                 "There are several invitations of that name: `tidegate-device respond` names them.");
  for (const auto& [path, why] : all.trouble)
    if (path == which || (gid && parse_mail_name(last_of(path)) && parse_mail_name(last_of(path))->gid == *gid))
      return fault(FaultKind::invalid, "respond", path + ": " + why);
  // Not looked at: of long ago, or here only in part. The gateway has all of it.
  for (const auto& view : index.views())
    if (const auto row = gid ? index.item(view.view, *gid) : std::nullopt; row && row->origin == Origin::store)
      return Invitation{.view = view.view, .gid = *gid, .kind = row->kind};
  return fault(FaultKind::not_found, "respond",
               "There is no invitation " + which + " here: `tidegate-device respond` names those there are.");
}

}  // namespace

Result<Invitations> invitations(sim::World& world, Index& index, const Places& places, const pim::ZoneSource& zones,
                                std::shared_ptr<const pim::Zone> local, const InvitationWish& wish) {
  int count = days_usual;
  const auto* end = wish.days.data() + wish.days.size();
  const auto [stopped, bad] = std::from_chars(wish.days.data(), end, count);
  if (!wish.days.empty() && (bad != std::errc() || stopped != end || count < 1 || count > days_most))
    return fault(FaultKind::invalid, "respond", "--days takes a number from 1 to 36500.");
  Invitations out;
  out.zone = local ? std::move(local) : pim::Zone::utc();
  const auto since = floor<seconds>(world.reactor().wall() - days(count)).time_since_epoch().count();
  Looking(world, index, places, zones, out, wish).run(since);
  return out;
}

Result<std::string> respond(sim::World& world, Index& index, const Invitations& all, const ResponseWish& wish) {
  const auto answer = std::ranges::find_if(answers, [&](const auto& each) { return wish.answer == each.first; });
  if (answer == answers.end())
    return fault(FaultKind::invalid, "respond",
                 "The answer is accept, decline or tentative; of a cancellation or a guest's answer: acknowledge.");
  const bool notice = answer->second == acknowledged;
  const auto which = named(index, all, wish.which, notice);
  if (!which) return std::unexpected(which.error());
  switch (which->state) {
    case State::cancelled:
      return nothing_to_answer("It was cancelled; there is nothing to answer.");
    case State::counter:
      return nothing_to_answer("This proposes another time; that cannot be answered here yet.");
    case State::waiting:
      return nothing_to_answer("It is being answered: wait until that is done.");
    default:
      break;
  }
  if (!which->uid.empty() && which->notice != notice)
    return nothing_to_answer(notice ? "This is an invitation: accept it, decline it, or do so tentatively."
                                    : "This needs no answer: acknowledge it, and the calendar says so, too.");
  if (which->gid == Gid{})
    return nothing_to_answer("The gateway does not know it by this file yet: let `tidegate-device run` connect once.");
  e2e::Command command{.view = which->view, .id = Bytes(16, '\0'), .verb = e2e::Verb::respond, .gid = which->gid};
  world.reactor().random(std::as_writable_bytes(std::span(command.id)));
  command.kind = which->kind;
  command.received = floor<seconds>(world.reactor().wall()).time_since_epoch().count();
  command.name = wish.as;
  command.comment = wish.comment;
  command.reply = answer->second;
  Transaction together(index.database());
  constexpr std::array<std::string_view, 4> said{"ACCEPTED", "TENTATIVE", "DECLINED", "ACKNOWLEDGED"};
  if (!which->note.empty()) index.note(which->note, command.id + std::string(said[command.reply]));
  CommandRow row;
  row.at_unix = command.received;
  row.command = std::move(command);
  Journal(index.database()).put(row);
  together.commit();
  return which->title;
}

std::string invitations_text(const Invitations& invitations, bool all) {
  std::string out;
  for (const auto& each : invitations.found) {
    if (!shown(each, all)) continue;
    std::string when = "no time";
    if (each.begins && each.start) {
      const auto local = invitations.zone->local(*each.begins);
      when = date_text(local) + (each.start->all_day() ? "" : " " + time_text(local));
    }
    const auto& who = each.guest.empty() ? each.organizer : each.guest;
    out += fmt::format("{}  {:<16}  {}{}, by {}  ({}{}{})\n", gid_text(each.gid), when,
                       each.title.empty() ? "(no title)" : for_people(each.title),
                       each.place.empty() ? "" : ", " + for_people(each.place), for_people(who), word(each),
                       each.answer.empty() ? "" : ": ", for_people(each.answer));
  }
  if (out.empty()) out = "nothing is to be answered\n";
  for (const auto& [path, why] : invitations.trouble)
    out += fmt::format("not shown: {}: {}\n", for_people(path), for_people(why));
  return out;
}

std::string invitations_json(const Invitations& invitations, bool all) {
  std::string out;
  for (const auto& each : invitations.found) {
    if (!shown(each, all)) continue;
    const auto start = each.begins && each.start
                           ? when_json(*each.begins, invitations.zone->local(*each.begins), each.start->all_day())
                           : std::string();
    out += fmt::format(
        R"({}{{"gid":{},"uid":{},"recurrence_id":{},"sequence":{},"title":{},"place":{},"organizer":{},"guest":{},"start":{},)"
        R"("state":{},"answer":{},"received_unix":{},"folder":{},"path":{}}})",
        out.empty() ? "" : ",", json_text(gid_text(each.gid)), json_text(each.uid), json_text(each.recurrence_id),
        each.sequence, json_text(each.title), json_text(each.place), json_text(each.organizer), json_text(each.guest),
        json_text(start), json_text(word(each)), json_text(each.answer), each.received, json_text(each.folder),
        json_text(each.path));
  }
  return "[" + out + "]\n";
}

}  // namespace tidegate::device
