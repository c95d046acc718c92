// SPDX-License-Identifier: Apache-2.0
// A relay and the gateway behind it in one object, on a virtual host: real WebSocket, frames, signatures and Noise, so
// that a Device cannot tell the difference; every lie and failure a test wants is a member.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/e2e/session.hpp"
#include "core/e2e/sync.hpp"
#include "core/http/message.hpp"
#include "core/http/websocket.hpp"
#include "core/sim/virtual_world.hpp"
#include "core/wire/control.hpp"

namespace tidegate::device {

class ScriptedPeer {
 public:
  explicit ScriptedPeer(sim::VirtualHost&);
  ~ScriptedPeer();

  // What the company and the relay know.
  std::string user = "user@example.net", password = "secret";
  e2e::PairingCode code;
  e2e::KeyPair gateway;  ///< static
  Bytes guid = Bytes(16, 'g');
  Bytes enrolled_key;                       ///< Ed25519 of the device that enrolled
  std::optional<e2e::Key32> device_static;  ///< paired

  // Lies and failures.
  bool gateway_present = true;
  bool drop_after_message_3 = false;
  bool silent = false;           ///< answers nothing any more
  unsigned answer_status = 101;  ///< of the opening
  std::optional<wire::Refused> refuse;
  std::optional<wire::Suite> ack_suite;
  std::uint64_t grant = 0;                   ///< credit upstream beyond the initial one
  std::chrono::milliseconds cut_after{0};    ///< what lies between ends silent connections; 0: it does not
  bool cut_is_told = true;                   ///< or forgets them, and nothing arrives any more
  std::function<void(wire::Frame&)> tamper;  ///< each sealed frame on its way down

  // What came.
  int pings = 0, cuts = 0;
  int connections = 0, enrolments = 0, logins = 0, sessions = 0, refused_logins = 0;
  std::vector<e2e::Hello> hellos;
  std::vector<e2e::ToGateway> heard;
  std::vector<Bytes> hashes;
  std::function<void(const e2e::ToGateway&)> on_message;

  void say(const e2e::ToDevice&);
  void send(wire::Frame);  ///< as it is
  void send_control(const wire::Control&);
  void send_raw(std::string websocket_octets);
  void close(wire::Code, std::string text = {});
  void drop();  ///< the connection breaks
  void gateway_goes();
  void gateway_comes();
  bool in_session() const { return sealer_ != nullptr; }

 private:
  struct Line;
  friend struct Line;
  void came(const wire::Frame&);
  void control(const wire::Frame&);
  void wake(const wire::Frame&);
  void shake(const wire::Frame&);
  void sealed(const wire::Frame&);
  void down(wire::FrameType, Bytes body);
  e2e::Random random();

  sim::VirtualHost& host_;
  std::unique_ptr<sim::Listening> listening_;
  std::unique_ptr<Line> line_;
  Bytes nonce_, presented_key_, device_id_, wake_up_;
  std::string handle_;
  std::unique_ptr<e2e::Handshake> handshake_;
  std::unique_ptr<e2e::Sealer> sealer_;
  std::unique_ptr<e2e::Opener> opener_;
  std::uint64_t generation_ = 0, up_ = 0, down_ = 0, up_octets_ = 0;
};

}  // namespace tidegate::device
