// SPDX-License-Identifier: Apache-2.0
#include "core/tls/resolve.hpp"

#include <memory>
#include <utility>

namespace tidegate::tls {
namespace {
using Then = std::move_only_function<void(Result<std::vector<Address>>)>;
}

void resolve_on(sim::Reactor& reactor, sim::Pool& pool, const sim::Endpoint& endpoint, Then then) {
  auto answer = [&reactor](Then to, Result<std::vector<Address>> found) {
    reactor.post([to = std::move(to), found = std::move(found)]() mutable { to(std::move(found)); });
  };
  // Digits and paths need no name server.
  if (auto numeric = resolve(endpoint, true); numeric || !endpoint.unix_path.empty())
    return answer(std::move(then), std::move(numeric));
  // Shared: a full pool does not give back what it was offered.
  auto waiting = std::make_shared<Then>(std::move(then));
  if (!pool.submit([waiting, answer, endpoint] { answer(std::move(*waiting), resolve(endpoint)); }))
    answer(std::move(*waiting), fault(FaultKind::unavailable, place_of(endpoint),
                                      "Too many names wait for the name servers: check that they answer."));
}

}  // namespace tidegate::tls
