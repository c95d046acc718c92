// SPDX-License-Identifier: Apache-2.0
// The verbs of one mailbox of the mock.
#pragma once
#include <memory>

#include "core/sdk/store.hpp"
#include "plugins/mock/store.hpp"

namespace tidegate::mock {

std::unique_ptr<Session> make_session(std::shared_ptr<Store>, std::shared_ptr<Box>);

}  // namespace tidegate::mock
