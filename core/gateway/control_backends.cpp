// SPDX-License-Identifier: Apache-2.0
// The administrator's commands that concern back-ends.
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "core/gateway/control.hpp"

namespace tidegate::gateway {
namespace {

using ctl::Reply;
using ctl::Request;

void on_test(Gateway& gateway, const Request& request, Reply reply) {
  const auto backend = request.demand("backend");
  if (!backend) return reply.fail(backend.error());
  gateway.test(
      *backend, request["user"],
      [backend = *backend, reply = std::make_shared<Reply>(std::move(reply))](Result<std::string> tested) {
        if (!tested) return reply->fail(tested.error());
        reply->say(tested->empty()
                       ? backend + " answers. Nobody is served from it yet: --user ADDRESS tries somebody's login."
                       : backend + " answers, and lets " + *tested + " in.");
        reply->ok();
      });
}

void on_retry(Gateway& gateway, const Request& request, Reply reply) {
  const auto who = request.demand("who");
  if (!who) return reply.fail(who.error());
  const auto waited = gateway.retry(*who);
  if (!waited) return reply.fail(waited.error());
  reply.say(*waited == 0
                ? "Nothing waited after a fault; what there is is looked at now."
                : fmt::format("Mailboxes that waited and are tried now: {}. See: tidegatectl user list", *waited));
  reply.ok();
}

void on_grant(Gateway& gateway, const Request& request, Reply reply) {
  const auto backend = request.demand("backend");
  const auto user = request.demand("user");
  if (!backend) return reply.fail(backend.error());
  if (!user) return reply.fail(user.error());
  auto shared = std::make_shared<Reply>(std::move(reply));
  auto show = [shared, user = *user](const token::DeviceCode& code) {
    const auto minutes = std::chrono::ceil<std::chrono::minutes>(code.good_for).count();
    shared->columns({{"user", "User"}, {"open", "Open"}, {"code", "Enter the code"}, {"minutes", "Minutes left"}},
                    true);
    shared->row({{"user", user},
                 {"open", code.verification_uri},
                 {"code", code.user_code},
                 {"minutes", static_cast<std::int64_t>(minutes)}});
    shared->say(
        "Whoever enters it must be logged in there as this user. Waiting until it was entered; Ctrl-C gives up.");
  };
  gateway.grant(
      *backend, *user, std::move(show), [shared] { return shared->gone(); },
      [shared, backend = *backend, user = *user](Result<void> granted) {
        if (!granted) return shared->fail(granted.error());
        shared->say("Access was granted; " + backend + " lets " + user + " in.");
        shared->ok();
      });
}

}  // namespace

void serve_backend_commands(ctl::CtlServer& server, Gateway& gateway) {
  auto on = [&](const char* command, void (*handler)(Gateway&, const Request&, Reply)) {
    server.on(command, [&gateway, handler](const Request& request, Reply reply) {
      handler(gateway, request, std::move(reply));
    });
  };
  on("test", on_test);
  on("retry", on_retry);
  on("token grant", on_grant);
}

}  // namespace tidegate::gateway
