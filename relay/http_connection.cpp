// SPDX-License-Identifier: Apache-2.0
#include "relay/http_connection.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "core/http/websocket.hpp"
#include "relay/crypto.hpp"
#include "relay/http_front.hpp"

namespace tidegate::relay {
namespace {

constexpr std::uint64_t small_body = 64 * 1024;
constexpr std::size_t pipelined = 64 * 1024;

std::uint64_t number_of(const std::string* text) {
  std::uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

unsigned status_of(wire::Code code) {
  const auto number = static_cast<unsigned>(code);
  if (number < 600) return number;
  return code == wire::Code::moved || code == wire::Code::superseded ? 409 : 400;
}

std::uint32_t seconds(std::chrono::milliseconds span) {
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
}

}  // namespace

/// Answers by the connection's number, since the connection may be gone by then.
class ConnectionReply final : public Reply {
 public:
  ConnectionReply(HttpFront& front, std::uint64_t id) : front_(front), id_(id) {}
  bool alive() const override { return front_.find(id_) != nullptr; }
  Bytes binding() const override { return alive() ? front_.find(id_)->stream().channel_binding() : Bytes(); }
  std::string peer() const override { return alive() ? front_.find(id_)->stream().peer() : "gone"; }
  void body(Bytes octets) override {
    if (auto* one = front_.find(id_)) one->answer(200, {{"Content-Type", "application/octet-stream"}}, octets);
  }
  void fault(const Fault& why) override {
    if (auto* one = front_.find(id_)) one->fault(why);
  }
  std::unique_ptr<sim::Stream> take() override {
    auto* one = front_.find(id_);
    return one ? one->take_stream() : nullptr;
  }

