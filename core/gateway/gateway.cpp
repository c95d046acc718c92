// SPDX-License-Identifier: Apache-2.0
#include "core/gateway/gateway.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/gateway/recovery.hpp"
#include "core/store/backup_state.hpp"

namespace tidegate::gateway {
namespace {

constexpr std::size_t alarms_kept = 100;

/// What a part of a site takes from its back-end.
std::vector<Kind> kinds_of(config::Part part) {
  switch (part) {
    case config::Part::mail:
      return {Kind::mail};
    case config::Part::calendar:
      return {Kind::event};
    case config::Part::contacts:
      return {Kind::contact};
    case config::Part::tasks:
      return {Kind::task};
    case config::Part::notes:
      return {Kind::note};
  }
  return {};
}

}  // namespace

Gateway::Gateway(sim::World& world, Config config, plugin::Plugins& plugins, Note note)
    : world_(world), config_(std::move(config)), plugins_(plugins), note_(std::move(note)) {}

Gateway::~Gateway() {
  // The link first: nothing of what goes down now should still be told to devices.
  link_.reset();
  sessions_.reset();
  quarantine_.reset();
  commands_.reset();
  accounts_.reset();
}

Result<std::unique_ptr<Gateway>> Gateway::make(sim::World& world, Config config, plugin::Plugins& plugins, Note note) {
  std::unique_ptr<Gateway> made(new Gateway(world, std::move(config), plugins, std::move(note)));
  if (auto opened = made->open_state(); !opened) return std::unexpected(opened.error());
  made->make_backends();
  if (auto linked = made->make_link(); !linked) return std::unexpected(linked.error());
  return made;
}

Result<void> Gateway::open_state() {
  const auto& settings = config_.gateway;
  if (auto there = world_.files().make_directories(settings.state); !there) return there;
  auto log = store::Log::open(world_, {.path = state_path(config_),
                                       .page_cache_mib = settings.page_cache >> 20,
                                       .hold_share = static_cast<unsigned>(settings.hold_share)});
  if (!log) return std::unexpected(log.error());
  log_ = std::move(*log);
  log_->on_held([this](const store::HoldRow& hold) { held(hold); });
  auto directory = store::Directory::open(world_, *log_);
  if (!directory) return std::unexpected(directory.error());
  directory_ = std::move(*directory);
  auto journal = store::Journal::open(world_, *log_);
  if (!journal) return std::unexpected(journal.error());
  journal_ = std::move(*journal);
  if (auto opened = open_backup(); !opened) return opened;
  auto set_back = store::load_set_back(*log_);
  if (!set_back) return std::unexpected(std::move(set_back.error()));
  set_back_ = *set_back;
  instance_.counter = log_->start_counter();
  world_.reactor().random(std::as_writable_bytes(std::span(&instance_.random, 1)));

  accounts_ =
      account::Accounts::make(world_, *log_,
                              {.poll_folders = std::chrono::duration_cast<std::chrono::seconds>(settings.poll_folders),
                               .inline_up_to = static_cast<std::uint32_t>(settings.inline_up_to),
                               .cache_mib = settings.content_cache >> 20},
                              [this](store::ViewId view, std::uint64_t head, bool folders) {
                                if (sessions_) sessions_->changed(view, head, folders);
                                if (set_back_ && head == 0) end_set_back();
                              });
  commands_ = std::make_unique<journal::Commands>(journal::Wiring{
      .world = world_,
      .log = *log_,
      .journal = *journal_,
      .accounts = *accounts_,
      .settings = {.removals_per_hour = settings.removals_per_hour,
                   .resends = settings.send_unknown == SendUnknown::resend},
      .tell =
          [this](const std::string& user, View device, const e2e::CommandResult& result) {
            if (sessions_) sessions_->answer(user, device, result);
          },
      .broken =
          [this](const std::string& user, View device, const Fault& why) {
            if (sessions_) sessions_->broken(user, device, why.text);
          },
      .changed =
          [this](store::ViewId view, std::uint64_t head, bool folders) {
            if (sessions_) sessions_->changed(view, head, folders);
          },
      .note = note_,
      .held = [this](const store::HoldRow& hold) { removals_held(hold); },
      .made =
          [this](const std::string& user, View device, store::ViewId view, const Bytes& sha256, std::uint64_t size) {
            if (sessions_) sessions_->made(user, device, view, sha256, size);
          }});
  quarantine_ = std::make_unique<push::Quarantine>(
      world_, *log_, *accounts_, std::chrono::duration_cast<std::chrono::seconds>(settings.quarantine_retry),
      [this](store::ViewId view, std::uint64_t head) {
        if (sessions_) sessions_->changed(view, head, false);
      });
  if (auto loaded = quarantine_->load(); !loaded) return loaded;
  push::Settings push{.gateway_name = "tidegate " + settings.name};
  push.alive = std::chrono::duration_cast<std::chrono::seconds>(settings.alive);
  push.vmes_1 = settings.suite_vmes_1;
  push.none = settings.suite_none;
  push.sweep = std::min(push.sweep, std::max(std::chrono::seconds(1), push.alive / 8));
  sessions_ = std::make_unique<push::Sessions>(
      push::Wiring{.world = world_,
                   .log = *log_,
                   .directory = *directory_,
                   .accounts = *accounts_,
                   .commands = *commands_,
                   .quarantine = *quarantine_,
                   .outlet = *this,
                   .settings = push,
                   .note = note_,
                   .alarm = [this](const std::string& user, const std::string& text) { alarm(user, text); },
                   .paired = [this](const store::DeviceRow& device) { device_paired(device); },
                   .backup_version = [this] { return backup_ ? backup_->kept().version : 0; },
                   .backup_heard =
                       [this](std::uint64_t version) {
                         if (backup_) backup_->heard(version);
                       },
                   .set_back = [this] { return set_back_; }});
  return {};
}

Result<void> Gateway::open_backup() {
  if (config_.gateway.backup == Backups::none) return {};
  // Made at the first start, so that the first backup can be opened by what is shown then.
  if (auto key = load_recovery_key(world_, recovery_path(config_)); !key) return std::unexpected(key.error());
  auto made = Backup::make(
      {.world = world_,
       .log = *log_,
       .database = state_path(config_),
       .key_path = recovery_path(config_),
       .spool = config_.gateway.state / "backup.sealed",
       .guid = directory_->identity().guid,
       .every = config_.gateway.backup_every,
       .soon = config_.gateway.backup_soon,
       .request = [this](wire::Control control, auto done) { request(std::move(control), std::move(done)); },
       .note = note_,
       .alarm = [this](const std::string& text) { alarm({}, text); }});
  if (!made) return std::unexpected(std::move(made.error()));
  backup_ = std::move(*made);
  return {};
}

void Gateway::back_up_soon() {
  if (backup_) backup_->soon();
}

/// After a restore: once every mailbox was looked through, the log lacks nothing any more.
void Gateway::end_set_back() {
  const auto looked = [this](const store::UserRow& user) { return accounts_->looked_through(user.user); };
  if (!std::ranges::all_of(directory_->users(), looked)) return;
  set_back_ = false;
  store::put_looked_through(*log_, [this, alive = std::weak_ptr(alive_)](const Result<void>& done) {
    if (!done && !alive.expired())
      note_(3, "that the restored mailboxes were looked through is not on disk: " + done.error().text);
  });
}

void Gateway::make_backends() {
  for (const auto& section : config_.ini.sections) {
    if (section.kind != "backend") continue;
    auto& entry = backends_[section.name];
    auto made = plugins_.make(world_, config_.ini, section);
    if (made) {
      entry.plugin = made->plugin + " " + made->version;
      entry.made = std::move(*made);
      note_(2, "back-end " + section.name + ": plugin " + entry.plugin);
    } else {
      entry.fault = made.error().where + ": " + made.error().text;
      note_(4, "back-end " + section.name + " is out of service: " + entry.fault);
    }
  }
}

Result<void> Gateway::make_link() {
  auto made = link::Link::make(world_, config_.link, directory_->identity(), instance_, *this);
  if (!made) return std::unexpected(made.error());
  link_ = std::move(*made);
  return {};
}

void Gateway::start() {
  if (const auto way_out = link_->status().way_out; way_out != "none")
    note_(2, "the way to the relay leads through the proxy " + way_out);
  for (const auto& user : directory_->users()) start_user(user.user);
  log_->holds([this](Result<std::vector<store::HoldRow>> rows) {  // of earlier lives
    if (rows)
      for (const auto& hold : *rows) held(hold);
  });
  if (auto started = link_->start(); !started) note_(3, started.error().text);
  if (backup_) backup_->start();
  if (!recovery_confirmed())
    note_(3, "the recovery key has not been written down yet: tidegatectl recovery-key shows it");
}

std::vector<account::BackendUse> Gateway::uses(const config::Site& site) {
  std::vector<account::BackendUse> all;
  for (const auto& [part, name] : site.backends) {
    auto& entry = backends_[name];
    if (!entry.made) continue;
    auto kinds = kinds_of(part);
    auto same = std::ranges::find(all, name, &account::BackendUse::name);
    if (same != all.end()) {
      same->kinds.insert(same->kinds.end(), kinds.begin(), kinds.end());
      continue;
    }
    all.push_back(entry.use(name));
    all.back().kinds = std::move(kinds);
  }
  return all;
}

account::BackendUse Gateway::BackendEntry::use(const std::string& name) const {
  const auto& pace = made->settings;
  return {.name = name,
          .backend = made->backend.get(),
          .kinds = {},
          .workers = pace.workers,
          .deadline = pace.deadline,
          .sweep = pace.sweep,
          .poll_soon = std::min(pace.poll_soon, pace.poll_quiet),
          .poll_quiet = pace.poll_quiet,
          .connects_per_second = pace.connects_per_second,
          .connections = pace.connections,
          .connections_per_user = pace.connections_per_user};
}

void Gateway::start_user(const std::string& user) {
  auto chosen = config_.sites.of(user);
  if (!chosen) return alarm(user, "not served: " + chosen.error().text);
  auto parts = uses(*chosen->site);
  if (parts.empty()) return alarm(user, "not served: no back-end of site " + chosen->site->name + " is in service");
  accounts_->start(user, chosen->site->name, std::move(parts), [this, user](Result<store::ViewId> view) {
    if (!view) return alarm(user, "not served: " + view.error().text);
    commands_->resume(user);
  });
}

void Gateway::alarm(const std::string& user, const std::string& text) {
  note_(4, user.empty() ? text : user + ": " + text);
  alarms_.push_back({unix_now(), user, text});
  if (alarms_.size() > alarms_kept) alarms_.pop_front();
  if (!user.empty() && sessions_) sessions_->alarm(user, text);
}

void Gateway::held(const store::HoldRow& hold) {
  alarm(
      hold.user,
      fmt::format("{} {} disappeared from the server at once and stay on the devices for now. If that was meant: "
                  "tidegatectl hold release {}; if the server is at fault, mend it, they leave the hold by themselves.",
                  hold.count, hold.what, hold.number));
}

std::int64_t Gateway::unix_now() const {
  return std::chrono::duration_cast<std::chrono::seconds>(world_.reactor().wall().time_since_epoch()).count();
}

void Gateway::removals_held(const store::HoldRow& hold) {
  alarm(hold.user,
        fmt::format("A device removes more messages at once than is believed; the rest was not removed. If that was "
                    "meant: tidegatectl hold release {}; if not: tidegatectl hold discard {}, and look after the "
                    "device.",
                    hold.number, hold.number));
}

void Gateway::decide_hold(std::uint64_t number, bool release, Done<void> done) {
  commands_->decide(
      number, release,
      [this, alive = std::weak_ptr(alive_), number, release, done = std::move(done)](Result<void> decided) mutable {
        if (decided || decided.error().kind != FaultKind::not_found || alive.expired()) return done(std::move(decided));
        log_->decide_hold(number, release, std::move(done));
      });
}

link::Status Gateway::link_status() const { return link_->status(); }

std::vector<Gateway::BackendState> Gateway::backends() const {
  std::vector<BackendState> all;
  for (const auto& [name, entry] : backends_) all.push_back({name, entry.plugin, entry.fault});
  return all;
}

// --- from the link --------------------------------------------------------------------------------------------------

wire::StartupReport Gateway::opened(const wire::ActivateUsers& first) {
  sessions_->users(first);
  wire::StartupReport report;
  for (const auto& each : first.users) {
    bool served = directory_->user(each.user) != nullptr;
    report.users.push_back({each.user, served, served ? "" : "this gateway does not know that user"});
  }
  // After the report, and again at each opening: the relay keeps open handles in memory only.
  world_.reactor().post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.lock()) return;
    announce_codes();
    announce_admissions();
    if (backup_) backup_->opened();
  });
  return report;
}

