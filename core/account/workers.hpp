// SPDX-License-Identifier: Apache-2.0
// The threads of one back-end and who may use them next. A job is one call (a page, a range). Live work goes first and
// has a quarter of the threads for itself. A call past its deadline is asked to stop; five seconds later it counts as
// stuck: its caller hears so, and another thread takes its place, up to twice the pool.
//
// Reactor thread, all of it; the work itself runs on the threads.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "core/sim/world.hpp"
#include "core/store/log.hpp"

namespace tidegate::account {

class Workers {
 public:
  struct Limits {
    std::chrono::milliseconds call{60'000};     ///< a call's deadline
    std::chrono::milliseconds patience{5'000};  ///< past the deadline, until it counts as stuck
    std::chrono::milliseconds farewell{1'000};  ///< what the end waits for calls under way
  };
  Workers(sim::World&, std::string backend, std::size_t threads, Limits);
  ~Workers();  ///< stops the calls and waits at most a second for them; nobody is answered any more
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// `done` runs once, on the reactor thread, unless the Workers are destroyed before. What the work owns is destroyed
  /// on its thread, also when it comes too late.
  template <class T>
  void call(bool live, std::move_only_function<Result<T>(const Call&)> work, store::Done<T> done) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    add({live,
         [result, work = std::move(work)](const Call& call) mutable {
           result->emplace(guarded<T>(work, call));
           work = nullptr;
         },
         [result, done = std::move(done)](std::optional<Fault> stuck) mutable {
           if (stuck) return done(std::unexpected(std::move(*stuck)));
           done(std::move(**result));
         }});
  }
  bool stuck() const { return stuck_ > 0; }
  std::size_t waiting() const { return live_.size() + rest_.size(); }

 private:
  struct Job {
    bool live = false;
    std::move_only_function<void(const Call&)> work;
    std::move_only_function<void(std::optional<Fault>)> done;
  };
  struct Running {
    std::uint64_t number = 0;
    bool live = false;
    bool stuck = false;
    sim::Instant deadline;
    std::stop_source stop;
    std::move_only_function<void(std::optional<Fault>)> done;
  };
  struct Shared;

  template <class T>
  static Result<T> guarded(std::move_only_function<Result<T>(const Call&)>& work, const Call& call) {
    try {
      return work(call);
    } catch (const std::exception& thrown) {
      return std::unexpected(threw(thrown.what()));
    } catch (...) {
      return std::unexpected(threw("something that is no std::exception"));
    }
  }
  static Fault threw(const char* what);

  void add(Job);
  void pump();
  bool next(Job&);
  void start(Job);
  void finished(std::uint64_t number);
  void arm();
  void look();

  sim::World& world_;
  const std::string backend_;
  const std::size_t threads_;
  const Limits limits_;
  std::deque<Job> live_, rest_;
  std::list<Running> running_;
  std::size_t rest_running_ = 0;  ///< without the stuck
  std::size_t stuck_ = 0;
  std::uint64_t number_ = 0;
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<Shared> shared_;  ///< also held by the calls
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::unique_ptr<sim::Pool> pool_;
};

}  // namespace tidegate::account
