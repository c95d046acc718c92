// SPDX-License-Identifier: Apache-2.0
#include "tests/relay/scripted_peers.hpp"

#include <array>

#include <openssl/evp.h>

#include "relay/crypto.hpp"

namespace tidegate::relay {
namespace {

Octets octets_of(View view) { return std::as_bytes(std::span(view)); }
constexpr std::array<std::byte, 4> mask{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};

std::unique_ptr<sim::Dialing> dial(sim::VirtualHost& host, const std::string& relay, bool tls,
                                   sim::Network::Dialed dialed) {
  sim::Endpoint place;
  place.host = relay;
  place.tls = tls;
  return host.network().dial(place, host.reactor().now() + std::chrono::seconds(10), std::move(dialed));
}

}  // namespace

// --- TestKey

namespace {
EVP_PKEY* key_of(const Bytes& seed) {
  return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(seed.data()),
                                      seed.size());
}
}  // namespace

TestKey::TestKey(char filler) : seed(32, filler), public_key(32, '\0') {
  auto* key = key_of(seed);
  std::size_t size = 32;
  EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(public_key.data()), &size);
  EVP_PKEY_free(key);
}

Bytes TestKey::guid() const { return sha256(public_key).substr(0, 16); }

Bytes TestKey::sign(View message) const {
  auto* key = key_of(seed);
  auto* context = EVP_MD_CTX_new();
  Bytes signature(64, '\0');
  std::size_t size = 64;
  EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key);
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(message.data()), message.size());
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  return signature;
}

// --- TestHttp

TestHttp::TestHttp(sim::VirtualHost& host, bool tls, std::string relay) {
  dialing_ = dial(host, relay, tls, [this](Result<std::unique_ptr<sim::Stream>> stream) {
    if (!stream) {
      ended = true;
      return;
    }
    stream_ = std::move(*stream);
    stream_->events(this);
    pump();
    readable();
  });
}
TestHttp::~TestHttp() = default;

void TestHttp::send(Bytes octets) {
  out_ += octets;
  pump();
}

void TestHttp::request(std::string_view method, std::string_view target, http::Fields fields, View body) {
  fields.add("Host", "relay");
  if (method != "GET") fields.add("Content-Length", std::to_string(body.size()));
  send(*http::serialise_request(method, target, fields) + Bytes(body));
}

void TestHttp::pump() {
  while (stream_ && !out_.empty()) {
    const auto io = stream_->write(octets_of(out_));
    out_.erase(0, io.octets);
    if (io.state != sim::IoState::ok) return;
  }
}

void TestHttp::readable() {
  std::array<std::byte, 8192> octets{};
  while (stream_ && !ended) {
    const auto io = stream_->read(octets);
    if (io.state == sim::IoState::again) return;
    if (io.state != sim::IoState::ok) {
      ended = true;
      return;
    }
    for (std::size_t at = 0; at < io.octets;) {
      const auto used = parser_.feed(std::span(octets).subspan(at, io.octets - at), *this);
      if (!used) {
        ended = true;
        return;
      }
      at += *used;
    }
  }
}

void TestHttp::head() {
  status = parser_.head().status;
  head_came = true;
  parser_.body_limit(http::kNoLimit);
  const auto* code = parser_.head().fields.find("Tidegate-Code");
  const auto* retry = parser_.head().fields.find("Retry-After");
  codes.push_back(code ? *code : "");
  retries.push_back(retry ? *retry : "");
  body_.clear();
}

void TestHttp::body(Octets octets) {
  if (on_body && status == 200) return on_body(octets);
  body_.append(reinterpret_cast<const char*>(octets.data()), octets.size());
}

void TestHttp::complete() {
  answers.emplace_back(status, std::exchange(body_, {}));
  head_came = false;
}

// --- TestGateway

TestGateway::TestGateway(sim::VirtualWorld& world, sim::VirtualHost& host, char seed, std::uint64_t counter,
                         std::uint64_t random)
    : key(seed), instance{counter, random}, world_(world), host_(host) {}

bool TestGateway::wait(const std::function<bool()>& condition, std::chrono::seconds limit) {
  return world_.run_until(condition, limit);
}

unsigned TestGateway::registers(const std::string& licence, const std::string& password) {
  TestHttp http(host_);
  wait([&] { return http.stream() || http.ended; });
  if (!http.stream()) return 0;
  wire::Register said{licence, password, key.public_key, "relay", "gw", {}};
  said.signature = key.sign(wire::registration_signature_input(said, http.stream()->channel_binding()));
  http.request("POST", "/rts/register", {}, wire::encode(said));
  wait([&] { return !http.answers.empty() || http.ended; });
  if (http.answers.empty()) return 0;
  if (http.answers[0].first == 200) license_id = wire::decode_registered(http.answers[0].second)->license_id;
  return http.answers[0].first;
}

void TestGateway::ask() {
  channel = std::make_unique<TestHttp>(host_);
  channel->request("GET", "/rts/connect", {});
  wait([&] { return !channel->answers.empty() || channel->ended; });
  if (!channel->answers.empty() && channel->answers[0].first == 200)
    opened = *wire::decode_opened(channel->answers[0].second);
}

