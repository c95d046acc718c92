// SPDX-License-Identifier: Apache-2.0
// What arrives before and inside the seal: handshake messages, sealed frames (of the fuzzer's own plaintext, sealed
// rightly, so that what is behind the tag is reached), and what people type for a pairing code.
#include <cstdlib>

#include "core/e2e/session.hpp"

using namespace tidegate;

namespace {

e2e::Key32 key_of(std::uint8_t fill) {
  e2e::Key32 key{};
  key.fill(static_cast<std::byte>(fill));
  return key;
}

void shake(e2e::Pattern pattern, Octets octets) {
  static const e2e::Random random = [](std::span<std::byte> out) {
    std::fill(out.begin(), out.end(), static_cast<std::byte>(7));
  };
  const e2e::KeyPair other = e2e::make_x25519(random);
  e2e::Handshake::Config config{
      .pattern = pattern, .initiator = false, .own = e2e::make_x25519(random), .random = random};
  if (pattern == e2e::Pattern::kk)
    config.remote_static = other.open;
  else
    config.psk = e2e::Secret(key_of(1));
  e2e::Handshake handshake(std::move(config));
  while (!octets.empty() && !handshake.finished()) {
    const auto message = octets.first(std::min<std::size_t>(octets.size(), 96));
    octets = octets.subspan(message.size());
    if (!handshake.read(message)) {
      if (handshake.to_write() || handshake.finished() || handshake.read(message)) std::abort();
      return;
    }
    if (handshake.to_write() && !handshake.write({})) return;
  }
}

void open(Octets octets) {
  e2e::Cipher cipher{e2e::Secret(key_of(9))};
  e2e::Opener opener(e2e::Cipher{e2e::Secret(key_of(9))}, 1000);
  while (!octets.empty()) {
    const std::size_t size = static_cast<std::size_t>(octets[0]);
    const auto plain = octets.subspan(1).first(std::min(size, octets.size() - 1));
    octets = octets.subspan(1 + plain.size());
    Bytes body;
    cipher.seal_to(body, plain);
    const auto messages = opener.open({reinterpret_cast<const std::byte*>(body.data()), body.size()});
    if (!messages) return;
    for (const Bytes& message : *messages)
      if (message.size() > 1000) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Octets octets(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const View text(reinterpret_cast<const char*>(octets.data()), octets.size());
  switch (data[0] % 5) {
    case 0:
      shake(e2e::Pattern::kk, octets);
      break;
    case 1:
      shake(e2e::Pattern::xx_psk3, octets);
      break;
    case 2:
      open(octets);
      break;
    case 3: {
      e2e::Opener opener(e2e::Cipher{e2e::Secret(key_of(9))}, 1000);
      if (opener.open(octets)) std::abort();  // nobody guesses a tag
      break;
    }
    default:
      if (const auto link = e2e::parse_pairing_link(text)) {
        const auto again = e2e::parse_pairing_link(link->code.link(link->relay_host, link->user));
        if (!again || again->user != link->user || again->code.secret != link->code.secret) std::abort();
      }
  }
  return 0;
}
