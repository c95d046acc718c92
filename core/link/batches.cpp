// SPDX-License-Identifier: Apache-2.0
#include "core/link/batches.hpp"

#include <utility>

#include <fmt/format.h>

namespace tidegate::link {
namespace {
constexpr std::size_t length_line = sizeof("Content-Length: 18446744073709551615\r\n\r\n") - 1;
constexpr std::size_t frame_head = 64;  // length and fields of a frame around its body, at most
}  // namespace

Batches::Batches(std::string head) : head_(std::move(head)), room_(head_.size() + length_line) {}

void Batches::add(const wire::Frame& frame) {
  if (waiting_.empty() || waiting_.back().body() + frame.body.size() + frame_head > wire::max_batch) {
    auto& batch = waiting_.emplace_back();
    batch.buffer_.reserve(room_ + frame.body.size() + frame_head);
    batch.buffer_.resize(room_);
    batch.room_ = room_;
  }
  auto& batch = waiting_.back();
  const auto before = batch.buffer_.size();
  wire::encode_to(batch.buffer_, frame);
  ++batch.frames_;
  octets_ += batch.buffer_.size() - before;
}

Batch Batches::take() {
  auto batch = std::move(waiting_.front());
  waiting_.pop_front();
  octets_ -= batch.body();
  const auto length = fmt::format("Content-Length: {}\r\n\r\n", batch.body());
  batch.start_ = room_ - head_.size() - length.size();
  batch.buffer_.replace(batch.start_, head_.size(), head_);
  batch.buffer_.replace(batch.start_ + head_.size(), length.size(), length);
  return batch;
}

}  // namespace tidegate::link
