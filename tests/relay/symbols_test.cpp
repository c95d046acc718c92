// SPDX-License-Identifier: Apache-2.0
// The relay is blind because it links nothing that could open a payload: read from the finished binary.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::relay {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 65536> part{};
  while (pipe) {
    const auto size = std::fread(part.data(), 1, part.size(), pipe.get());
    if (size == 0) break;
    out.append(part.data(), size);
  }
  return out;
}

std::string binary() {
  const char* build = std::getenv("TIDEGATE_BUILD");
  return std::string(build ? build : ".") + "/bin/tidegate-relay";
}

TEST(RelaySymbols, NothingOfTheRelayCanOpenAPayload) {
  const auto symbols = output_of("nm -C " + binary() + " 2>/dev/null");
  ASSERT_NE(symbols.find("tidegate::relay::Switchboard"), std::string::npos)
      << "the binary has no symbols, so this proves nothing: " << binary();
  // Our own end-to-end code, the ciphers and key agreements it is made of, and decompression of what is inside.
  for (const char* word : {"tidegate::e2e", "tidegate::vmes1", "EVP_Decrypt", "EVP_Cipher", "EVP_aes",
                           "EVP_PKEY_derive", "EVP_KDF_derive", "inflate"})
    EXPECT_EQ(symbols.find(word), std::string::npos) << word;
}

TEST(RelaySymbols, ItsLibrariesAreTheKnownOnes) {
  const auto dynamic = output_of("objdump -p " + binary() + " 2>/dev/null");
  ASSERT_NE(dynamic.find("NEEDED"), std::string::npos);
  for (const char* word : {"libz.so", "libetpan", "libcurl"}) EXPECT_EQ(dynamic.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace tidegate::relay
