// SPDX-License-Identifier: Apache-2.0
// The token endpoint as a scripted peer over TLS.
#pragma once
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/tls/network.hpp"
#include "core/token/endpoint.hpp"
#include "tests/core/proxy/scripted_proxy.hpp"
#include "tests/core/tls/certificates.hpp"
#include "tests/core/tls/talker.hpp"

namespace tidegate::token {

using namespace std::chrono_literals;

/// Answers each request with the next of its lines, on a thread of its own, and keeps what was asked.
class ScriptedEndpoint {
 public:
  ScriptedEndpoint(const sim::Listen& at, std::deque<std::string> answers) : answers_(std::move(answers)) {
    std::promise<std::uint16_t> ready;
    auto port = ready.get_future();
    thread_ = std::jthread([this, at, &ready] {
      auto world = tls::real_world();
      world_ = world.get();
      auto listening = world->network().listen(at, [&](auto stream) {
        auto& peer = peers_.emplace_back(*this);
        peer.talker.take(std::move(stream));
        peer.talker.stream->events(&peer);
        peer.readable();
      });
      tests::ScriptedProxy proxy(*world);
      proxy.target = (*listening)->port();
      proxy_port_ = proxy.port();
      ready.set_value(proxy.target);
      world->run();
      peers_.clear();
      const std::scoped_lock until_stop_returned(stopping_);
    });
    port_ = port.get();
  }
  ~ScriptedEndpoint() {
    const std::scoped_lock lock(stopping_);
    world_->stop();
  }
  ScriptedEndpoint(const ScriptedEndpoint&) = delete;
  ScriptedEndpoint& operator=(const ScriptedEndpoint&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t proxy_port() const { return proxy_port_; }  ///< leads here whatever it is asked for
  std::vector<std::string> asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  void await_asked() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !asked_.empty(); });
  }

 private:
  struct Peer final : sim::StreamEvents {
    explicit Peer(ScriptedEndpoint& its) : endpoint(its) {}
    void readable() override {
      talker.readable();
      const auto end = talker.heard.find("\r\n\r\n");
      const auto length = talker.heard.find("Content-Length: ");
      if (end == std::string::npos || length == std::string::npos) return;
      if (talker.heard.size() < end + 4 + std::stoul(talker.heard.substr(length + 16))) return;
      talker.say(endpoint.answer(std::exchange(talker.heard, {})));
    }
    void writable() override { talker.writable(); }
    ScriptedEndpoint& endpoint;
    tests::Talker talker;
  };
  std::string answer(std::string request) {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(std::move(request));
    came_.notify_all();
    auto next = std::move(answers_.front());
    answers_.pop_front();
    return next;
  }

  std::mutex mutex_, stopping_;  ///< stopping_: the world lives until stop() has returned
  std::condition_variable came_;
  std::deque<std::string> answers_;
  std::vector<std::string> asked_;
  std::list<Peer> peers_;
  sim::RealWorld* world_ = nullptr;
  std::uint16_t port_ = 0, proxy_port_ = 0;
  std::jthread thread_;
};

inline std::string http(const std::string& status, const std::string& body, const std::string& fields = {}) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", status, fields,
                     body.size(), body);
}

struct EndpointTest : testing::Test {
  Endpoint serve(std::deque<std::string> answers, const std::string& name = "localhost") {
    const auto files = certificates.issue({.name = name});
    peer = std::make_unique<ScriptedEndpoint>(sim::Listen{.certificate_file = files.certificate, .key_file = files.key},
                                              std::move(answers));
    return {.host = name, .port = peer->port(), .path = "/token?v=2", .ca_file = certificates.ca_file()};
  }
  static Call within() { return {Clock::now() + 20s, {}, 0}; }
  static std::string text_of(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  tests::Certificates certificates;
  std::unique_ptr<ScriptedEndpoint> peer;
};

}  // namespace tidegate::token
