// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/deflate.hpp"

#include <array>
#include <new>

#include <zlib.h>

namespace tidegate::imap {
namespace {

// Commands are short: a 4 KiB window and 32 KiB in all, instead of 256. What comes needs the full window.
constexpr int window_out = 12, memory_out = 5;

Bytef* octets_of(const char* text) { return reinterpret_cast<Bytef*>(const_cast<char*>(text)); }

}  // namespace

struct Deflate::State {
  State() {
    if (deflateInit2(&out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -window_out, memory_out, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
    if (inflateInit2(&in, -MAX_WBITS) != Z_OK) {
      deflateEnd(&out);
      throw std::bad_alloc();
    }
  }
  ~State() {
    deflateEnd(&out);
    inflateEnd(&in);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  z_stream out{}, in{};
  std::string waiting;  ///< came, not unpacked yet
  bool full = false;    ///< the last unpack() had no room left
};

Deflate::Deflate() : state_(std::make_unique<State>()) {}
Deflate::~Deflate() = default;

std::string Deflate::pack(std::string_view octets) {
  std::string packed;
  std::array<char, 4096> part;
  z_stream& z = state_->out;
  z.next_in = octets_of(octets.data());
  z.avail_in = static_cast<uInt>(octets.size());
  do {
    z.next_out = octets_of(part.data());
    z.avail_out = part.size();
    deflate(&z, Z_SYNC_FLUSH);
    packed.append(part.data(), part.size() - z.avail_out);
  } while (z.avail_out == 0);
  return packed;
}

void Deflate::take(std::string_view octets) { state_->waiting.append(octets); }

std::optional<std::size_t> Deflate::unpack(std::span<char> into) {
  z_stream& z = state_->in;
  if (!pending()) return 0;
  z.next_in = octets_of(state_->waiting.data());
  z.avail_in = static_cast<uInt>(state_->waiting.size());
  z.next_out = octets_of(into.data());
  z.avail_out = static_cast<uInt>(into.size());
  const int code = inflate(&z, Z_SYNC_FLUSH);
  state_->waiting.erase(0, state_->waiting.size() - z.avail_in);
  if (state_->waiting.empty()) state_->waiting.shrink_to_fit();
  state_->full = z.avail_out == 0;
  if (code != Z_OK && code != Z_BUF_ERROR) return std::nullopt;
  return into.size() - z.avail_out;
}

bool Deflate::pending() const { return state_->full || !state_->waiting.empty(); }

}  // namespace tidegate::imap
