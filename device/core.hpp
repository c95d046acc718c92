// SPDX-License-Identifier: Apache-2.0
// The inside of Device: reactor thread. core.cpp: disk and life; pairing.cpp; session.cpp: what a session brings;
// outbound.cpp: what goes up.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "core/tls/silent_life.hpp"
#include "device/backoff.hpp"
#include "device/device.hpp"
#include "device/dialogue.hpp"
#include "device/identity.hpp"
#include "device/relay_connection.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {

class Device::Core final : public ConnectionEvents {
 public:
  Core(sim::World&, Settings, Events&);
  ~Core();

  void pair(PairRequest, std::move_only_function<void(Result<Pairing>)>);
  void run();
  void stop(std::move_only_function<void()>);
  void orphan() { events_ = nullptr; }  ///< the Device is gone: nobody hears any more

 private:
  struct Loaded {
    std::optional<Identity> identity;
    Account account;
    std::vector<e2e::Position> positions;
    e2e::Settings policy;
    std::shared_ptr<Shelf> shelf;
  };
  /// `work` on the disk thread, then `then` on the reactor thread unless this is gone by then.
  template <class Work, class Then>
  void on_disk(Work work, Then then);
  static Result<Loaded> load(Shelf&);
  std::function<void(Arrival)> arrival_teller();
  void opened(Result<Loaded>);

  // connection and dialogue
  void connect();
  void disconnect();
  void connected() override;
  void came(wire::Frame) override;
  void heard_after(std::chrono::milliseconds silence) override { silence_.survived(silence); }
  void lost(Fault) override;
  void act(Actions);
  void act(Action&);
  void retry(Fault, bool hopeless);
  void keep_way_out();
  void stopped(Fault);
  void tick();
  void say_alive();

  // session
  void session_open(const Bytes& hash);
  void heard(e2e::ToDevice);
  void note_folders(const e2e::Folders&);
  void greeted(const e2e::HelloAck&);
  void know_backup(std::uint64_t version);
  void note_mark(const e2e::Mark&);
  void pump();
  void applied(std::uint64_t session, Result<Applied>);
  void acknowledged(const e2e::Position&);
  void store_previous();
  void disk_failed(Fault);
  void try_disk();
  void drop_session();
  void wiped();
  void check_idle();
  e2e::Hello hello();
  void say_policy();

  // outbound
  void start_watching();
  void hinted(const sim::DirectoryHint&);
  void scan_in(std::chrono::nanoseconds);
  void scan();
  void scanned(Result<Scanned>, std::chrono::nanoseconds took);
  void feed();
  void fed(std::uint64_t session, Result<UploadStep>);
  void forget_upload();
  void fetch();
  void fetch_later();

  // pairing
  void enrol(Loaded);
  void store_pending(const Bytes& guid);
  void complete(const PairingComplete&);
  void pairing_over(Result<Pairing>);

  void tell(Event);
  void write_status();
  std::string way_out_shown() const;
  std::int64_t unix_now() const;

  sim::World& world_;
  Settings settings_;
  Events* events_;
  std::shared_ptr<Shelf> shelf_;
  std::unique_ptr<sim::Pool> pool_;
  std::shared_ptr<Core*> self_;  ///< expired: this is gone (posted work looks)

  std::optional<Identity> identity_;
  Account account_;
  std::map<std::uint64_t, e2e::Position> positions_;  ///< on disk

  std::unique_ptr<RelayConnection> connection_;
  std::optional<Dialogue> dialogue_;
  std::unique_ptr<Timer> retry_timer_, tick_timer_, disk_timer_;
  Backoff backoff_, disk_backoff_;
  tls::SilentLife silence_{std::chrono::milliseconds::max()};  ///< of connections; what the relay wants may be less
  unsigned logins_refused_ = 0;                                ///< by a proxy, one after the other
  bool running_ = false, stopping_ = false, applying_ = false, disk_bad_ = false, current_ = false, idle_told_ = false;
  bool said_wiped_ = false;
  bool readable_ = false;  ///< by the relay, as the gateway said last: some device of the account

  std::uint64_t session_ = 0;
  Bytes session_hash_;
  sim::Instant state_since_{}, session_since_{}, heard_at_{}, alive_said_{};
  std::int64_t proven_unix_ = 0;  ///< when we last knew that we have everything
  std::deque<e2e::ToDevice> queue_;
  std::size_t queued_ = 0;                                               ///< octets, about
  std::map<std::uint64_t, std::pair<e2e::Epoch, std::uint64_t>> heads_;  ///< view → head when the session began
  std::set<std::uint64_t> listing_;  ///< views that the gateway has not looked through
  std::map<std::pair<std::uint64_t, Gid>, e2e::FolderInfo> folders_;
  struct JobCount {
    std::uint64_t left = 0, total = 0;
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, JobCount> jobs_;  ///< (view, job)
  std::int64_t connected_unix_ = 0;
  std::string last_error_;
  std::string status_written_;

  std::unique_ptr<sim::DirectoryWatch> watch_;
  std::unique_ptr<Timer> scan_timer_;
  std::vector<std::string> watched_;
  ScanOrder order_;  ///< of the next scan
  sim::Instant scan_at_{}, whole_scan_at_{}, no_scan_before_{};
  bool scanning_ = false, scanned_ = false, unsettled_ = false;
  std::size_t waiting_ = 0;  ///< commands without result
  std::size_t fetches_ = 0;  ///< stubs that are to come whole
  std::unique_ptr<Timer> fetch_timer_;
  e2e::Settings policy_;  ///< on disk
  // of this session
  e2e::Settings policy_said_;
  UploadCursor cursor_;
  std::set<Bytes> unanswered_;
  bool greeted_ = false, feeding_ = false, blocked_ = false, more_up_ = false, fetching_ = false;

  std::optional<PairRequest> pairing_;
  std::optional<PairingIntent> intent_;
  std::move_only_function<void(Result<Pairing>)> paired_;
  std::move_only_function<void()> when_stopped_;
};

template <class Work, class Then>
void Device::Core::on_disk(Work work, Then then) {
  // Only weakly: what waits in a pool's queue must not keep an index open after its Device has gone.
  auto run = [work = std::move(work), then = std::move(then), opened = shelf_ != nullptr,
              waiting = std::weak_ptr(shelf_), &reactor = world_.reactor(), alive = std::weak_ptr(self_)]() mutable {
    const auto shelf = waiting.lock();
    if (opened && !shelf) return;
    auto result = work(shelf.get());
    reactor.post([result = std::move(result), then = std::move(then), alive]() mutable {
      if (!alive.expired()) then(std::move(result));
    });
  };
  if (!pool_->submit(std::move(run)))
    // The queue holds far more than we ever have under way; if it is full the pool is dying with the process.
    return;
}

}  // namespace tidegate::device
