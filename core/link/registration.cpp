// SPDX-License-Identifier: Apache-2.0
// POST /rts/register: one request on one connection.
#include <utility>

#include <openssl/crypto.h>

#include "core/link/connection.hpp"
#include "core/link/opening.hpp"

namespace tidegate::link {
namespace {

constexpr std::uint64_t most_answer = std::uint64_t{64} << 10;

class Registration final : public Registering, ConnectionEvents {
 public:
  Registration(sim::World& world, const Settings& settings, const store::Identity& identity, wire::Register message,
               RegisterDone done)
      : world_(world), identity_(identity), message_(std::move(message)), done_(std::move(done)) {
    auto relay = parse_relay(settings.relay);
    if (!relay) {
      later(std::unexpected(relay.error()));
      return;
    }
    relay_ = *std::move(relay);
    const auto deadline = world_.reactor().now() + settings.connect_within;
    connection_ = std::make_unique<Connection>(world_, endpoint_of(settings, relay_), deadline,
                                               static_cast<ConnectionEvents&>(*this));
    // argon2id and its queue at the relay take their time.
    timer_ = world_.reactor().at(deadline + 3 * settings.answer_within, [this] {
      later(fault(FaultKind::unavailable, relay_.authority(),
                  "The relay does not answer in time; try again, registering twice does no harm."));
    });
  }
  ~Registration() override {
    OPENSSL_cleanse(message_.password.data(), message_.password.size());
    OPENSSL_cleanse(request_.data(), request_.size());
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  void connected() override {
    // Bound to this connection whatever tls_interception says: a licence's password is not for a proxy to read.
    auto request = register_request(relay_, message_, identity_.secret, connection_->channel_binding());
    if (!request) return later(std::unexpected(request.error()));
    request_ = *std::move(request);
    connection_->send(std::as_bytes(std::span(request_)), most_answer);
  }
  void head(const http::ResponseHead& head) override { head_ = head; }
  void body(Octets octets) override { answer_.append(reinterpret_cast<const char*>(octets.data()), octets.size()); }
  void complete() override {
    if (head_.status != 200) {
      auto refusal = refusal_of(relay_, head_, answer_);
      auto& fault = refusal.fault;
      if (head_.status == 401)
        fault.text = "The relay does not register this gateway; check the licence's name and password. " + fault.cause;
      if (head_.status == 409)
        fault.text = "The relay does not let this identity register; ask its operator. " + fault.cause;
      return later(std::unexpected(std::move(refusal.fault)));
    }
    auto registered = wire::decode_registered(answer_);
    if (registered && (registered->guid != identity_.guid || registered->license_id.empty()))
      registered =
          fault(FaultKind::invalid, relay_.authority(),
                "The relay's answer to the registration does not fit this gateway; see that the versions fit.");
    later(std::move(registered));
  }
  void broken(const Fault& fault) override { later(std::unexpected(fault)); }

  /// The owner may destroy this in done(): it runs on its own.
  void later(Result<wire::Registered> result) {
    if (timer_ && finished_) return;
    finished_ = true;
    connection_.reset();
    timer_ = world_.reactor().at(world_.reactor().now(), [this, result = std::move(result)]() mutable {
      auto done = std::move(done_);
      done(std::move(result));
    });
  }

  sim::World& world_;
  store::Identity identity_;
  wire::Register message_;
  RegisterDone done_;
  Url relay_;
  bool finished_ = false;
  std::string request_;
  http::ResponseHead head_;
  Bytes answer_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace

std::unique_ptr<Registering> register_gateway(sim::World& world, const Settings& settings,
                                              const store::Identity& identity, std::string license,
                                              std::string password, std::string label, RegisterDone done) {
  return std::make_unique<Registration>(world, settings, identity,
                                        wire::Register{.license = std::move(license),
                                                       .password = std::move(password),
                                                       .public_key = identity.public_key,
                                                       .relay_host = {},
                                                       .label = std::move(label),
                                                       .signature = {}},
                                        std::move(done));
}

}  // namespace tidegate::link
