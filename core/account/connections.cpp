// SPDX-License-Identifier: Apache-2.0
#include "core/account/connections.hpp"

#include <atomic>
#include <mutex>
#include <utility>

namespace tidegate::account {

struct Connections::Shared {
  std::mutex mutex;
  Connections* connections = nullptr;  ///< null: gone, perhaps the world as well

  /// Has it done on the reactor thread, if there is still somebody to do it.
  void post(const std::shared_ptr<Shared>& self, std::move_only_function<void(Connections&)> work) {
    const std::scoped_lock lock(mutex);
    if (connections == nullptr) return;
    connections->world_.reactor().post([self, work = std::move(work)]() mutable {
      // Only the reactor thread makes it null: nothing changes while this runs.
      if (self->connections != nullptr) work(*self->connections);
    });
  }
};

class Connections::Held final : public Lease {
 public:
  Held(std::shared_ptr<Shared> shared, std::string user) : shared_(std::move(shared)), user_(std::move(user)) {}
  ~Held() override {
    shared_->post(shared_, [told = told_.load()](Connections& all) { all.gone(told); });
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void tell(const Fault* why_not) override {
    if (told_.exchange(true)) return;
    shared_->post(shared_, [user = user_, fault = why_not ? std::optional(*why_not) : std::nullopt](Connections& all) {
      all.told(user, fault);
    });
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::string user_;
  std::atomic<bool> told_ = false;  ///< a call that hangs is given up by another thread
};

Result<Connection> open_session(Backend& backend, const Call& call, const Mailbox& mailbox,
                                std::shared_ptr<Lease> lease) {
  auto opened = backend.open(call, mailbox);
  if (opened && *opened) {
    if (lease) lease->tell(nullptr);
    return Connection(opened->release(), Closing{std::move(lease)});
  }
  // What a plugin's open() that gave neither a session nor a fault comes to.
  Fault why{FaultKind::unavailable, "plugin", "The back-end gave no session.", {}, {}};
  if (!opened) why = std::move(opened.error());
  if (lease) lease->tell(&why);
  return std::unexpected(std::move(why));
}

Connections::Connections(sim::World& world, Broker::Limits limits, std::function<double()> dice,
                         std::function<void()> wanted)
    : world_(world),
      broker_(limits),
      dice_(std::move(dice)),
      wanted_(std::move(wanted)),
      shared_(std::make_shared<Shared>()) {
  shared_->connections = this;
}

Connections::~Connections() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->connections = nullptr;
}

void Connections::ask(const std::string& user, bool live, bool has, Granted granted) {
  const bool counts = counted_ && !has;
  if (!counts && !broker_.paused()) return granted(nullptr);
  const auto ticket = ++tickets_;
  asked_.emplace(ticket, Asked{user, counts, std::move(granted)});
  broker_.wait(ticket, live, counts);
  pump();
}

void Connections::pump() {
  if (std::exchange(pumping_, true)) return;  // a grant may ask again
  while (const auto ticket = broker_.next(world_.reactor().now())) {
    auto asked = std::move(asked_.extract(*ticket).mapped());
    asked.granted(asked.counts ? std::make_shared<Held>(shared_, asked.user) : nullptr);
  }
  pumping_ = false;
  timer_.reset();
  if (const auto when = broker_.when()) timer_ = world_.reactor().at(*when, [this] { pump(); });
  if (broker_.wanting()) wanted_();
}

void Connections::throttled(const std::string& user, const Fault& fault) {
  broker_.failed(user, fault, world_.reactor().now(), dice_());
  pump();
}

void Connections::told(const std::string& user, const std::optional<Fault>& fault) {
  if (fault)
    broker_.failed(user, *fault, world_.reactor().now(), dice_());
  else
    broker_.let_in();
  pump();
}

void Connections::gone(bool told) {
  if (!told) broker_.given_up();
  broker_.closed();
  pump();
}

}  // namespace tidegate::account
