// SPDX-License-Identifier: Apache-2.0
// docs/wire.md §7: prologue, padding, sealed frames.
#include "core/e2e/session.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/e2e/openssl.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::e2e {
namespace {

constexpr std::size_t tag_size = 16;
constexpr std::size_t count_size = 2;  // octets of the count in front of a plaintext
constexpr std::size_t most_octets = max_noise_message - tag_size - count_size;

void append_part(Bytes& out, View part) {
  if (part.size() > 0xffff) throw std::length_error("a part of the prologue over 65535 octets");
  out += static_cast<char>(part.size() >> 8);
  out += static_cast<char>(part.size());
  out += part;
}

std::unexpected<Fault> broken(const char* cause) {
  return fault(FaultKind::invalid, "sealed",
               "A sealed message was not what it must be; the session ends and begins anew.", cause);
}

/// A Noise transport message: the count, the octets, padding (docs/wire.md §7.7).
class NoiseSeal final : public FrameSeal {
 public:
  explicit NoiseSeal(Cipher cipher) : cipher_(std::move(cipher)) {}
  Bytes next(Outgoing& queue) override {
    const std::size_t octets = std::min(queue.queued(), most_octets);
    const std::size_t plain = padded_size(count_size + octets + tag_size) - tag_size;
    Bytes body;
    body.reserve(plain + tag_size);
    wire::append_filled(body, plain, [&](char* at) {
      *at++ = static_cast<char>(octets >> 8);
      *at++ = static_cast<char>(octets);
      queue.take(at, octets);
      std::memset(at + octets, 0, plain - count_size - octets);
    });
    cipher_.seal_over(body);
    return body;
  }
  void park() noexcept override { cipher_.park(); }

 private:
  Cipher cipher_;
};

class NoiseOpen final : public FrameOpen {
 public:
  explicit NoiseOpen(Cipher cipher) : cipher_(std::move(cipher)) {}
  Result<View> open(Bytes& plain, Octets body) override {
    if (auto opened = cipher_.open_to(plain, body); !opened) return std::unexpected(std::move(opened.error()));
    if (plain.size() < count_size) return broken("no count");
    const std::size_t octets =
        std::size_t{static_cast<std::uint8_t>(plain[0])} << 8 | static_cast<std::uint8_t>(plain[1]);
    if (octets > plain.size() - count_size) return broken("count over the plaintext");
    if (View(plain).substr(count_size + octets).find_first_not_of('\0') != View::npos)
      return broken("padding not zero");
    return View(plain).substr(count_size, octets);
  }
  void park() noexcept override { cipher_.park(); }

 private:
  Cipher cipher_;
};

}  // namespace

Bytes prologue(Pattern pattern, View guid, View user, View device_id, View wake_up, View wake_up_ack) {
  Bytes out = "tidegate noise-1";
  const View name = pattern == Pattern::kk ? "KK" : "XXpsk3";
  for (const View part : {View("1"), name, guid, user, device_id, wake_up, wake_up_ack}) append_part(out, part);
  return out;
}

std::size_t padded_size(std::size_t size) noexcept {
  if (size <= 4096) return std::max<std::size_t>((size + 255) / 256, 1) * 256;
  // Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019): at most 12 % more.
  const auto exponent = static_cast<unsigned>(std::bit_width(size) - 1);
  const auto kept = static_cast<unsigned>(std::bit_width(exponent));
  const std::size_t mask = (std::size_t{1} << (exponent - kept)) - 1;
  return (size + mask) & ~mask;
}

Sealer::Sealer(Cipher cipher) : Sealer(std::make_unique<NoiseSeal>(std::move(cipher))) {}

Opener::Opener(Cipher cipher, std::size_t limit) : Opener(std::make_unique<NoiseOpen>(std::move(cipher)), limit) {}

Result<std::vector<Bytes>> Opener::open(Octets body) {
  if (failed_) return broken("after a fault");
  failed_ = true;  // until all of it proved good
  if (body.size() > max_noise_message) return broken("over 16 KiB");
  thread_local Bytes room;  // 16 KiB a thread instead of one fresh and cold a frame
  room.clear();
  const auto octets = open_->open(room, body);
  if (!octets) return std::unexpected(octets.error());
  auto messages = stream_.cut(*octets);
  failed_ = !messages.has_value();
  return messages;
}

}  // namespace tidegate::e2e
