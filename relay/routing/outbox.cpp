// SPDX-License-Identifier: Apache-2.0
#include "relay/routing/outbox.hpp"

#include <utility>

namespace tidegate::relay {

void Outbox::push(const wire::Frame& frame, Mark mark) {
  const auto before = octets_.size();
  wire::encode_to(octets_, frame);
  ends_.push_back({octets_.size() - before, mark});
  budget_->take(octets_.size() - before);
}

void Outbox::push_urgent(const wire::Frame& frame) {
  const auto before = urgent_.size();
  wire::encode_to(urgent_, frame);
  budget_->take(urgent_.size() - before);
}

void Outbox::purge() {
  budget_->give(octets_.size() - at_);
  Bytes().swap(octets_);
  at_ = 0;
  ends_.clear();
}

Bytes Outbox::take() {
  taken_.clear();
  Bytes chunk = std::exchange(urgent_, {});
  while (!ends_.empty() && (chunk.empty() || chunk.size() + ends_.front().size <= chunk_target)) {
    const auto& [size, mark] = ends_.front();
    chunk.append(octets_, at_, size);
    at_ += size;
    if (mark.number != 0) taken_.push_back(mark);
    ends_.pop_front();
  }
  budget_->give(chunk.size());
  if (ends_.empty()) {
    Bytes().swap(octets_);  // a burst's memory goes; assigning an empty string would keep it
    at_ = 0;
  } else if (at_ > octets_.size() / 2) {
    octets_.erase(0, at_);
    at_ = 0;
  }
  return chunk;
}

}  // namespace tidegate::relay
