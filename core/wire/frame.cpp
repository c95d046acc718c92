// SPDX-License-Identifier: Apache-2.0
#include "core/wire/frame.hpp"

#include <fmt/format.h>

#include "core/wire/fields.hpp"

namespace tidegate::wire {

// rts.proto Frame
void fields(auto& f, Is<Frame> auto& m) {
  f.scalar(1, m.target);
  f.scalar(2, m.id);
  f.scalar(3, m.generation);
  f.scalar(4, m.type);
  f.scalar(5, m.number);
  f.octets(6, m.body, max_frame);
}

namespace {

std::unexpected<Fault> too_large(std::uint64_t size, std::size_t limit) {
  return fault(FaultKind::too_large, "wire", "The other end sent a frame over the limit; the connection ends.",
               fmt::format("{} octets, limit {}", size, limit));
}

constexpr std::size_t length_size = 4;

}  // namespace

void encode_to(Bytes& out, const Frame& frame) {
  const std::size_t size = encoded_size(frame);
  append_filled(out, length_size + size, [&](char* at) {
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<char>(size >> shift);
    Encoder<Filler> filler{Filler{at}};
    fields(filler, frame);
  });
}

Result<Frame> decode(Octets octets) {
  if (octets.size() > max_frame) return too_large(octets.size(), max_frame);
  auto frame = decode_fields<Frame>(view_of(octets), "a frame");
  if (frame && frame->target > Target::stream) return broken_fault("a frame", {1, "an unknown target"});
  return frame;
}

void FrameReader::feed(Octets octets) {
  if (at_ == held_.size()) {
    held_.clear();
    at_ = 0;
  } else if (at_ > held_.size() / 2) {
    held_.erase(0, at_);
    at_ = 0;
  }
  held_.append(view_of(octets));
}

Result<std::optional<Frame>> FrameReader::next() {
  if (held() < length_size) return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < length_size; ++i) size = size << 8 | static_cast<std::uint8_t>(held_[at_ + i]);
  // `at_` is not moved: what is held stays faulty.
  if (size > limit_) return too_large(size, limit_);
  if (held() - length_size < size) return std::nullopt;
  auto frame = decode(octets_of(View(held_).substr(at_ + length_size, size)));
  if (!frame) return std::unexpected(std::move(frame.error()));
  at_ += length_size + size;
  if (at_ == held_.size()) {
    Bytes().swap(held_);  // an idle connection holds no buffer; assigning an empty string would keep it
    at_ = 0;
  }
  return std::move(*frame);
}

}  // namespace tidegate::wire
