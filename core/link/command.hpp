// SPDX-License-Identifier: Apache-2.0
// The command channel: GET /rts/connect, then POST EventUrl, whose response never ends and is frames. Reactor thread.
#pragma once
#include <memory>
#include <optional>

#include "core/link/connection.hpp"
#include "core/link/opening.hpp"

namespace tidegate::link {

class CommandEvents {
 public:
  virtual void command_offered(std::chrono::milliseconds reply_time) = 0;
  virtual void command_sent() = 0;
  virtual void command_heard() = 0;
  virtual void command_frame(wire::Frame&&) = 0;
  virtual void command_failed(const Refusal&) = 0;  ///< once

 protected:
  ~CommandEvents() = default;
};

class CommandChannel final : public ConnectionEvents {
 public:
  struct Setup {
    Url relay;
    sim::Endpoint endpoint;  ///< of the relay; EventUrl's differs in host and port only
    Opener opener;
    std::chrono::milliseconds connect_within;
  };
  /// Asks at once.
  CommandChannel(sim::World&, Setup, CommandEvents&);
  void open();  ///< after command_offered()
  const Offer& offer() const { return *offer_; }
  /// Closes, and says nothing any more; to be destroyed in a later turn of the reactor.
  void retire();

 private:
  void connected() override;
  void sent() override;
  void head(const http::ResponseHead&) override;
  void body(Octets) override;
  void complete() override;
  void broken(const Fault&) override;
  void dial(const Url&);
  void post_envelope();
  void frames(Octets);
  void fail(const Refusal&);

  sim::World& world_;
  Setup setup_;
  CommandEvents& events_;
  enum class Step : std::uint8_t { asking, offered, opening, streaming, over } step_ = Step::asking;
  std::optional<Offer> offer_;
  Request request_;
  http::ResponseHead head_;
  Bytes said_;  ///< the offer, or an error's body
  wire::FrameReader reader_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace tidegate::link
