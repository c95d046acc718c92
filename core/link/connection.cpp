// SPDX-License-Identifier: Apache-2.0
#include "core/link/connection.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "core/http/message.hpp"

namespace tidegate::link {
namespace {
constexpr std::size_t read_size = std::size_t{16} << 10;  // a TLS record
constexpr int reads_in_a_row = 32;                        // then others may run
}  // namespace

// Lives on while one of its own member functions runs, even if an event destroyed the Connection.
class Connection::Body final : public sim::StreamEvents,
                               public http::MessageEvents,
                               public std::enable_shared_from_this<Body> {
 public:
  Body(sim::World& world, ConnectionEvents& events, std::string where)
      : world_(world), events_(&events), where_(std::move(where)) {}

  void dial(sim::Endpoint endpoint, sim::Instant deadline) {
    endpoint.relay = true;
    dialing_ = world_.network().dial(endpoint, deadline, [this](Result<std::unique_ptr<sim::Stream>> stream) {
      const auto keep = shared_from_this();
      if (!events_) return;
      if (!stream) return fail(std::move(stream.error()));
      stream_ = std::move(*stream);
      stream_->events(this);
      events_->connected();
      read();  // arms: the other side may end before we ask anything
      write();
    });
  }

  void close() {
    events_ = nullptr;
    dialing_.reset();
    stream_.reset();
  }

  void send(Octets request, std::uint64_t limit) {
    request_ = request;
    limit_ = limit;
    answering_ = true;
    if (stream_) write();
  }

  bool connected() const { return stream_ != nullptr; }
  bool reusable() const { return stream_ && !answering_ && keep_alive_; }
  Bytes channel_binding() const { return stream_ ? stream_->channel_binding() : Bytes(); }

  void readable() override { read(); }
  void writable() override { write(); }

  // What the parser finds.
  void head() override {
    parser_.body_limit(limit_);
    keep_alive_ = parser_.head().keep_alive;
    if (events_) events_->head(parser_.head());
  }
  void body(Octets octets) override {
    if (events_) events_->body(octets);
  }
  void complete() override {
    answering_ = false;
    if (!request_.empty()) keep_alive_ = false;  // answered before it was whole: the rest is never written
    request_ = {};
    if (events_) events_->complete();
  }

 private:
  void write() {
    const auto keep = shared_from_this();
    while (stream_ && !request_.empty()) {
      const auto io = stream_->write(request_);
      request_ = request_.subspan(io.octets);
      if (io.state == sim::IoState::again) return;
      // Neither comes within the owner's send().
      if (io.state != sim::IoState::ok) {
        world_.reactor().post([weak = weak_from_this(), fault = stream_->fault()] {
          if (const auto self = weak.lock()) self->fail(fault);
        });
        return;
      }
      if (request_.empty())
        world_.reactor().post([weak = weak_from_this()] {
          if (const auto self = weak.lock(); self && self->events_) self->events_->sent();
        });
    }
  }

  void read() {
    const auto keep = shared_from_this();
    std::array<std::byte, read_size> buffer;
    for (int turn = 0; stream_; ++turn) {
      if (turn == reads_in_a_row) {
        world_.reactor().post([weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->read();
        });
        return;
      }
      const auto io = stream_->read(buffer);
      if (io.octets > 0 && !take(Octets(buffer).first(io.octets))) return;
      if (io.state == sim::IoState::again || !stream_) return;
      if (io.state == sim::IoState::end) return ended();
      if (io.state == sim::IoState::failed) return lost();
    }
  }

  bool take(Octets octets) {
    while (!octets.empty() && events_) {
      if (!answering_) {
        fail(wrong("The relay sent octets that nobody asked for", ""));
        return false;
      }
      const auto used = parser_.feed(octets, *this);
      if (!used) {
        fail(wrong("What answers is no HTTP/1.1 server, or sends more than allowed", used.error().text));
        return false;
      }
      octets = octets.subspan(*used);
    }
    return events_ != nullptr;
  }

  void ended() {
    if (answering_) {
      // A response without length ends with the connection (RFC 9112 §6.3).
      const auto whole = parser_.end(*this);
      if (whole && !answering_) keep_alive_ = false;
    }
    if (events_) fail({FaultKind::unavailable, where_, "The relay closed the connection; it is opened again.", "", {}});
  }

  void lost() { fail(Fault(stream_->fault())); }

  void fail(Fault fault) {
    auto* events = std::exchange(events_, nullptr);
    dialing_.reset();
    stream_.reset();
    if (events) events->broken(fault);
  }

  Fault wrong(std::string_view what, std::string cause) const {
    return {FaultKind::invalid,
            where_,
            fmt::format("{}; see that relay = names a tidegate relay and that no proxy stands in between.", what),
            std::move(cause),
            {}};
  }

  sim::World& world_;
  ConnectionEvents* events_;  ///< null: closed or broken
  std::string where_;
  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
  http::ResponseParser parser_;
  Octets request_;
  std::uint64_t limit_ = 0;
  bool answering_ = false;
  bool keep_alive_ = true;
};

Connection::Connection(sim::World& world, const sim::Endpoint& endpoint, sim::Instant deadline,
                       ConnectionEvents& events)
    : body_(std::make_shared<Body>(world, events, fmt::format("{}:{}", endpoint.host, endpoint.port))) {
  body_->dial(endpoint, deadline);
}
Connection::~Connection() { body_->close(); }
void Connection::send(Octets request, std::uint64_t body_limit) { body_->send(request, body_limit); }
bool Connection::connected() const { return body_->connected(); }
bool Connection::reusable() const { return body_->reusable(); }
Bytes Connection::channel_binding() const { return body_->channel_binding(); }

}  // namespace tidegate::link
