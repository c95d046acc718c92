// SPDX-License-Identifier: Apache-2.0
#include "core/sdk/abi.hpp"
#include "plugins/mock/mock.hpp"

namespace {
tidegate::Plugin* make() { return tidegate::mock::make_plugin().release(); }
}  // namespace

TIDEGATE_PLUGIN("mock", "0.1.0", make)
