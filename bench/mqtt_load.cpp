// SPDX-License-Identifier: Apache-2.0
// Idle MQTT 3.1.1 clients over TLS: what relay-density is held against. Each subscribes to a topic of its own,
// publishes one message of 1 KiB to it and hears it back; then all stay silent.
//   mqtt_load PORT CA_FILE
// For each number on standard input it adds clients up to that many, and prints "idle N" when all are; ends with its
// standard input, after "alive N".
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "core/sim/real_world.hpp"
#include "core/tls/network.hpp"

namespace {

using namespace tidegate;

constexpr std::size_t at_once = 64;

void put_16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xff);
}
void put_text(std::string& out, std::string_view text) {
  put_16(out, text.size());
  out += text;
}
/// MQTT 3.1.1 §2.2: type and flags, then the length in 7-bit groups.
std::string packet(unsigned char first, const std::string& rest) {
  std::string out(1, static_cast<char>(first));
  auto left = rest.size();
  do {
    const auto digit = static_cast<unsigned char>(left & 0x7f);
    left >>= 7;
    out += static_cast<char>(left == 0 ? digit : digit | 0x80U);
  } while (left != 0);
  return out + rest;
}

class Load;

class Client final : sim::StreamEvents {
 public:
  Client(Load& load, std::size_t number) : load_(load), topic_(fmt::format("d/{}", number)) {}
  void begin(const sim::Endpoint&);
  bool alive() const { return stream_ && !over_; }

 private:
  void dialed(Result<std::unique_ptr<sim::Stream>>);
  void readable() override;
  void writable() override { pump(); }
  void pump();
  void say(const std::string& octets) {
    out_ += octets;
    pump();
  }
  void packets();
  void heard(unsigned type);
  void lost(std::string_view why);

  Load& load_;
  std::string topic_, in_, out_;
  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
  bool over_ = false;
};

class Load {
 public:
  Load(sim::RealWorld& world, sim::Endpoint endpoint) : world_(world), endpoint_(std::move(endpoint)) {}
  bool run(std::size_t count) {
    for (auto n = clients_.size(); n < count; ++n) clients_.push_back(std::make_unique<Client>(*this, n));
    for (std::size_t n = 0; n < at_once; ++n) next();
    return world_.run_until([&] { return failed_ || ready_ == clients_.size(); }, std::chrono::minutes(5)) && !failed_;
  }
  void next() {
    if (begun_ < clients_.size()) clients_[begun_++]->begin(endpoint_);
  }
  void ready() {
    ++ready_;
    next();
  }
  void fail(std::string_view why) {
    fmt::print(stderr, "mqtt_load: {}\n", why);
    failed_ = true;
  }
  std::size_t alive() const {
    return static_cast<std::size_t>(std::ranges::count_if(clients_, [](const auto& each) { return each->alive(); }));
  }
  sim::RealWorld& world() { return world_; }

 private:
  sim::RealWorld& world_;
  sim::Endpoint endpoint_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t begun_ = 0, ready_ = 0;
  bool failed_ = false;
};

void Client::begin(const sim::Endpoint& endpoint) {
  dialing_ = load_.world().network().dial(endpoint, load_.world().reactor().now() + std::chrono::seconds(20),
                                          [this](auto result) { dialed(std::move(result)); });
}

void Client::dialed(Result<std::unique_ptr<sim::Stream>> result) {
  if (!result) return lost(result.error().text);
  stream_ = std::move(*result);
  stream_->events(this);
  std::string connect;
  put_text(connect, "MQTT");
  connect += '\4';     // version 3.1.1
  connect += '\2';     // clean session
  put_16(connect, 0);  // no keep-alive: nothing moves while we measure
  put_text(connect, topic_);
  say(packet(0x10, connect));
  if (!over_) readable();
}

void Client::pump() {
  while (!over_ && !out_.empty()) {
    const auto done = stream_->write(std::as_bytes(std::span(out_)));
    if (done.state == sim::IoState::again) return;
    if (done.state != sim::IoState::ok) return lost(stream_->fault().text);
    out_.erase(0, done.octets);
  }
}

void Client::readable() {
  std::byte buffer[4096];
  while (!over_) {
    const auto got = stream_->read(buffer);
    if (got.state == sim::IoState::again) return;
    if (got.state != sim::IoState::ok) return lost("the broker ended a connection");
    in_.append(reinterpret_cast<const char*>(buffer), got.octets);
    packets();
  }
}

void Client::packets() {
  for (;;) {
    std::size_t length = 0, at = 1;
    unsigned shift = 0;
    bool whole = false;
    for (; at < in_.size() && at < 5 && !whole; ++at, shift += 7) {
      length |= static_cast<std::size_t>(static_cast<unsigned char>(in_[at]) & 0x7f) << shift;
      whole = (static_cast<unsigned char>(in_[at]) & 0x80) == 0;
    }
    if (!whole || in_.size() < at + length) return;
    const auto type = static_cast<unsigned char>(in_[0]) >> 4;
    in_.erase(0, at + length);
    heard(type);
  }
}

void Client::heard(unsigned type) {
  std::string body;
  if (type == 2) {  // CONNACK
    put_16(body, 1);
    put_text(body, topic_);
    body += '\0';
    say(packet(0x82, body));
  } else if (type == 9) {  // SUBACK
    put_text(body, topic_);
    body.append(1024, 'x');
    say(packet(0x30, body));
  } else if (type == 3) {  // PUBLISH, our own
    std::string().swap(in_);
    std::string().swap(out_);
    load_.ready();
  }
}

void Client::lost(std::string_view why) {
  over_ = true;
  load_.fail(why);
}

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

/// The next number on standard input; nullopt: it ended.
std::optional<std::size_t> asked_for(sim::RealWorld& world) {
  bool told = false;
  const auto waiting = world.reactor().wait(STDIN_FILENO, false, [&] { told = true; });
  if (!world.run_until([&] { return told; }, std::chrono::hours(1))) return std::nullopt;
  char line[64] = {};
  if (::read(STDIN_FILENO, line, sizeof line - 1) <= 0) return std::nullopt;
  return std::strtoull(line, nullptr, 10);
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    fmt::print(stderr, "usage: mqtt_load PORT CA_FILE\n");
    return 2;
  }
  sim::Endpoint endpoint{.host = "localhost", .port = static_cast<std::uint16_t>(std::atoi(words[1]))};
  endpoint.ca_file = words[2];
  const auto world = tls::real_world();
  Load load(*world, endpoint);
  while (const auto clients = asked_for(*world)) {
    if (!load.run(*clients)) return 1;
    say(fmt::format("idle {}", load.alive()));
  }
  say(fmt::format("alive {}", load.alive()));
  return 0;
}
