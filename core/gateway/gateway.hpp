// SPDX-License-Identifier: Apache-2.0
// The gateway: owns everything, in birth order, and joins the rooms: accounts → log → sessions → link. One reactor
// thread.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>

#include "core/account/account.hpp"
#include "core/gateway/backup.hpp"
#include "core/gateway/settings.hpp"
#include "core/journal/commands.hpp"
#include "core/link/link.hpp"
#include "core/plugin/plugins.hpp"
#include "core/push/quarantine.hpp"
#include "core/push/sessions.hpp"
#include "core/sim/world.hpp"
#include "core/store/directory.hpp"
#include "core/store/journal.hpp"
#include "core/store/log.hpp"
#include "core/token/device_code.hpp"

namespace tidegate::gateway {

/// One line for the log; level as plugin::Log.
using Note = std::function<void(int level, const std::string& line)>;

struct Alarm {
  std::int64_t at = 0;  ///< unix seconds
  std::string user;     ///< empty: the gateway
  std::string text;
};

class Gateway final : public link::LinkEvents, public push::Outlet {
 public:
  /// Opens the state and makes the back-ends the ini names; a back-end that cannot be made is one line of the log, its
  /// users wait. Blocking; before the reactor runs. `plugins` outlives the gateway. Faults: of the state, of the ini.
  static Result<std::unique_ptr<Gateway>> make(sim::World&, Config, plugin::Plugins&, Note);
  ~Gateway();

  /// Starts watching and connecting. An unregistered gateway only watches.
  void start();

  // --- administration (core/gateway/administration.cpp); all on the reactor thread
  template <class T>
  using Done = store::Done<T>;
  struct Added {
    std::string user, password;
    std::string code, link;  ///< empty: the code went by mail
    std::string note;        ///< a sentence, e.g. why the mail could not be delivered
  };
  struct Code {
    std::string text, link;
    std::int64_t expires = 0;
  };
  struct Admitted {
    std::string user;
    Bytes device_id;
    std::int64_t expires = 0;
  };
  void register_at_relay(std::string licence, std::string password, Done<wire::Registered>);
  /// password empty: one is made. It is the user's account password at the relay.
  void add_user(std::string user, std::string password, Done<Added>);
  void remove_user(std::string user, Done<void>);
  void pair(std::string user, Done<Code>);
  /// A device whose suite does not authenticate the ends may enrol with an id that is made here, and come until then.
  void admit(std::string user, wire::Suite, std::chrono::seconds stay, Done<Admitted>);
  void revoke(std::string user, Bytes device_id, Done<void>);
  Result<std::string> recovery_key(bool confirm);  ///< shown until confirmed, then never again
  /// Now, whatever the time. Fault denied: backup = none.
  void back_up(Done<Backup::Kept>);
  void resume(Done<void>);
  void holds(Done<std::vector<store::HoldRow>> done) { log_->holds(std::move(done)); }
  void decide_hold(std::uint64_t number, bool release, Done<void> done);
  /// Whether that back-end answers, and lets a user in: the named one, else the first that is served from it. Gives
  /// whom it let in; empty: there is none.
  void test(const std::string& backend, std::string user, Done<std::string>);
  /// Tries now what waits after a fault: a user's, or a back-end's. Gives how many mailboxes waited.
  Result<std::size_t> retry(const std::string& user_or_backend);
  /// Gets a user's first refresh token for that back-end: somebody grants access by a code that `show` tells (RFC
  /// 8628). `gone` is asked every second whether nobody waits any more. Done: the token is kept, and lets the user in.
  void grant(const std::string& backend, const std::string& user, std::function<void(const token::DeviceCode&)> show,
             std::function<bool()> gone, Done<void>);

  push::Quarantine& quarantine() { return *quarantine_; }

