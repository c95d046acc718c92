// SPDX-License-Identifier: Apache-2.0
// A gateway and a device that speak to a relay octet by octet, for tests: they do what the script says, also what is
// wrong. On a VirtualWorld's hosts.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/message.hpp"
#include "core/http/websocket.hpp"
#include "core/sim/virtual_world.hpp"
#include "core/wire/control.hpp"

namespace tidegate::relay {

/// An Ed25519 key of a test.
struct TestKey {
  explicit TestKey(char seed);
  Bytes seed, public_key;
  Bytes guid() const;
  Bytes sign(View message) const;
};

/// One HTTP connection: requests in, whole answers or a stream of body octets out.
class TestHttp final : public sim::StreamEvents, public http::MessageEvents {
 public:
  TestHttp(sim::VirtualHost&, bool tls = true, std::string relay = "relay");
  ~TestHttp();
  void send(Bytes octets);  ///< queued until connected
  void request(std::string_view method, std::string_view target, http::Fields, View body = {});
  sim::Stream* stream() { return stream_.get(); }

  std::vector<std::pair<unsigned, Bytes>> answers;
  std::vector<std::string> codes;    ///< Tidegate-Code of each answer
  std::vector<std::string> retries;  ///< Retry-After of each answer
  std::function<void(Octets)> on_body;
  bool ended = false;      ///< the relay closed
  bool head_came = false;  ///< of the answer that is being read
  unsigned status = 0;

 private:
  void readable() override;
  void writable() override { pump(); }
  void head() override;
  void body(Octets) override;
  void complete() override;
  void pump();

  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
  http::ResponseParser parser_;
  Bytes out_, body_;
};

class TestGateway {
 public:
  TestGateway(sim::VirtualWorld&, sim::VirtualHost&, char seed, std::uint64_t counter = 1, std::uint64_t random = 1);

  /// Registers; the answer's status.
  unsigned registers(const std::string& licence, const std::string& password);
  /// GET and POST; true: the first ActivateUsers came.
  bool open();
  void ask();                                                  ///< only the GET
  wire::RtsConnection envelope() const;                        ///< unsigned
  void enter(wire::RtsConnection, bool interception = false);  ///< signs and posts
  /// One POST on a lane; the answer's status. Its frames are taken in as those of the command channel.
  unsigned post(const std::vector<wire::Frame>&, std::uint32_t lane = 0);
  void post_later(const std::vector<wire::Frame>&);  ///< without waiting
  wire::Answer request(wire::Control);               ///< posts it and waits for its Answer
  void send(wire::FrameType, std::uint64_t id, std::uint64_t generation, std::uint64_t number, Bytes body);

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& control : controls)
      if (const auto* one = std::get_if<T>(&control)) found.push_back(*one);
    return found;
  }
  std::vector<wire::Frame> frames_of(wire::FrameType) const;
  bool wait(const std::function<bool()>&, std::chrono::seconds limit = std::chrono::seconds(30));

  TestKey key;
  std::string license_id;
  wire::Instance instance;
  wire::Opened opened;
  std::uint64_t session = 0;
  bool answer_heartbeats = true;
  std::vector<wire::Control> controls;
  std::vector<wire::Frame> frames;       ///< target device
  std::vector<wire::Frame> last_answer;  ///< frames of the last post()
  std::unique_ptr<TestHttp> channel;
  std::vector<std::unique_ptr<TestHttp>> lanes;

 private:
  void take(Octets, wire::FrameReader&);
  sim::VirtualWorld& world_;
  sim::VirtualHost& host_;
  wire::FrameReader reader_;
};

class TestDevice final : public sim::StreamEvents, public http::MessageEvents, public http::websocket::FrameEvents {
 public:
  TestDevice(sim::VirtualWorld&, sim::VirtualHost&, char seed, std::string user);
  ~TestDevice();

  bool connect();                                                                       ///< until the Challenge
  wire::Enrol enrolment(const std::string& password, const std::string& handle) const;  ///< signed
  wire::Login login() const;                                                            ///< signed
  bool enrol(const std::string& password, const std::string& handle);  ///< until Welcome (true) or Refused
  bool log_in();
  void say(const wire::Control& control) { send(wire::to_frame(control)); }
  void wake_up(const std::string& handle = {});
  void send(const wire::Frame&);
  void sealed(std::uint64_t number, Bytes body);
  void raw(Bytes octets);

  template <class T>
  std::optional<T> last() const {
    for (auto it = controls.rbegin(); it != controls.rend(); ++it)
      if (const auto* one = std::get_if<T>(&*it)) return *one;
    return {};
  }
  std::optional<wire::Closed> closed() const;
  std::vector<wire::Frame> frames_of(wire::FrameType) const;
  bool wait(const std::function<bool()>&, std::chrono::seconds limit = std::chrono::seconds(30));

  TestKey key;
  std::string user;
  Bytes id;
  Bytes nonce;
  std::vector<wire::Control> controls;
  std::vector<wire::Frame> frames;
  unsigned status = 0;
  std::string protocol;        ///< that the relay chose
  std::uint64_t messages = 0;  ///< WebSocket messages that came
  bool ended = false;
  bool reads = true;
  bool pongs = true;
  int pings = 0;

 private:
  void readable() override;
  void writable() override { pump(); }
  void head() override;
  void body(Octets) override {}
  void complete() override {}
  void data(Octets, bool last) override;
  void ping(Octets) override;
  void pong(Octets) override {}
  void close(std::uint16_t, std::string_view) override {}
  void pump();

  sim::VirtualWorld& world_;
  sim::VirtualHost& host_;
  std::unique_ptr<sim::Dialing> dialing_;
  std::unique_ptr<sim::Stream> stream_;
  http::ResponseParser parser_;
  http::websocket::Decoder decoder_{http::websocket::Sender::server, 1U << 21};
  wire::FrameReader reader_;
  Bytes out_;
  bool open_ = false;
};

}  // namespace tidegate::relay
