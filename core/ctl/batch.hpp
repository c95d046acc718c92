// SPDX-License-Identifier: Apache-2.0
// One command for each value of a list, several at once. What is refused for one does not keep the others; what would
// meet all of them (no daemon, no relay) ends the rest. A value whose thing exists already is passed over, so that a
// list may be given again. Reactor thread.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/ctl/client.hpp"

namespace tidegate::ctl {

/// The lines of a list: without blanks at their ends, without empty ones and those that begin with '#'. Pure.
std::vector<std::string> list_lines(std::string_view text);

class Batch {
 public:
  struct Answer {
    std::vector<std::string> raw;  ///< its lines as they came
    std::vector<Line> lines;
    Exit exit = Exit::not_running;
    std::optional<Fault> fault{};
  };
  using OnAnswer = std::function<void(const Answer&)>;
  static constexpr std::size_t at_once = 8;  ///< well below the daemon's most_askers, and the relay's password queue

  /// `request` with each of `values` as its `field`. `answered` in the order of the answers, never within start().
  Batch(sim::World&, std::string socket, Request request, std::string field, std::vector<std::string> values,
        OnAnswer answered);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch();

  void start();
  bool ended() const { return under_way_ == 0 && (stopped_ || next_ == values_.size()); }
  std::size_t done() const { return done_; }
  std::size_t passed_over() const { return passed_over_; }
  std::size_t refused() const { return refused_; }
  std::size_t not_asked() const { return values_.size() - next_; }  ///< once it has ended
  std::size_t answered() const { return done_ + passed_over_ + refused_; }
  /// The first that was not Exit::done, of those not passed over.
  Exit exit() const { return exit_; }

 private:
  struct Slot {
    std::unique_ptr<Client> client;
    Answer answer;
  };
  void ask(Slot&);
  void ended(Slot&, Exit, std::optional<Fault>);

  sim::World& world_;
  const std::string socket_, field_;
  const Request request_;
  const std::vector<std::string> values_;
  OnAnswer answered_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::size_t next_ = 0, under_way_ = 0, done_ = 0, passed_over_ = 0, refused_ = 0;
  bool stopped_ = false;
  Exit exit_ = Exit::done;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace tidegate::ctl