void Gateway::users(const wire::ActivateUsers& change) { sessions_->users(change); }

void Gateway::frame(wire::Frame&& in) { sessions_->frame(std::move(in)); }

void Gateway::answer(const wire::Answer& answer) {
  auto found = asked_.find(answer.request);
  if (found == asked_.end()) return;
  auto callback = std::move(found->second);
  asked_.erase(found);
  callback(answer);
}

void Gateway::notice(const wire::Notice& notice) { alarm(notice.user, "the relay says: " + notice.text); }

void Gateway::session_lost(wire::Code, std::string_view text) {
  note_(3, "channel to the relay lost: " + std::string(text));
  sessions_->lost();
}

void Gateway::credit(link::SessionKey session, std::uint64_t, std::uint64_t) { sessions_->credit(session.id); }

void Gateway::stopped(const Fault& why) {
  sessions_->lost();
  for (const auto& user : accounts_->users()) accounts_->stop(user);
  alarm({}, why.text);
}

void Gateway::resume(Done<void> done) {
  auto served = accounts_->users();
  for (const auto& user : directory_->users())
    if (std::ranges::find(served, user.user) == served.end()) start_user(user.user);
  if (link_->status().state != link::LinkState::superseded) {
    link_->resume(instance_);
    return done({});
  }
  // The relay remembers the other's counter, which may be higher than ours will be for many starts.
  log_->raise_start_counter(
      [this, alive = std::weak_ptr(alive_), done = std::move(done)](Result<std::uint64_t> counter) mutable {
        if (!alive.lock()) return;
        if (!counter) return done(std::unexpected(std::move(counter.error())));
        instance_.counter = *counter;
        link_->resume(instance_);
        done({});
      });
}

// --- towards the link -----------------------------------------------------------------------------------------------

void Gateway::send(wire::Frame frame) {
  if (auto sent = link_->send(std::move(frame)); !sent && sent.error().kind != FaultKind::not_found)
    note_(4, "a frame for a device could not be sent: " + sent.error().text);
}

std::uint64_t Gateway::credit_available(std::uint64_t session, std::uint64_t generation) const {
  return link_->credit_available({session, generation});
}

void Gateway::consumed(std::uint64_t session, std::uint64_t generation, std::uint64_t octets) {
  if (octets != 0) link_->consumed({session, generation}, octets);
}

void Gateway::request(wire::Control control, std::move_only_function<void(wire::Answer)> done) {
  auto number = link_->request(std::move(control));
  if (number) {
    asked_.emplace(*number, std::move(done));
    return;
  }
  world_.reactor().post([alive = std::weak_ptr(alive_), done = std::move(done), text = number.error().text]() mutable {
    if (alive.lock()) done({.request = 0, .code = wire::Code::unavailable, .text = text});
  });
}

}  // namespace tidegate::gateway
