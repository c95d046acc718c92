// SPDX-License-Identifier: Apache-2.0
// The mock back-end for whoever links it instead of loading it: tests and the simulation.
#pragma once
#include <memory>

#include "core/sdk/store.hpp"

namespace tidegate::mock {

/// A store over a plain directory, or one in memory; settings: plugins/mock/settings.cpp, form: docs/sdk/mock.md.
std::unique_ptr<Plugin> make_plugin();

}  // namespace tidegate::mock
