// SPDX-License-Identifier: Apache-2.0
// docs/wire.md §7: prologue, padding, and the stream of messages inside the sealed frames.
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
constexpr std::size_t count_size = 2;   // octets of the count in front of a plaintext
constexpr std::size_t length_size = 4;  // octets of the length in front of a message
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

void Sealer::push(Bytes message) {
  queued_ += length_size + message.size();
  queue_.push_back(std::move(message));
}

void Sealer::push_first(Bytes message) {
  queued_ += length_size + message.size();
  queue_.insert(queue_.begin() + (at_ == 0 ? 0 : 1), std::move(message));
}

/// Copies up to `room` octets of the stream out of the queue.
std::size_t Sealer::take(char* out, std::size_t room) {
  std::size_t done = 0;
  while (done < room && !queue_.empty()) {
    const Bytes& front = queue_.front();
    if (at_ < length_size) {
      for (; at_ < length_size && done < room; ++at_) out[done++] = static_cast<char>(front.size() >> (24 - 8 * at_));
      if (at_ < length_size) break;
    }
    const std::size_t from = at_ - length_size;
    const std::size_t octets = std::min(room - done, front.size() - from);
    if (octets != 0) std::memcpy(out + done, front.data() + from, octets);
    done += octets;
    at_ += octets;
    if (at_ == length_size + front.size()) {
      queue_.pop_front();
      at_ = 0;
    }
  }
  queued_ -= done;
  return done;
}

Bytes Sealer::next() {
  Bytes body;
  if (queue_.empty()) return body;
  const std::size_t octets = std::min(queued_, most_octets);
  const std::size_t plain = padded_size(count_size + octets + tag_size) - tag_size;
  body.reserve(plain + tag_size);
  wire::append_filled(body, plain, [&](char* at) {
    *at++ = static_cast<char>(octets >> 8);
    *at++ = static_cast<char>(octets);
    take(at, octets);
    std::memset(at + octets, 0, plain - count_size - octets);
  });
  cipher_.seal_over(body);
  return body;
}

Result<std::vector<Bytes>> Opener::open(Octets body) {
  if (failed_) return broken("after a fault");
  failed_ = true;  // until all of it proved good
  if (body.size() > max_noise_message) return broken("over 16 KiB");
  thread_local Bytes plain;  // 16 KiB a thread instead of one fresh and cold a frame
  plain.clear();
  if (auto opened = cipher_.open_to(plain, body); !opened) return std::unexpected(std::move(opened.error()));
  if (plain.size() < count_size) return broken("no count");
  const std::size_t octets =
      std::size_t{static_cast<std::uint8_t>(plain[0])} << 8 | static_cast<std::uint8_t>(plain[1]);
  if (octets > plain.size() - count_size) return broken("count over the plaintext");
  const View padding = View(plain).substr(count_size + octets);
  if (padding.find_first_not_of('\0') != View::npos) return broken("padding not zero");
  auto messages = cut(View(plain).substr(count_size, octets));
  failed_ = !messages.has_value();
  return messages;
}

Result<std::vector<Bytes>> Opener::cut(View stream) {
  std::vector<Bytes> messages;
  for (;;) {
    for (; prefix_size_ < length_size && !stream.empty(); ++prefix_size_, stream.remove_prefix(1))
      length_ = length_ << 8 | static_cast<std::uint8_t>(stream.front());
    if (prefix_size_ < length_size) return messages;
    if (length_ > limit_)
      return fault(FaultKind::too_large, "sealed", "The other end sent a message over the limit; the session ends.");
    const std::size_t octets = std::min(stream.size(), length_ - message_.size());
    message_ += stream.substr(0, octets);
    stream.remove_prefix(octets);
    if (message_.size() < length_) return messages;
    messages.push_back(std::exchange(message_, {}));
    prefix_size_ = 0;
    length_ = 0;
  }
}

}  // namespace tidegate::e2e