 private:
  HttpFront& front_;
  std::uint64_t id_;
};

// --- HttpFront

HttpFront::HttpFront(Hub& hub, GatewayDoor& gateways, DeviceDoor& devices)
    : hub_(hub), gateways_(gateways), devices_(devices) {}
HttpFront::~HttpFront() = default;

HttpConnection* HttpFront::find(std::uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() || !found->second->alive() ? nullptr : found->second.get();
}

void HttpFront::accept(std::unique_ptr<sim::Stream> stream) {
  auto address = address_of(stream->peer());
  // Too many strangers: closing without a word costs least, and an honest peer comes again with back-off.
  if (connections_.size() >= hub_.settings.visitors) return;
  auto& held = by_address_[address];
  if (held >= hub_.settings.connections_a_visitor) return;
  ++held;
  const auto id = next_id_++;
  auto& made = connections_[id];
  made = std::make_unique<HttpConnection>(*this, id, std::move(address), std::move(stream));
  made->begin();
}

void HttpFront::forget(std::uint64_t id, const std::string& address) {
  if (connections_.erase(id) == 0) return;
  const auto found = by_address_.find(address);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

// --- HttpConnection

HttpConnection::HttpConnection(HttpFront& front, std::uint64_t id, std::string address,
                               std::unique_ptr<sim::Stream> stream)
    : front_(front), id_(id), address_(std::move(address)), stream_(std::move(stream)) {}

HttpConnection::~HttpConnection() { leave_lane(); }

void HttpConnection::begin() {
  stream_->events(this);
  front_.hub_.wheel.due(*this, seconds(front_.hub_.settings.request_time));
  readable();
}

void HttpConnection::cut() {
  if (state_ == State::over) return;
  state_ = State::over;
  unlink();
  leave_lane();
  if (stream_) stream_->events(nullptr);
  front_.hub_.post([&front = front_, id = id_, address = address_] { front.forget(id, address); });
}

std::unique_ptr<sim::Stream> HttpConnection::take_stream() {
  auto stream = std::move(stream_);
  if (stream) stream->events(nullptr);
  cut();
  return stream;
}

void HttpConnection::due() {
  if (state_ == State::waiting) return front_.hub_.wheel.due(*this, seconds(front_.hub_.settings.request_time));
  cut();
}

// --- reading

void HttpConnection::readable() {
  while (state_ == State::reading && stream_) {
    if (!in_.empty()) {
      feed();
      continue;
    }
    const auto io = stream_->read(front_.hub_.reading);
    if (io.state == sim::IoState::again) return;
    if (io.state != sim::IoState::ok) return cut();
    in_.append(reinterpret_cast<const char*>(front_.hub_.reading.data()), io.octets);
  }
}

void HttpConnection::feed() {
  if (in_.size() > pipelined) return cut();
  auto octets = std::exchange(in_, {});
  std::size_t used = 0;
  while (used < octets.size() && state_ == State::reading && !dispatch_) {
    const auto fed = parser_.feed(std::as_bytes(std::span(octets)).subspan(used), *this);
    if (!fed) {
      keep_ = false;
      return fault(bad_ ? *bad_ : fed.error());
    }
    used += *fed;
    if (*fed == 0 && !dispatch_) return cut();  // nothing more can be made of these octets
  }
  in_.insert(0, octets, used);
  if (std::exchange(dispatch_, false)) dispatch();
}

void HttpConnection::head() {
  const auto& head = parser_.head();
  body_.clear();
  bad_.reset();
  upgrade_.reset();
  key_id_.clear();
  key_.clear();
  keep_ = head.keep_alive;
  const auto target = View(head.target).substr(0, head.target.find('?'));
  const bool post = head.method == "POST";
  const bool get = head.method == "GET";
  if (get && target == "/healthz")
    route_ = Route::health;
  else if (get && target == "/rts/connect")
    route_ = Route::connect;
  else if (post && target == "/rts/register")
    route_ = Route::registers;
  else if (post && target == "/rts/restore")
    route_ = Route::restores;
  else if (post && target == "/rts/events")
    route_ = Route::events;
  else if (post && target == "/rts/data")
    route_ = Route::data;
  else if (get && target == "/device")
    route_ = Route::device;
  else
    route_ = Route::none;
  parser_.body_limit(route_ == Route::data ? wire::max_frame + 64 : small_body);
  if (const auto* id = head.fields.find("Tidegate-Key-Id")) key_id_ = *id;
  if (const auto* key = head.fields.find("Tidegate-Key")) key_ = *key;
  front_.hub_.wheel.due(*this, seconds(front_.hub_.settings.request_time));
  if (route_ == Route::data) enter_lane();
  if (route_ == Route::device) read_upgrade();
}

void HttpConnection::read_upgrade() {
  constexpr std::string_view protocol = "tidegate.1";
  const auto& head = parser_.head();
  auto accepted = http::websocket::accept_opening(head);
  if (!accepted) {
    bad_ = accepted.error();
    return;
  }
  // RFC 6455 §4.2.2: one of those that were offered, or none if none was.
  if (head.fields.has_token("Sec-WebSocket-Protocol", protocol)) {
    accepted->insert(accepted->size() - 2, fmt::format("Sec-WebSocket-Protocol: {}\r\n", protocol));
  } else if (head.fields.find("Sec-WebSocket-Protocol")) {
    bad_ = {FaultKind::invalid,
            "device",
            "the device offers no WebSocket subprotocol this relay speaks; update the older of the two",
            {},
            {}};
    return;
  }
  upgrade_ = std::move(*accepted);
}

void HttpConnection::body(Octets octets) {
  if (bad_) return;
  if (route_ != Route::data) {
    body_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
    return;
  }
  frames_.feed(octets);
  for (;;) {
    auto* channel = front_.gateways_.find(session_);
    if (!channel) {
      bad_ = {FaultKind::conflict, "lane", "the gateway's session is over; open a new one", {}, {}};
      return;
    }
    auto frame = frames_.next();
    if (!frame) {
      bad_ = frame.error();
      return;
    }
    if (!*frame) return;
    channel->lane_frame(std::move(**frame));
  }
}

void HttpConnection::complete() {
  dispatch_ = true;
  if (route_ == Route::data && !bad_ && frames_.held() != 0)
    bad_ = {FaultKind::invalid, "lane", "the batch ends in the midst of a frame", {}, {}};
}

// --- answering

void HttpConnection::dispatch() {
  auto& hub = front_.hub_;
  if (bad_) {
    keep_ = false;
    return fault(*bad_);
  }
  if (hub.draining && route_ != Route::data)
    return fault({FaultKind::unavailable,
                  "relay",
                  "the relay is being stopped; try again shortly",
                  {},
                  std::chrono::seconds(5)});
  switch (route_) {
    case Route::health:
      return answer(200, {{"Content-Type", "text/plain"}}, "ok\n");
    case Route::connect:
      return answer(200, {{"Content-Type", "application/octet-stream"}, {"Cache-Control", "no-store"}},
                    front_.gateways_.offer());
    case Route::registers:
      state_ = State::waiting;
      return front_.gateways_.registers(body_, std::make_unique<ConnectionReply>(front_, id_));
    case Route::restores:
      state_ = State::waiting;
      return front_.gateways_.restores(key_id_, key_, body_, std::make_unique<ConnectionReply>(front_, id_));
    case Route::events:
      state_ = State::waiting;
      return front_.gateways_.enter(key_id_, key_, body_, std::make_unique<ConnectionReply>(front_, id_));
    case Route::data:
      return answer_lane();
    case Route::device:
      return open_device();
    case Route::none:
      return fault({FaultKind::not_found,
                    "relay",
                    "there is nothing at this address; a Tidegate relay answers gateways and devices only",
                    {},
                    {}});
  }
}

void HttpConnection::enter_lane() {
  const auto& fields = parser_.head().fields;
  session_ = number_of(fields.find("Tidegate-Session"));
  lane_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(number_of(fields.find("Tidegate-Lane")), 1000));
  frames_ = wire::FrameReader();
  auto* channel = front_.gateways_.find(session_);
  if (!channel || !equal(channel->who().key_id, key_id_) || !equal(channel->who().key, key_)) {
    session_ = 0;
    bad_ = {FaultKind::conflict, "lane", "the gateway's session is over; open a new one", {}, {}};
    return;
  }
  if (lane_ >= front_.hub_.settings.lanes) {
    session_ = 0;
    bad_ = {FaultKind::invalid,
            "lane",
            fmt::format("a gateway has {} lanes, numbered from 0", front_.hub_.settings.lanes),
            {},
            {}};
    return;
  }
  // One POST outstanding a lane: a repeated one means that the connection of the first is dead, whatever TCP says.
  if (const auto before = channel->take_lane(lane_, id_); before != 0 && before != id_)
    if (auto* other = front_.find(before)) other->cut();
}

void HttpConnection::leave_lane() {
  if (session_ == 0) return;
  if (auto* channel = front_.gateways_.find(session_)) channel->leave_lane(lane_, id_);
  session_ = 0;
}

void HttpConnection::answer_lane() {
  // What this batch brought goes out first, so that its receipts are in this very answer.
  front_.hub_.flush();
  auto* channel = front_.gateways_.find(session_);
  if (!channel) return fault({FaultKind::conflict, "lane", "the gateway's session is over; open a new one", {}, {}});
  const auto octets = channel->lane_answer();
  leave_lane();
  answer(200, {{"Content-Type", "application/octet-stream"}}, octets);
}

void HttpConnection::open_device() {
  auto& hub = front_.hub_;
  if (front_.devices_.visitors() >= hub.settings.visitors || !hub.newcomers.pass(hub.reactor.now())) {
    // Spread over ten seconds, or they would all come back together.
    std::uint16_t dice = 0;
    hub.reactor.random(std::as_writable_bytes(std::span(&dice, 1)));
    keep_ = false;
    return fault({FaultKind::unavailable,
                  "relay",
                  "many devices are connecting at once; try again shortly",
                  {},
                  std::chrono::milliseconds(1000 + dice % 10'000)});
  }
  auto head = std::move(*upgrade_);
  auto octets = std::exchange(in_, {});
  auto stream = take_stream();
  front_.devices_.visit(std::move(stream), head, std::move(octets));
}

void HttpConnection::fault(const Fault& why) {
  const auto code = code_of(why);
  auto status = status_of(code);
  if (why.kind == FaultKind::unsupported) status = 426;
  http::Fields fields{{"Content-Type", "text/plain; charset=utf-8"},
                      {"Tidegate-Code", std::to_string(static_cast<unsigned>(code))}};
  if (status == 426) fields.add("Sec-WebSocket-Version", "13");
  auto retry = why.retry_after;
  if (retry.count() == 0 && (status == 429 || status == 503)) retry = std::chrono::seconds(5);
  if (retry.count() > 0) fields.add("Retry-After", std::to_string(seconds(retry)));
  answer(status, std::move(fields), why.text + "\n");
}

void HttpConnection::answer(unsigned status, http::Fields fields, View body) {
  if (state_ == State::over || state_ == State::closing) return;
  fields.add("Content-Length", std::to_string(body.size()));
  if (!keep_) fields.add("Connection", "close");
  auto head = http::serialise_response(status, fields);
  if (!head) return cut();
  out_ += *head;
  out_ += body;
  const bool waited = state_ == State::waiting;
  state_ = keep_ ? State::reading : State::closing;
  front_.hub_.wheel.due(*this, seconds(keep_ ? front_.hub_.settings.idle_time : front_.hub_.settings.request_time));
  write();
  // While it waited nobody read; what came meanwhile is read now.
  if (waited && state_ == State::reading) readable();
}

void HttpConnection::write() {
  while (stream_ && state_ != State::over && at_ < out_.size()) {
    const auto io = stream_->write(std::as_bytes(std::span(out_).subspan(at_)));
    at_ += io.octets;
    if (io.state == sim::IoState::again) return;
    if (io.state != sim::IoState::ok) return cut();
  }
  std::string().swap(out_);
  at_ = 0;
  if (state_ == State::closing && stream_) {
    stream_->finish();
    cut();
  }
}

}  // namespace tidegate::relay
