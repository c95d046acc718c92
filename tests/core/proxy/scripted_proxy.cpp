// SPDX-License-Identifier: Apache-2.0
#include "tests/core/proxy/scripted_proxy.hpp"

#include <array>

#include <gtest/gtest.h>

namespace tidegate::tests {

struct ScriptedProxy::Side final : sim::StreamEvents {
  std::unique_ptr<sim::Stream> stream;
  std::string out;
  bool over = false;
  std::function<void(std::string_view)> heard;
  std::function<void()> ended;

  void take(std::unique_ptr<sim::Stream> s) {
    stream = std::move(s);
    stream->events(this);
    readable();
    writable();
  }
  void say(std::string_view text) {
    out += text;
    writable();
  }
  void readable() override {
    std::array<std::byte, 4096> buffer;
    while (stream) {
      const auto io = stream->read(buffer);
      if (io.state == sim::IoState::again) return;
      if (io.state != sim::IoState::ok) {
        over = true;
        return ended();
      }
      heard({reinterpret_cast<const char*>(buffer.data()), io.octets});
    }
  }
  void writable() override {
    while (stream && !out.empty()) {
      const auto io = stream->write(std::as_bytes(std::span(out)));
      if (io.state != sim::IoState::ok) return;
      out.erase(0, io.octets);
    }
  }
};

class ScriptedProxy::Connection {
 public:
  Connection(ScriptedProxy& owner, std::unique_ptr<sim::Stream> stream) : owner_(owner) {
    client_.heard = [this](std::string_view octets) { from_client(octets); };
    client_.ended = [this] { target_.stream.reset(); };
    target_.heard = [this](std::string_view octets) { client_.say(octets); };
    target_.ended = [this] { client_.stream.reset(); };
    client_.take(std::move(stream));
  }

 private:
  void from_client(std::string_view octets) {
    if (tunnel_) return target_.say(octets);
    head_ += octets;
    if (!head_.ends_with("\r\n\r\n")) return;
    owner_.heads.push_back(std::exchange(head_, {}));
    const auto answer = owner_.script(owner_.heads.back());
    client_.say(answer.octets);
    if (answer.close) client_.stream.reset();
    if (!answer.tunnel) return;
    tunnel_ = true;
    auto& reactor = owner_.world_.reactor();
    dialing_ = owner_.world_.network().dial({.host = "127.0.0.1", .port = owner_.target, .tls = false},
                                            reactor.now() + std::chrono::seconds(10), [this](auto stream) {
                                              ASSERT_TRUE(stream) << stream.error().text;
                                              target_.take(std::move(*stream));
                                            });
  }

  ScriptedProxy& owner_;
  Side client_, target_;
  std::string head_;
  bool tunnel_ = false;
  std::unique_ptr<sim::Dialing> dialing_;
};

ScriptedProxy::Answer ScriptedProxy::demand(std::string_view fields, bool close) {
  return {"HTTP/1.1 407 Proxy Authentication Required\r\n" + std::string(fields) +
              (close ? "Connection: close\r\n" : "") + "Content-Length: 6\r\n\r\nno way",
          false, close};
}

ScriptedProxy::ScriptedProxy(sim::World& world) : world_(world) {
  auto made = world.network().listen({}, [this](auto stream) {
    ++accepted;
    connections_.push_back(std::make_unique<Connection>(*this, std::move(stream)));
  });
  EXPECT_TRUE(made);
  listening_ = std::move(*made);
}

ScriptedProxy::~ScriptedProxy() = default;

std::string field(std::string_view head, std::string_view name) {
  const auto start = head.find("\r\n" + std::string(name) + ": ");
  if (start == std::string_view::npos) return {};
  const auto from = start + name.size() + 4;
  return std::string(head.substr(from, head.find("\r\n", from) - from));
}

}  // namespace tidegate::tests
