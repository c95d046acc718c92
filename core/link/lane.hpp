// SPDX-License-Identifier: Apache-2.0
// One data channel: a kept-alive connection with at most one POST outstanding. Its batch is written again as it is
// when its answer was lost: the relay drops repeats by number. Reactor thread.
#pragma once
#include <memory>
#include <optional>

#include "core/link/batches.hpp"
#include "core/link/connection.hpp"
#include "core/link/opening.hpp"

namespace tidegate::link {

class LaneEvents {
 public:
  virtual void lane_frame(wire::Frame&&) = 0;     ///< receipts, credit and answers out of a response
  virtual void lane_drained() = 0;                ///< a batch is off: less waits
  virtual void lane_repeats(const Fault&) = 0;    ///< a POST failed and will be repeated
  virtual void lane_refused(const Refusal&) = 0;  ///< the session is void, or this lane has failed for too long

 protected:
  ~LaneEvents() = default;
};

//  resting  --add, flush--> posting     (connecting first if there is no connection)
//  posting  --200---------> resting | posting
//  posting  --broken, 5xx, silence--> pausing   the same batch again, first at once, then with back-off
//  pausing  --due---------> posting
//  posting  --the proxy's 407--> lane_refused
//  posting  --401 403 404 409 410 400 413, or a minute of failures--> lane_refused
class Lane final : public ConnectionEvents {
 public:
  struct Setup {
    sim::Endpoint endpoint;
    Url url;
    std::string head;  ///< data_head()
    std::chrono::milliseconds connect_within, answer_within;
    std::uint64_t seed = 0;
  };
  Lane(sim::World&, Setup, LaneEvents&);

  void add(const wire::Frame& frame) { batches_.add(frame); }
  void flush();  ///< begins a POST if none is outstanding and something waits
  void open();   ///< connects ahead of need
  /// Closes, and says nothing any more; to be destroyed in a later turn of the reactor.
  void retire();
  bool idle() const { return !posting_ && batches_.empty(); }
  bool is_connected() const { return connection_ && connection_->connected(); }
  std::size_t octets() const { return batches_.octets() + (posting_ ? posting_->body() : 0); }
  std::uint64_t octets_up() const { return octets_up_; }      ///< of answered POSTs
  std::uint64_t octets_down() const { return octets_down_; }  ///< of their answers
  sim::Instant last_used() const { return last_used_; }

  static constexpr std::chrono::seconds failing_most{60};

 private:
  void head(const http::ResponseHead&) override;
  void body(Octets) override;
  void complete() override;
  void broken(const Fault&) override;

  void post();
  void done();
  void again(const Refusal&);

  sim::World& world_;
  Setup setup_;
  LaneEvents& events_;
  Batches batches_;
  std::optional<Batch> posting_;
  http::ResponseHead head_;
  Bytes said_;  ///< of an answer that isn't 200
  wire::FrameReader reader_;
  bool reading_faulty_ = false;
  Backoff backoff_;
  std::optional<sim::Instant> failing_since_;
  sim::Instant last_used_;
  std::uint64_t octets_up_ = 0, octets_down_ = 0;
  std::unique_ptr<Timer> timer_;  ///< silence of an answer, or the pause before a repeat
  bool pausing_ = false;
  bool retired_ = false;
  std::unique_ptr<Connection> connection_;
};

}  // namespace tidegate::link
