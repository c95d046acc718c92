// SPDX-License-Identifier: Apache-2.0
#include "relay/device_socket.hpp"

#include <utility>

namespace tidegate::relay {

using http::websocket::Close;
using http::websocket::Opcode;

namespace {
constexpr std::uint32_t message_limit = 1U << 20;
constexpr std::size_t frame_limit = wire::max_device_frame + 512;
constexpr int reads_at_once = 8;  ///< then it is others' turn
constexpr std::size_t urgent_waiting = 64 * 1024;
constexpr std::size_t pongs_waiting = 4096;  ///< a peer that pings and does not read gets no more
}  // namespace

struct DeviceSocket::Reading {
  http::websocket::Decoder decoder{http::websocket::Sender::client, message_limit};
  wire::FrameReader frames{frame_limit};
  bool idle() const { return decoder.idle() && frames.held() == 0; }
};

DeviceSocket::DeviceSocket(Hub& hub, std::unique_ptr<sim::Stream> stream)
    : hub_(hub), stream_(std::move(stream)), heard_(hub.reactor.now()) {}

DeviceSocket::~DeviceSocket() { hub_.forget(*this); }

Sender& DeviceSocket::sender() {
  if (!sender_) sender_ = std::make_unique<Sender>(hub_.board.budget(), Sender::Wrap::websocket);
  hub_.want_flush(*this);
  return *sender_;
}

void DeviceSocket::start(View head, Bytes octets) {
  stream_->events(this);
  sender().raw(head);
  if (!octets.empty() && !feed(std::as_writable_bytes(std::span(octets)))) return;
  readable();
}

void DeviceSocket::queue(const wire::Frame& frame, Mark mark) {
  if (state_ == State::open) sender().outbox().push(frame, mark);
}

/// These are answers, so a device that asks and does not read could make us hold any number of them.
void DeviceSocket::urgent(const wire::Frame& frame) {
  if (state_ != State::open) return;
  if (sender_ && sender_->outbox().waiting_urgent() > urgent_waiting) {
    deaf_ = true;
    return hub_.want_flush(*this);
  }
  sender().outbox().push_urgent(frame);
}

void DeviceSocket::purge() {
  if (sender_) sender_->outbox().purge();
}

void DeviceSocket::ping() {
  std::string octets;
  http::websocket::encode(octets, Opcode::ping, {});
  sender().raw(octets);
}

void DeviceSocket::end(const wire::Refused& why) {
  if (state_ != State::open) return;
  purge();
  urgent(wire::to_frame(why));
  close_ = why.code == wire::Code::unavailable ? Close::try_later : Close::policy;
  state_ = State::ending;
}

void DeviceSocket::cut(std::string_view why) {
  if (state_ == State::over) return;
  state_ = State::over;
  stream_->events(nullptr);
  if (events_) events_->gone(why);
}

void DeviceSocket::refuse(Close code, std::string_view why) {
  if (state_ != State::open) return;
  purge();
  urgent(wire::to_frame(wire::Refused{wire::Code::invalid, std::string(why), 0}));
  close_ = code;
  state_ = State::ending;
}

// --- reading

void DeviceSocket::readable() {
  if (state_ == State::over) return;
  for (int i = 0; i < reads_at_once; ++i) {
    const auto io = stream_->read(hub_.reading);
    if (io.state == sim::IoState::again) return;
    if (io.state == sim::IoState::end) return cut("the device closed the connection");
    if (io.state == sim::IoState::failed) return cut(stream_->fault().text);
    heard_ = hub_.reactor.now();
    if (!feed(std::span(hub_.reading).first(io.octets))) return;
  }
  if (reading_on_) return;
  reading_on_ = std::make_shared<const bool>(true);
  hub_.post([this, waits = std::weak_ptr<const bool>(reading_on_)] {
    if (waits.expired()) return;
    reading_on_.reset();
    readable();
  });
}

/// False: it is over.
bool DeviceSocket::feed(std::span<std::byte> octets) {
  if (state_ == State::open) {
    if (!reading_) reading_ = std::make_unique<Reading>();
    auto& decoder = reading_->decoder;
    if (const auto fine = decoder.feed(octets, *this); !fine)
      refuse(decoder.close_code(), fine.error().text);
    else if (reading_->idle())
      reading_.reset();
  }
  return state_ != State::over;
}

void DeviceSocket::data(Octets octets, bool) {
  if (state_ != State::open) return;
  auto& frames = reading_->frames;
  frames.feed(octets);
  for (;;) {
    auto frame = frames.next();
    if (!frame)
      return refuse(frame.error().kind == FaultKind::too_large ? Close::too_big : Close::protocol_error,
                    frame.error().text);
    if (!*frame) return;
    if (events_) events_->frame(std::move(**frame));
    if (state_ != State::open) return;
  }
}

void DeviceSocket::ping(Octets octets) {
  if (sender_ && sender_->raw_waiting() > pongs_waiting) return;
  std::string pong;
  http::websocket::encode(pong, Opcode::pong, octets);
  sender().raw(pong);
}

void DeviceSocket::close(std::uint16_t, std::string_view) {
  if (state_ != State::open) return;
  close_ = Close::normal;
  state_ = State::ending;
  hub_.want_flush(*this);
}

// --- writing

void DeviceSocket::flush() {
  if (state_ == State::over) return;
  if (deaf_) return cut("the device does not read");
  if (sender_) {
    const auto state = sender_->pump(*stream_, [this](const Mark& mark) {
      if (events_) events_->handed(mark);
    });
    if (state == sim::IoState::failed) return cut(stream_->fault().text);
    if (state == sim::IoState::again) return;
  }
  if (state_ == State::ending) {
    state_ = State::said;
    std::string octets;
    http::websocket::encode_close(octets, close_, {});
    sender().raw(octets);
    return flush();
  }
  if (state_ == State::said) {
    stream_->finish();
    return cut("ended by the relay");
  }
  sender_.reset();
}

}  // namespace tidegate::relay
