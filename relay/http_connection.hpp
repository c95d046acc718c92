// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 connection: one request at a time, the next is read when the last is answered.
//   reading ──complete──▶ waiting (for the database) ──answer──▶ reading | closing
//   reading ──complete──▶ leaving (the stream goes to a device's or a gateway's session)
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "core/http/message.hpp"
#include "relay/hub.hpp"

namespace tidegate::relay {

class HttpFront;

class HttpConnection final : private sim::StreamEvents, private http::MessageEvents, public Sleeper {
 public:
  HttpConnection(HttpFront&, std::uint64_t id, std::string address, std::unique_ptr<sim::Stream>);
  ~HttpConnection();
  void begin();

  void answer(unsigned status, http::Fields, View body);
  void fault(const Fault&);
  std::unique_ptr<sim::Stream> take_stream();
  sim::Stream& stream() noexcept { return *stream_; }
  bool alive() const noexcept { return stream_ && state_ != State::over; }
  const std::string& address() const noexcept { return address_; }
  void cut();

 private:
  enum class State : std::uint8_t { reading, waiting, closing, over };
  enum class Route : std::uint8_t { none, health, connect, registers, restores, events, data, device };

  void readable() override;
  void writable() override { write(); }
  void head() override;
  void body(Octets) override;
  void complete() override;
  void due() override;

  void feed();
  void write();
  void enter_lane();
  void leave_lane();
  void answer_lane();
  void read_upgrade();
  void open_device();
  void dispatch();
  void sleep_until_idle();

  HttpFront& front_;
  std::uint64_t id_;
  std::string address_;
  std::unique_ptr<sim::Stream> stream_;
  http::RequestParser parser_;
  Bytes in_;    ///< read and not parsed yet (pipelined, or behind an upgrade)
  Bytes body_;  ///< of a small request
  Bytes out_;
  std::size_t at_ = 0;
  std::string key_id_, key_;
  Route route_ = Route::none;
  State state_ = State::reading;
  bool keep_ = true;          ///< the connection, after the answer
  bool dispatch_ = false;     ///< the request is complete
  std::optional<Fault> bad_;  ///< what to answer instead
  std::optional<std::string> upgrade_;

  std::uint64_t session_ = 0;  ///< a lane's gateway session
  std::uint32_t lane_ = 0;
  wire::FrameReader frames_;
};

}  // namespace tidegate::relay
