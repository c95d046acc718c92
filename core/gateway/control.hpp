// SPDX-License-Identifier: Apache-2.0
// The commands of tidegatectl, spoken to a gateway. Reactor thread.
#pragma once
#include <functional>

#include "core/ctl/server.hpp"
#include "core/gateway/gateway.hpp"

namespace tidegate::gateway {

/// `stop`: what the command stop does. The gateway outlives the server.
void serve_commands(ctl::CtlServer&, Gateway&, std::function<void()> stop);

/// Of control_backends.cpp: those that concern back-ends.
void serve_backend_commands(ctl::CtlServer&, Gateway&);

}  // namespace tidegate::gateway
