// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidegate::e2e {
namespace {

constexpr std::size_t length_size = 4;  // octets of the length in front of a message

}  // namespace

void Outgoing::push(Bytes message) {
  queued_ += length_size + message.size();
  queue_.push_back(std::move(message));
}

void Outgoing::push_first(Bytes message) {
  queued_ += length_size + message.size();
  queue_.insert(queue_.begin() + (at_ == 0 ? 0 : 1), std::move(message));
}

std::size_t Outgoing::first() const noexcept { return queue_.empty() ? 0 : length_size + queue_.front().size() - at_; }

std::size_t Outgoing::take(char* out, std::size_t room) {
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

Result<std::vector<Bytes>> Incoming::cut(View stream) {
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
