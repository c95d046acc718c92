// SPDX-License-Identifier: Apache-2.0
// How a plugin says what it is. Put one line into one .cpp of the plugin:
//
//   TIDEGATE_PLUGIN("imap", "0.1.0", make_plugin)        // Plugin* make_plugin();
//
// It defines the only symbol a plugin must export, `tidegate_plugin`. The gateway reads it as plain C and compares the
// stamp before it calls anything: a plugin built for another SDK or against another C++ library is refused by name, not
// found out by a crash.
#pragma once
#include <cstdint>

#include "store.hpp"

namespace tidegate {

inline constexpr std::uint32_t abi_magic = 0x54474154;  ///< "TGAT"
/// Raised with every change of store.hpp or fault.hpp that an older plugin would misread.
inline constexpr std::uint32_t sdk_abi = 4;

/// The stamp of whoever compiles this.
constexpr AbiStamp abi_stamp() noexcept {
  AbiStamp stamp{};
  stamp.magic = abi_magic;
  stamp.sdk_abi = sdk_abi;
#ifdef _GLIBCXX_RELEASE
  stamp.release = _GLIBCXX_RELEASE;
#endif
#ifdef _GLIBCXX_USE_CXX11_ABI
  stamp.cxx11 = _GLIBCXX_USE_CXX11_ABI;
#endif
#ifdef _GLIBCXX_DEBUG
  stamp.debug = 1;
#endif
  stamp.cpp = __cplusplus;
  stamp.size[0] = sizeof(Fault);
  stamp.size[1] = sizeof(Page);
  stamp.size[2] = sizeof(Change);
  stamp.size[3] = sizeof(Upsert);
  stamp.size[4] = sizeof(Attempt);
  stamp.size[5] = sizeof(Capabilities);
  return stamp;
}

}  // namespace tidegate

/// NAME, VERSION: literals. MAKE: a function `tidegate::Plugin* ()`; called once a process; what it gives is never
/// deleted. It may answer nullptr or throw: the gateway then goes on without this plugin and logs one line.
#define TIDEGATE_PLUGIN(NAME, VERSION, MAKE)                                                                    \
  extern "C" {                                                                                                  \
  [[gnu::visibility("default")]] extern const ::tidegate::PluginEntry tidegate_plugin;                          \
  [[gnu::used]] const ::tidegate::PluginEntry tidegate_plugin = {::tidegate::abi_stamp(), NAME, VERSION, MAKE}; \
  }
