// SPDX-License-Identifier: Apache-2.0
// Every connection begins here as HTTP/1.1: requests of gateways, their data lanes, and the openings of WebSockets and
// command channels, which leave with their stream. Reactor thread.
//
//   GET  /healthz          200 while the relay takes devices, 503 while it drains
//   GET  /rts/connect      Opened
//   POST /rts/register     Register → Registered
//   POST /rts/restore      Retrieve → Retrieved
//   POST /rts/events       RtsConnection → the command channel
//   POST /rts/data         frames → frames
//   GET  /device           WebSocket, subprotocol tidegate.1
//
// An error's body is its sentence, `Tidegate-Code` its number (wire::Code), Retry-After when to come back.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include "core/http/message.hpp"
#include "relay/device_front.hpp"
#include "relay/gateway_door.hpp"

namespace tidegate::relay {

class HttpConnection;

class HttpFront {
 public:
  HttpFront(Hub&, GatewayDoor&, DeviceDoor&);
  ~HttpFront();
  HttpFront(const HttpFront&) = delete;
  HttpFront& operator=(const HttpFront&) = delete;

  void accept(std::unique_ptr<sim::Stream>);
  std::size_t connections() const noexcept { return connections_.size(); }

 private:
  friend class HttpConnection;
  friend class ConnectionReply;
  HttpConnection* find(std::uint64_t id);
  void forget(std::uint64_t id, const std::string& address);

  Hub& hub_;
  GatewayDoor& gateways_;
  DeviceDoor& devices_;
  std::unordered_map<std::uint64_t, std::unique_ptr<HttpConnection>> connections_;
  std::unordered_map<std::string, std::uint32_t> by_address_;
  std::uint64_t next_id_ = 1;
};

}  // namespace tidegate::relay
