// SPDX-License-Identifier: Apache-2.0
#include "relay/control_socket.hpp"

#include <array>
#include <utility>

#include <unistd.h>

namespace tidegate::relay {
namespace {

constexpr std::size_t longest_line = 1 << 20;
constexpr std::size_t most_peers = 32;
constexpr std::chrono::seconds patience{60};

/// Reads one line and writes one, on either end.
class LineStream : public sim::StreamEvents {
 public:
  explicit LineStream(std::unique_ptr<sim::Stream> stream) : stream_(std::move(stream)) {}
  virtual ~LineStream() = default;
  LineStream(const LineStream&) = delete;
  LineStream& operator=(const LineStream&) = delete;

  void begin() {
    stream_->events(this);
    readable();
  }
  void say(std::string line) {
    out_ += line;
    out_ += '\n';
    write();
  }

 protected:
  virtual void line(std::string) = 0;
  virtual void over() = 0;  ///< no line will come; may be called after line()
  std::unique_ptr<sim::Stream> stream_;
  bool last_ = false;  ///< what is being said is all

 private:
  void readable() override {
    std::array<std::byte, 4096> octets{};
    for (;;) {
      const auto io = stream_->read(octets);
      if (io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok || in_.size() > longest_line) return over();
      in_.append(reinterpret_cast<const char*>(octets.data()), io.octets);
      if (const auto end = in_.find('\n'); end != std::string::npos && !std::exchange(heard_, true))
        return line(in_.substr(0, end));
    }
  }
  void writable() override { write(); }
  void write() {
    while (!out_.empty()) {
      const auto io = stream_->write(std::as_bytes(std::span(out_)));
      out_.erase(0, io.octets);
      if (io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok) return over();
    }
    if (!last_) return;
    stream_->finish();
    over();
  }

  std::string in_, out_;
  bool heard_ = false;
};

}  // namespace

class ControlSocket::Peer final : public LineStream {
 public:
  Peer(ControlSocket& owner, std::uint64_t id, std::unique_ptr<sim::Stream> stream)
      : LineStream(std::move(stream)),
        owner_(owner),
        id_(id),
        timer_(owner.reactor_.after(patience, [this] { over(); })) {}

  void answer(std::string text) {
    last_ = true;
    say(std::move(text));
  }
  bool ours() const {
    const auto uid = stream_->peer_uid();
    return uid == 0 || uid == static_cast<int>(::geteuid());
  }

 private:
  void line(std::string text) override {
    owner_.serve_(std::move(text),
                  [&owner = owner_, alive = std::weak_ptr<const bool>(owner_.alive_), id = id_](std::string said) {
                    if (alive.expired()) return;
                    if (const auto found = owner.peers_.find(id); found != owner.peers_.end())
                      found->second->answer(std::move(said));
                  });
  }
  void over() override {
    owner_.reactor_.post([&owner = owner_, alive = std::weak_ptr<const bool>(owner_.alive_), id = id_] {
      if (!alive.expired()) owner.peers_.erase(id);
    });
  }

  ControlSocket& owner_;
  std::uint64_t id_;
  std::unique_ptr<Timer> timer_;
};

ControlSocket::ControlSocket(sim::Reactor& reactor, Serve serve) : reactor_(reactor), serve_(std::move(serve)) {}
ControlSocket::~ControlSocket() = default;

Result<void> ControlSocket::listen(sim::Network& network, const std::string& path) {
  sim::Listen place;
  place.unix_path = path;
  auto listening = network.listen(place, [this](std::unique_ptr<sim::Stream> stream) { accept(std::move(stream)); });
  if (!listening) return std::unexpected(std::move(listening.error()));
  listening_ = std::move(*listening);
  return {};
}

void ControlSocket::accept(std::unique_ptr<sim::Stream> stream) {
  if (peers_.size() >= most_peers) return;
  auto peer = std::make_unique<Peer>(*this, next_, std::move(stream));
  if (!peer->ours()) return;
  auto& kept = peers_[next_++];
  kept = std::move(peer);
  kept->begin();
}

// --- the other end

struct ControlCall::State final : LineStream {
  State(std::unique_ptr<sim::Stream> stream, std::function<void(Result<std::string>)> then)
      : LineStream(std::move(stream)), done(std::move(then)) {}
  void line(std::string text) override { finish(std::move(text)); }
  void over() override {
    finish(fault(FaultKind::unavailable, "control socket", "the relay ended the conversation; look at its log"));
  }
  void finish(Result<std::string> result) {
    if (auto once = std::exchange(done, {})) once(std::move(result));
  }
  std::function<void(Result<std::string>)> done;
  std::unique_ptr<sim::Dialing> dialing;
  void connected(std::unique_ptr<sim::Stream> stream) { stream_ = std::move(stream); }
};

ControlCall::ControlCall(sim::World& world, const std::string& path, std::string line,
                         std::function<void(Result<std::string>)> done)
    : state_(std::make_unique<State>(nullptr, std::move(done))) {
  sim::Endpoint place;
  place.unix_path = path;
  place.tls = false;
  state_->dialing = world.network().dial(
      place, world.reactor().now() + patience,
      [state = state_.get(), text = std::move(line)](Result<std::unique_ptr<sim::Stream>> stream) mutable {
        if (!stream) return state->finish(std::unexpected(std::move(stream.error())));
        state->connected(std::move(*stream));
        state->say(std::move(text));
        state->begin();
      });
}
ControlCall::~ControlCall() = default;

}  // namespace tidegate::relay