wire::RtsConnection TestGateway::envelope() const {
  wire::RtsConnection said;
  said.guid = key.guid();
  said.license_id = license_id;
  said.instance = instance;
  said.public_key = key.public_key;
  said.relay_host = "relay";
  return said;
}

void TestGateway::enter(wire::RtsConnection said, bool interception) {
  said.tls_interception_allowed = interception;
  if (said.signature.empty())
    said.signature = key.sign(wire::opening_signature_input(
        said, "relay", opened.key_id, opened.key, interception ? Bytes() : channel->stream()->channel_binding(),
        sha256(wire::encode(said))));
  controls.clear();
  frames.clear();
  session = 0;
  reader_ = wire::FrameReader();
  channel->on_body = [this](Octets octets) { take(octets, reader_); };
  channel->request("POST", "/rts/events", {{"Tidegate-Key-Id", opened.key_id}, {"Tidegate-Key", opened.key}},
                   wire::encode(said));
}

bool TestGateway::open() {
  ask();
  enter(envelope());
  wait([&] { return session != 0 || channel->ended || channel->answers.size() > 1; });
  return session != 0;
}

void TestGateway::take(Octets octets, wire::FrameReader& reader) {
  reader.feed(octets);
  for (;;) {
    auto frame = reader.next();
    if (!frame || !*frame) return;
    if ((*frame)->target == wire::Target::device) {
      frames.push_back(std::move(**frame));
      continue;
    }
    auto control = wire::to_control(**frame);
    if (!control) continue;
    if (const auto* users = std::get_if<wire::ActivateUsers>(&*control)) session = users->session;
    if (const auto* beat = std::get_if<wire::Heartbeat>(&*control); beat && answer_heartbeats)
      post_later({wire::to_frame(wire::HeartbeatAck{beat->number})});
    controls.push_back(std::move(*control));
  }
}

namespace {
Bytes batch_of(const std::vector<wire::Frame>& frames) {
  Bytes octets;
  for (const auto& frame : frames) wire::encode_to(octets, frame);
  return octets;
}
}  // namespace

void TestGateway::post_later(const std::vector<wire::Frame>& batch) {
  lanes.push_back(std::make_unique<TestHttp>(host_));
  lanes.back()->request("POST", "/rts/data",
                        {{"Tidegate-Key-Id", opened.key_id},
                         {"Tidegate-Key", opened.key},
                         {"Tidegate-Session", std::to_string(session)},
                         {"Tidegate-Lane", "19"}},
                        batch_of(batch));
}

unsigned TestGateway::post(const std::vector<wire::Frame>& batch, std::uint32_t lane) {
  TestHttp http(host_);
  http.request("POST", "/rts/data",
               {{"Tidegate-Key-Id", opened.key_id},
                {"Tidegate-Key", opened.key},
                {"Tidegate-Session", std::to_string(session)},
                {"Tidegate-Lane", std::to_string(lane)}},
               batch_of(batch));
  wait([&] { return !http.answers.empty() || http.ended; });
  if (http.answers.empty()) return 0;
  if (http.answers[0].first == 200) {
    wire::FrameReader reader;
    take(octets_of(http.answers[0].second), reader);
    wire::FrameReader again;
    again.feed(octets_of(http.answers[0].second));
    last_answer.clear();
    for (auto frame = again.next(); frame && *frame; frame = again.next()) last_answer.push_back(std::move(**frame));
  }
  return http.answers[0].first;
}

void TestGateway::send(wire::FrameType type, std::uint64_t id, std::uint64_t generation, std::uint64_t number,
                       Bytes body) {
  post({{wire::Target::device, id, generation, static_cast<std::uint32_t>(type), number, std::move(body)}});
}

wire::Answer TestGateway::request(wire::Control control) {
  static std::uint64_t next = 100;
  const auto number = ++next;
  std::visit(
      [&](auto& message) {
        if constexpr (requires { message.request; }) message.request = number;
      },
      control);
  post({wire::to_frame(control)});
  wire::Answer answer;
  wait([&] {
    for (const auto& one : all<wire::Answer>())
      if (one.request == number) {
        answer = one;
        return true;
      }
    return false;
  });
  return answer;
}

std::vector<wire::Frame> TestGateway::frames_of(wire::FrameType type) const {
  std::vector<wire::Frame> found;
  for (const auto& frame : frames)
    if (frame.type == static_cast<std::uint32_t>(type)) found.push_back(frame);
  return found;
}

// --- TestDevice

TestDevice::TestDevice(sim::VirtualWorld& world, sim::VirtualHost& host, char seed, std::string address)
    : key(seed), user(std::move(address)), id(16, seed), world_(world), host_(host) {}
TestDevice::~TestDevice() = default;

bool TestDevice::wait(const std::function<bool()>& condition, std::chrono::seconds limit) {
  return world_.run_until(condition, limit);
}

