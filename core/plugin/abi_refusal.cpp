// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "core/plugin/plugins.hpp"

namespace tidegate::plugin {

std::string abi_refusal(const AbiStamp& theirs, const AbiStamp& ours) {
  // g++ 12 says 202100 in C++23 mode where clang 19 says 202302; the SDK's headers have one layout from the first on.
  constexpr std::uint32_t oldest_cpp = 202100;
  if (theirs.magic != ours.magic)
    return fmt::format("its stamp begins with {:08x} instead of {:08x}; it is no Tidegate plugin", theirs.magic,
                       ours.magic);
  if (theirs.sdk_abi != ours.sdk_abi)
    return fmt::format("it was built for SDK ABI {}, this gateway speaks {}; rebuild it with this gateway's SDK",
                       theirs.sdk_abi, ours.sdk_abi);
  if (theirs.release != ours.release)
    return fmt::format("it was built with libstdc++ {}, this gateway with {}; rebuild it with that one", theirs.release,
                       ours.release);
  if (theirs.cxx11 != ours.cxx11)
    return fmt::format("it was built with _GLIBCXX_USE_CXX11_ABI={}, this gateway with {}; rebuild it", theirs.cxx11,
                       ours.cxx11);
  if (theirs.debug != ours.debug)
    return fmt::format("it was built {} _GLIBCXX_DEBUG, this gateway {} it; rebuild it",
                       theirs.debug ? "with" : "without", ours.debug ? "with" : "without");
  if (theirs.cpp < oldest_cpp)
    return fmt::format("it was built as C++ {}, the SDK needs {} at least; compile it with -std=c++23", theirs.cpp,
                       oldest_cpp);
  constexpr std::array<const char*, 6> names{"Fault", "Page", "Change", "Upsert", "Attempt", "Capabilities"};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (theirs.size[i] != ours.size[i])
      return fmt::format(
          "its {} has {} octets, this gateway's {}; rebuild it with this gateway's SDK and the same flags", names[i],
          theirs.size[i], ours.size[i]);
  return {};
}

}  // namespace tidegate::plugin
