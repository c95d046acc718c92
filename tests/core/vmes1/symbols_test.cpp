// SPDX-License-Identifier: Apache-2.0
// vmes-1 stands alone: nothing of noise-1 in its library, and no way to hand it a key that lasts.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tidegate::vmes1 {
namespace {

std::string symbols() {
  const char* build = std::getenv("TIDEGATE_BUILD");
  const auto command =
      "nm -C " + std::string(build == nullptr ? "." : build) + "/core/vmes1/libtidegate_vmes1.a 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::string out;
  std::array<char, 65536> part{};
  for (std::size_t size = 0; pipe && (size = std::fread(part.data(), 1, part.size(), pipe.get())) > 0;)
    out.append(part.data(), size);
  return out;
}

TEST(Vmes1Symbols, NothingOfNoiseAndNoLastingKeys) {
  const auto all = symbols();
  ASSERT_NE(all.find("tidegate::vmes1::Ephemeral::agree"), std::string::npos) << "no symbols, so this proves nothing";
  for (const char* word : {"tidegate::e2e", "Handshake", "aes_256_gcm", "EVP_PKEY", "HKDF", "tidegate::store"})
    EXPECT_EQ(all.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace tidegate::vmes1