  const Config& config() const { return config_; }
  const store::Directory& directory() const { return *directory_; }
  account::Accounts& accounts() { return *accounts_; }
  link::Status link_status() const;
  std::vector<push::Sessions::Shown> sessions() const { return sessions_->shown(); }
  std::uint64_t suites_refused() const { return sessions_->suites_refused(); }
  std::int64_t unix_now() const;
  /// Changes of devices that have not reached their back-ends yet.
  std::vector<journal::Commands::Waiting> waiting() const { return commands_->waiting(); }
  const std::deque<Alarm>& alarms() const { return alarms_; }
  bool recovery_confirmed() const;
  const Backup* backup() const { return backup_.get(); }  ///< null: backup = none
  struct BackendState {
    std::string name, plugin, fault;
  };
  std::vector<BackendState> backends() const;

  // --- link::LinkEvents
  wire::StartupReport opened(const wire::ActivateUsers&) override;
  void users(const wire::ActivateUsers&) override;
  void frame(wire::Frame&&) override;
  void answer(const wire::Answer&) override;
  void notice(const wire::Notice&) override;
  void session_lost(wire::Code, std::string_view) override;
  void credit(link::SessionKey, std::uint64_t available, std::uint64_t handed) override;
  void stopped(const Fault&) override;

  // --- push::Outlet
  void send(wire::Frame) override;
  std::uint64_t credit_available(std::uint64_t session, std::uint64_t generation) const override;
  void consumed(std::uint64_t session, std::uint64_t generation, std::uint64_t octets) override;
  void request(wire::Control, std::move_only_function<void(wire::Answer)>) override;

 private:
  struct BackendEntry {
    std::string plugin;
    std::optional<plugin::Made> made;
    std::string fault;
    account::BackendUse use(const std::string& name) const;  ///< of no kinds yet; only where it is made
  };
  Gateway(sim::World&, Config, plugin::Plugins&, Note);
  Result<void> open_state();
  Result<void> open_backup();
  void back_up_soon();
  void end_set_back();
  void make_backends();
  Result<void> make_link();
  void start_user(const std::string& user);
  void alarm(const std::string& user, const std::string& text);
  void held(const store::HoldRow&);
  void removals_held(const store::HoldRow&);
  void device_paired(const store::DeviceRow&);
  void pair_new_user(Added, Done<Added>);
  void mail_code(const std::string& user, const Code&, Done<void>);
  void deliver(const std::string& user, Bytes letter, Bytes token, sim::Instant until, Done<void>);
  void announce_codes();
  void announce_admissions();
  void tell_admission(const store::DeviceRow&, std::int64_t until, std::move_only_function<void(wire::Answer)>);
  std::vector<account::BackendUse> uses(const config::Site&);
  Result<BackendEntry*> backend_in_service(const std::string& name);
  void granted(std::uint64_t number, const std::string& backend, const std::string& user, Result<void>, Done<void>);
  void look_after_grant(std::uint64_t number, std::function<bool()> gone);
  std::string known_backends() const;
  std::string user_of(const std::string& backend) const;
  Bytes random_octets(std::size_t);

  // In birth order; they die in reverse.
  sim::World& world_;
  Config config_;
  plugin::Plugins& plugins_;
  Note note_;
  std::map<std::string, BackendEntry> backends_;
  std::unique_ptr<store::Log> log_;
  std::unique_ptr<store::Directory> directory_;
  std::unique_ptr<store::Journal> journal_;
  std::unique_ptr<Backup> backup_;
  bool set_back_ = false;  ///< restored, and not all mailboxes were looked through since
  std::unique_ptr<account::Accounts> accounts_;
  std::unique_ptr<journal::Commands> commands_;
  std::unique_ptr<push::Quarantine> quarantine_;
  std::unique_ptr<push::Sessions> sessions_;
  wire::Instance instance_;
  std::unordered_map<std::uint64_t, std::move_only_function<void(wire::Answer)>> asked_;
  std::unique_ptr<link::Registering> registering_;
  std::map<std::string, std::unique_ptr<Timer>> deliveries_;  // of users whose inbox isn't known yet
  std::unique_ptr<link::Link> link_;
  struct Granting {
    std::jthread thread;  ///< blocks until the code was entered
    std::unique_ptr<Timer> look;
  };
  std::map<std::uint64_t, Granting> grantings_;
  std::uint64_t grants_ = 0;
  std::deque<Alarm> alarms_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // callbacks of work that outlives us look here
};

}  // namespace tidegate::gateway
