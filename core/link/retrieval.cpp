// SPDX-License-Identifier: Apache-2.0
#include "core/link/retrieval.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <openssl/crypto.h>

#include "core/link/connection.hpp"
#include "core/link/opening.hpp"

namespace tidegate::link {
namespace {

constexpr std::uint64_t most_answer = wire::retrieved_piece + 1024;
constexpr unsigned tries_most = 5;

//  asking --the offer--> posting (on a new connection if the relay closed that one) --a piece--> asking | done
//  any --broken, silent, busy--> pausing --> asking, the same octets again; five times in a row: done, with the fault
class Fetch final : public Retrieving, ConnectionEvents {
 public:
  Fetch(sim::World& world, const Settings& settings, Retrieval order)
      : world_(world), settings_(settings), order_(std::move(order)), at_(order_.from) {
    auto relay = parse_relay(settings_.relay);
    if (!relay) {
      end(std::unexpected(std::move(relay.error())));
      return;
    }
    relay_ = *std::move(relay);
    ask();
  }
  ~Fetch() override { OPENSSL_cleanse(order_.seed.data(), order_.seed.size()); }
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

 private:
  void ask() {
    step_ = Step::asking;
    send(ask_request(relay_));
  }

  void connected() override {
    if (step_ == Step::posting) post();
  }

  void post() {
    step_ = Step::posting;
    // Signed for one connection: on another one it has to be made anew.
    if (!connection_->reusable()) return dial();
    auto request = retrieve_request(relay_, *offer_, at_, order_.seed, connection_->channel_binding());
    if (!request) return end(std::unexpected(std::move(request.error())));
    send(*std::move(request));
  }

  void send(Request request) {
    request_ = std::move(request);
    answer_.clear();
    if (!connection_ || (connection_->connected() && !connection_->reusable())) dial();
    connection_->send(std::as_bytes(std::span(request_)), most_answer);
    timer_ = world_.reactor().after(settings_.connect_within + settings_.answer_within, [this] {
      again({FaultKind::unavailable, relay_.authority(), "The relay does not answer in time.", {}, {}});
    });
  }

  void dial() {
    connection_ = std::make_unique<Connection>(world_, endpoint_of(settings_, relay_),
                                               world_.reactor().now() + settings_.connect_within,
                                               static_cast<ConnectionEvents&>(*this));
  }

  void head(const http::ResponseHead& head) override { head_ = head; }
  void body(Octets octets) override { answer_.append(reinterpret_cast<const char*>(octets.data()), octets.size()); }
  void broken(const Fault& why) override { again(why); }

  void complete() override {
    timer_.reset();
    if (head_.status != 200) return refused();
    if (step_ == Step::posting) return piece();
    auto offer = read_offer(relay_, answer_);
    if (!offer) return end(std::unexpected(std::move(offer.error())));
    offer_ = *std::move(offer);
    post();
  }

  void refused() {
    auto refusal = refusal_of(relay_, head_, answer_);
    if (refusal.trouble == Trouble::busy || head_.status >= 500) return again(refusal.fault);
    if (step_ == Step::posting && !refusal.fault.cause.empty()) {
      refusal.fault.text = refusal.fault.cause;
      if (head_.status == 404) refusal.fault.kind = FaultKind::not_found;
    }
    end(std::unexpected(std::move(refusal.fault)));
  }

  void piece() {
    auto piece = wire::decode_retrieved(answer_);
    if (!piece) return end(std::unexpected(std::move(piece.error())));
    if (first_ && (first_->version != piece->version || first_->size != piece->size || first_->sha256 != piece->sha256))
      return end(fault(FaultKind::conflict, relay_.authority(),
                       "The relay got another backup meanwhile: is the lost gateway still running? Begin again."));
    const bool over = at_ >= piece->size;
    if (!over && (piece->octets.empty() || piece->octets.size() > piece->size - at_))
      return end(fault(FaultKind::invalid, relay_.authority(), "The relay's copy of the backup is not whole."));
    if (!first_) first_ = *piece;
    if (over) return end(std::move(*piece));
    tries_ = 0;
    at_ += piece->octets.size();
    if (auto taken = order_.take(*piece); !taken) return end(std::unexpected(std::move(taken.error())));
    if (at_ == piece->size) return end(std::move(*piece));
    ask();
  }

  void again(const Fault& why) {
    if (++tries_ > tries_most) return end(std::unexpected(why));
    auto pause = std::chrono::milliseconds(std::chrono::seconds(1)) * tries_;
    pause = std::max(pause, std::min(why.retry_after, std::chrono::milliseconds(std::chrono::seconds(30))));
    connection_.reset();
    timer_ = world_.reactor().after(pause, [this] { ask(); });
  }

  /// The owner may destroy this in done(): it runs on its own.
  void end(Result<wire::Retrieved> result) {
    connection_.reset();
    timer_ = world_.reactor().at(world_.reactor().now(), [this, result = std::move(result)]() mutable {
      auto done = std::move(order_.done);
      done(std::move(result));
    });
  }

  sim::World& world_;
  Settings settings_;
  Retrieval order_;
  Url relay_;
  enum class Step : std::uint8_t { asking, posting } step_ = Step::asking;
  std::uint64_t at_;
  unsigned tries_ = 0;
  std::optional<wire::Retrieved> first_;
  std::optional<Offer> offer_;
  Request request_;
  http::ResponseHead head_;
  Bytes answer_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Retrieving> retrieve_backup(sim::World& world, const Settings& settings, Retrieval order) {
  return std::make_unique<Fetch>(world, settings, std::move(order));
}

}  // namespace tidegate::link
