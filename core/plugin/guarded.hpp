// SPDX-License-Identifier: Apache-2.0
// A back-end and its sessions behind a wall: whatever a plugin's verb throws becomes a Fault.
#pragma once
#include <memory>
#include <string>

#include "core/sdk/store.hpp"

namespace tidegate::plugin {

/// `title` names the section in faults ("backend:hq-mail"), `plugin` the plugin ("imap"). The verbs of the result never
/// throw: an exception is fault `unavailable` that names plugin and verb (its text in `cause`); open() without a
/// session and without a fault is `invalid`. Faults without `where` get the title. Destroys `inner` with itself, but
/// after every session and watch it gave; `keeps` (the host it was lent) goes last.
std::unique_ptr<Backend> guard(std::unique_ptr<Backend> inner, std::string title, std::string plugin,
                               std::shared_ptr<void> keeps = {});

}  // namespace tidegate::plugin
