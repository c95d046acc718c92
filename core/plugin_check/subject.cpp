// SPDX-License-Identifier: Apache-2.0
#include "core/plugin_check/subject.hpp"

#include <algorithm>
#include <cstring>
#include <future>
#include <iostream>
#include <utility>

#include <fmt/format.h>

#include "core/plugin/plugins.hpp"

namespace tidegate::check {
namespace {

std::unique_ptr<Subject> the_subject;  // GoogleTest's cases have no other way to their environment

std::string said(const Fault& fault) {
  return fmt::format("{}: {} ({}){}{}", fault.where, fault.text, to_string(fault.kind),
                     fault.cause.empty() ? "" : " — ", fault.cause);
}

/// The section to examine; nullptr and a reason.
config::Section* choose(config::Ini& ini, const Options& options, std::string& why) {
  std::vector<config::Section*> found;
  for (auto& section : ini.sections)
    if (section.kind == "backend" && (options.backend.empty() || section.name == options.backend))
      found.push_back(&section);
  if (found.size() == 1) return found.front();
  why = found.empty()
            ? fmt::format("{} has no section [backend:{}]", ini.file, options.backend.empty() ? "…" : options.backend)
            : fmt::format("{} has several back-ends; say which by --backend NAME", ini.file);
  return nullptr;
}

}  // namespace

Subject::Subject(Options options) : options_(std::move(options)), dice_(options_.seed) {}

Subject& Subject::get() { return *the_subject; }

std::string Subject::prepare(Options options) {
  the_subject.reset(new Subject(std::move(options)));
  return the_subject->start();
}

void Subject::done() { the_subject.reset(); }

void Subject::on_reactor(const std::function<void()>& work) {
  std::promise<void> finished;
  world_.reactor().post([&] {
    work();
    finished.set_value();
  });
  finished.get_future().wait();
}

std::string Subject::start() {
  reactor_ = std::thread([this] { world_.run(); });
  auto ini = config::read_ini(options_.config);
  if (!ini) return said(ini.error());
  ini_ = std::move(*ini);
  std::string why;
  section_ = choose(ini_, options_, why);
  if (!section_) return why;
  // The plugin on the command line counts, whatever the ini says.
  std::erase_if(section_->values, [](const config::Value& value) { return value.key == "plugin"; });
  section_->values.push_back({"plugin", options_.plugin, section_->line});
  plugins_ = std::make_unique<plugin::Plugins>(".", [](int level, std::string_view line) {
    if (level >= 3) std::cerr << line << '\n';
  });
  auto made = another();
  if (!made) return said(made.error());
  backend_ = std::move(*made);
  if (auto fine = backend_->test(call()); !fine) return said(fine.error());
  auto session = open();
  return session ? std::string{} : said(session.error());
}

Result<std::unique_ptr<Session>> Subject::open() { return backend_->open(call(), mailbox()); }

Result<std::unique_ptr<Backend>> Subject::another() {
  Result<plugin::Made> made = fault(FaultKind::unavailable, {}, "the reactor didn't run");
  on_reactor([&] { made = plugins_->make(world_, ini_, *section_); });
  if (!made) return std::unexpected(made.error());
  return std::move(made->backend);
}

bool Subject::listen(Hints& hints) {
  on_reactor([&] {
    if (!std::exchange(asked_to_watch_, true)) watch_ = backend_->watch(hints);
    if (watch_) watch_->add(options_.user);
  });
  return watch_ != nullptr;
}

std::string Subject::hand(const std::string& word, const Bytes& folder, const Bytes& item,
                          const std::string& message_id) {
  const Hand hand(options_.hand);
  if (!hand.given()) return "needs a hand at the back-end itself (--hand COMMAND), which does `" + word + "`";
  const auto outcome = hand.does(word, {{"USER", options_.user},
                                        {"FOLDER", folder},
                                        {"FOLDER_NAME", names_[folder]},
                                        {"ITEM", item},
                                        {"MESSAGE_ID", message_id}});
  if (outcome == Hand::Outcome::failed) ADD_FAILURE() << "the --hand command failed to do `" << word << "`";
  return outcome == Hand::Outcome::done ? "" : "the --hand command does not do `" + word + "`";
}

Bytes Subject::token() {
  Bytes token(16, '\0');
  for (auto& octet : token) octet = static_cast<char>(dice_());
  return token;
}

std::optional<Bytes> Subject::scratch(Session& session, Kind kind, std::string& why) {
  if (const auto at = scratch_.find(kind); at != scratch_.end()) return at->second;
  if (kind == options_.kind && !options_.folder.empty()) return scratch_[kind] = options_.folder;
  if (!(session.capabilities().verbs & can_make_folder)) {
    why = "the back-end makes no folders, and no --folder says where this may write";
    return {};
  }
  Folder like{};
  like.kind = kind;
  like.name = fmt::format("tidegate-check-{:08x}", static_cast<std::uint32_t>(dice_()));
  Attempt attempt{token(), {}, [](View) { return Result<void>{}; }};
  auto made = session.make_folder(call(), like, attempt);
  if (!made) {
    why = "no folder of this kind could be made: " + said(made.error());
    return {};
  }
  made_.insert(made->id);
  names_[made->id] = made->name;
  return scratch_[kind] = made->id;
}

Subject::~Subject() {
  if (backend_) {
    if (auto session = open())
      for (const auto& folder : made_)
        if (auto gone = (*session)->remove_folder(call(), folder); !gone)
          std::cerr << "the folder " << shown(folder) << " is left over: " << said(gone.error()) << '\n';
    on_reactor([&] {
      watch_.reset();
      backend_.reset();
    });
  }
  if (reactor_.joinable()) {
    world_.stop();
    reactor_.join();
  }
}

Call call(std::chrono::milliseconds time) { return {Clock::now() + time, {}, 1}; }

void Replay::apply(const Page& page) {
  last_page.clear();
  last_page_changes = static_cast<unsigned>(page.changes.size());
  if (!more) since_begin_.clear();  // a back-end without deltas lists again: that begins here
  for (const auto& change : page.changes) {
    if (const auto* item = std::get_if<Upsert>(&change)) {
      items[item->id] = *item;
      named.push_back(item->id);
      since_begin_.insert(item->id);
      last_page.push_back(*item);
    } else if (const auto* gone = std::get_if<Removed>(&change)) {
      items.erase(gone->id);
      since_begin_.erase(gone->id);
    } else if (const auto* folder = std::get_if<FolderUpsert>(&change)) {
      folders[folder->folder.id] = folder->folder;
      named.push_back(folder->folder.id);
      since_begin_.insert(folder->folder.id);
    } else if (const auto* lost = std::get_if<FolderRemoved>(&change)) {
      folders.erase(lost->id);
    } else {
      ++listed;
      std::erase_if(items, [&](const auto& item) { return !since_begin_.contains(item.first); });
      std::erase_if(folders, [&](const auto& known) { return !since_begin_.contains(known.first); });
    }
  }
  anchor = page.anchor;
  more = page.more;
}

bool Replay::step(Session& session, View scope, std::uint32_t limit, std::uint32_t inline_up_to) {
  auto page = session.changes(call(), scope, anchor, Want{limit, inline_up_to, {}});
  if (!page) {
    ADD_FAILURE() << "changes(" << shown(scope) << ", " << shown(anchor) << ") answered " << said(page.error());
    return false;
  }
  // Removals are small; a back-end that finds them by comparing may tell all at once.
  const auto items_told = std::ranges::count_if(page->changes, [](const Change& change) {
    return std::holds_alternative<Upsert>(change) || std::holds_alternative<FolderUpsert>(change);
  });
  EXPECT_LE(static_cast<std::uint32_t>(items_told), std::max(limit, scope.empty() ? UINT32_MAX : 1U))
      << "a page has more items than were asked for";
  EXPECT_FALSE(page->anchor.empty()) << "a page without an anchor would list for ever";
  apply(*page);
  return true;
}

bool Replay::drain(Session& session, View scope, std::uint32_t limit, unsigned pages) {
  for (unsigned i = 0; i < pages; ++i) {
    if (!step(session, scope, limit)) return false;
    if (!more) return true;
  }
  ADD_FAILURE() << "no end of pages in " << shown(scope) << " after " << pages;
  return false;
}

void Law::SetUp() {
  auto session = subject().open();
  if (!session) FAIL() << "the mailbox can't be opened: " << said(session.error());
  session_ = std::move(*session);
  can_ = session_->capabilities();
}

Bytes Law::put(Session& session, View folder, const std::string& octets, Kind kind, std::uint32_t flags) {
  Attempt attempt{subject().token(), {}, [](View) { return Result<void>{}; }};
  auto made = session.create(call(), folder, NewItem{kind, octets.size(), flags, {}, {}}, source_of(octets), attempt);
  if (made) return made->id;
  ADD_FAILURE() << "create in " << shown(folder) << " answered " << said(made.error());
  return {};
}

std::string Law::mail(unsigned number) const {
  return fmt::format(
      "From: check@tidegate.example\r\nTo: you@tidegate.example\r\nSubject: Number {}\r\n"
      "Message-ID: {}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\nBody {}\r\n",
      number, message_id(number), number);
}

std::string Law::item(unsigned number) const {
  const auto uid = fmt::format("{}.{}@check.tidegate.example", number,
                               testing::UnitTest::GetInstance()->current_test_info()->name());
  switch (usual()) {
    case Kind::contact:
      return fmt::format("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{0}\r\nFN:Number {1}\r\nN:{1};Number;;;\r\nEND:VCARD\r\n",
                         uid, number);
    case Kind::event:
      return fmt::format(
          "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Tidegate//check//EN\r\nBEGIN:VEVENT\r\nUID:{}\r\n"
          "DTSTAMP:20260101T000000Z\r\nDTSTART:20260601T100000Z\r\n"
          "DTEND:20260601T110000Z\r\nSUMMARY:Number {}\r\nEND:VEVENT\r\n"
          "END:VCALENDAR\r\n",
          uid, number);
    default:
      return mail(number);
  }
}

std::string Law::message_id(unsigned number) const {
  return fmt::format("<{}.{}@check.tidegate.example>", number,
                     testing::UnitTest::GetInstance()->current_test_info()->name());
}

Result<std::string> Law::whole(Session& session, View item, Range range) {
  std::string octets;
  auto given = session.read(call(), item, range, [&](Octets some) {
    octets.append(reinterpret_cast<const char*>(some.data()), some.size());
    return true;
  });
  if (!given) return std::unexpected(given.error());
  EXPECT_EQ(*given, octets.size()) << "read() says another number than it gave";
  return octets;
}

Source source_of(std::string octets) {
  return [octets = std::move(octets), at = std::size_t{0}](std::span<std::byte> into) mutable {
    const auto size = std::min(into.size(), octets.size() - at);
    std::memcpy(into.data(), octets.data() + at, size);
    at += size;
    return size;
  };
}

std::string shown(View id) {
  std::string out = "\"";
  for (const char c : id.substr(0, 80))
    out += c >= ' ' && c < 127 ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out + (id.size() > 80 ? "…\"" : "\"");
}

}  // namespace tidegate::check