bool TestDevice::connect() {
  stream_.reset();
  controls.clear();
  frames.clear();
  nonce.clear();
  open_ = ended = false;
  parser_ = http::ResponseParser();
  decoder_ = http::websocket::Decoder(http::websocket::Sender::server, 1U << 21);
  reader_ = wire::FrameReader();
  out_ = *http::websocket::request_opening("relay", "/device", octets_of("0123456789abcdef"),
                                           {{"Sec-WebSocket-Protocol", "tidegate.1"}});
  dialing_ = dial(host_, "relay", true, [this](Result<std::unique_ptr<sim::Stream>> stream) {
    if (!stream) {
      ended = true;
      return;
    }
    stream_ = std::move(*stream);
    stream_->events(this);
    pump();
    readable();
  });
  wait([&] { return !nonce.empty() || ended; });
  return !nonce.empty();
}

void TestDevice::pump() {
  while (stream_ && !out_.empty()) {
    const auto io = stream_->write(octets_of(out_));
    out_.erase(0, io.octets);
    if (io.state != sim::IoState::ok) return;
  }
}

void TestDevice::raw(Bytes octets) {
  out_ += octets;
  pump();
}

void TestDevice::readable() {
  std::array<std::byte, 8192> octets{};
  while (stream_ && reads && !ended) {
    const auto io = stream_->read(octets);
    if (io.state == sim::IoState::again) return;
    if (io.state != sim::IoState::ok) {
      ended = true;
      return;
    }
    std::size_t at = 0;
    while (!open_ && at < io.octets) {
      const auto used = parser_.feed(std::span(octets).subspan(at, io.octets - at), *this);
      if (!used) {
        ended = true;
        return;
      }
      at += *used;
      if (status != 0 && status != 101 && *used == 0) break;
    }
    if (open_ && at < io.octets) (void)decoder_.feed(std::span(octets).subspan(at, io.octets - at), *this);
  }
}

void TestDevice::head() {
  status = parser_.head().status;
  if (const auto* chosen = parser_.head().fields.find("Sec-WebSocket-Protocol")) protocol = *chosen;
  open_ = status == 101;
}

void TestDevice::data(Octets octets, bool last) {
  messages += last;
  reader_.feed(octets);
  for (;;) {
    auto frame = reader_.next();
    if (!frame || !*frame) return;
    if ((*frame)->target == wire::Target::device) {
      frames.push_back(std::move(**frame));
      continue;
    }
    auto control = wire::to_control(**frame);
    if (!control) continue;
    if (const auto* challenge = std::get_if<wire::Challenge>(&*control)) nonce = challenge->nonce;
    controls.push_back(std::move(*control));
  }
}

void TestDevice::ping(Octets octets) {
  ++pings;
  if (!pongs) return;
  std::string pong;
  http::websocket::encode(pong, http::websocket::Opcode::pong, octets, mask);
  raw(pong);
}

void TestDevice::send(const wire::Frame& frame) {
  Bytes payload;
  wire::encode_to(payload, frame);
  std::string message;
  http::websocket::encode(message, http::websocket::Opcode::binary, octets_of(payload), mask);
  raw(message);
}

wire::Enrol TestDevice::enrolment(const std::string& password, const std::string& handle) const {
  wire::Enrol said{user, password, id, key.public_key, wire::Suite::noise_1, handle, "relay", {}};
  said.signature = key.sign(wire::device_signature_input("relay", nonce, user, id, stream_->channel_binding()));
  return said;
}

wire::Login TestDevice::login() const {
  return {user, id, "relay",
          key.sign(wire::device_signature_input("relay", nonce, user, id, stream_->channel_binding()))};
}

bool TestDevice::enrol(const std::string& password, const std::string& handle) {
  if (!connect()) return false;
  say(enrolment(password, handle));
  wait([&] { return last<wire::Welcome>() || ended; });
  return last<wire::Welcome>().has_value();
}

bool TestDevice::log_in() {
  if (!connect()) return false;
  say(login());
  wait([&] { return last<wire::Welcome>() || ended; });
  return last<wire::Welcome>().has_value();
}

void TestDevice::wake_up(const std::string& handle) {
  send({wire::Target::device, 0, 0, static_cast<std::uint32_t>(wire::FrameType::wake_up), 1,
        wire::encode(wire::WakeUp{1, wire::Suite::noise_1, user, id, handle})});
}

void TestDevice::sealed(std::uint64_t number, Bytes body) {
  send({wire::Target::device, 0, 0, static_cast<std::uint32_t>(wire::FrameType::sealed), number, std::move(body)});
}

std::optional<wire::Closed> TestDevice::closed() const {
  for (auto it = frames.rbegin(); it != frames.rend(); ++it)
    if (it->type == static_cast<std::uint32_t>(wire::FrameType::close)) return *wire::decode_closed(it->body);
  return {};
}

std::vector<wire::Frame> TestDevice::frames_of(wire::FrameType type) const {
  std::vector<wire::Frame> found;
  for (const auto& frame : frames)
    if (frame.type == static_cast<std::uint32_t>(type)) found.push_back(frame);
  return found;
}

}  // namespace tidegate::relay
