// SPDX-License-Identifier: Apache-2.0
// Compression of single items (docs/wire.md §8). Raw deflate (RFC 1951), which every other end has, or Zstandard (RFC
// 8878) between our own, a third as dear. Each call begins afresh: a mail an attacker sends must never share a window
// with another's secret (CRIME and its kin).
#include <cmath>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include "core/e2e/sync.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::e2e {
namespace {

constexpr std::size_t smallest = 64;         // below that a block's head eats the gain
constexpr std::size_t probed_from = 4096;    // longer data is looked at before the try
constexpr std::size_t deflate_ratio = 1032;  // zlib's technical note: deflate expands no more than that
constexpr double random_from_bits = 7.6;     // JPEG, ZIP and ciphertext measure 7.9 with 4,096 samples; text 4.5-6

/// Shannon entropy of 4,096 octets taken in four runs, in bits an octet.
double sampled_entropy(View octets) {
  constexpr std::size_t run = 1024;
  std::array<std::uint32_t, 256> counts{};
  for (std::size_t part = 0; part < 4; ++part)
    for (const char c : octets.substr((octets.size() - run) / 3 * part, run)) ++counts[static_cast<std::uint8_t>(c)];
  double bits = 0;
  for (const std::uint32_t count : counts) {
    if (count == 0) continue;
    const double p = count / (4.0 * run);
    bits -= p * std::log2(p);
  }
  return bits;
}

/// zlib's states are large (256 KiB and 48 KiB): one of each a thread, reset before every use.
class Streams {
 public:
  Streams() {
    if (deflateInit2(&deflate_, 1, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
    if (inflateInit2(&inflate_, -MAX_WBITS) != Z_OK) {
      deflateEnd(&deflate_);
      throw std::bad_alloc();
    }
  }
  ~Streams() {
    deflateEnd(&deflate_);
    inflateEnd(&inflate_);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  /// Octets written to `out`; 0: it didn't fit.
  std::size_t deflate_whole(View in, char* out, std::size_t room) {
    deflateReset(&deflate_);
    set(deflate_, in, out, room);
    return deflate(&deflate_, Z_FINISH) == Z_STREAM_END ? room - deflate_.avail_out : 0;
  }
  /// Whether `in` is one whole stream that inflates to exactly `size` octets.
  bool inflate_whole(View in, char* out, std::size_t size) {
    inflateReset(&inflate_);
    set(inflate_, in, out, size);
    return inflate(&inflate_, Z_FINISH) == Z_STREAM_END && inflate_.avail_out == 0 && inflate_.avail_in == 0;
  }

 private:
  static void set(z_stream& stream, View in, char* out, std::size_t room) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib's old signature; it only reads
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(room);
  }
  z_stream deflate_{};
  z_stream inflate_{};
};

Streams& streams() {
  thread_local Streams mine;
  return mine;
}

/// The same for zstd: contexts that keep their memory and nothing of what went through them.
class Frames {
 public:
  Frames() : out_(ZSTD_createCCtx()), in_(ZSTD_createDCtx()) {
    if (!out_ || !in_) throw std::bad_alloc();
  }
  std::size_t compress_whole(View in, char* out, std::size_t room) {
    const auto size = ZSTD_compressCCtx(out_.get(), out, room, in.data(), in.size(), zstd_level);
    return ZSTD_isError(size) != 0 ? 0 : size;
  }
  bool decompress_whole(View in, char* out, std::size_t size) {
    // One frame: the library itself would go on to the next.
    if (ZSTD_findFrameCompressedSize(in.data(), in.size()) != in.size()) return false;
    return ZSTD_decompressDCtx(in_.get(), out, size, in.data(), in.size()) == size;
  }

 private:
  static constexpr int zstd_level = 1;
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> out_;
  std::unique_ptr<ZSTD_DCtx, Free> in_;
};

Frames& frames() {
  thread_local Frames mine;
  return mine;
}

std::unexpected<Fault> broken(const char* cause) {
  return fault(FaultKind::invalid, "sync", "The other end sent compressed data that does not unpack; the session ends.",
               cause);
}

/// Everything that can be known before anything is allocated.
Result<void> check(const Packed& packed, std::size_t limit) {
  if (packed.size > limit)
    return fault(FaultKind::too_large, "sync", "The other end sent content over the limit; the session ends.",
                 fmt::format("{} octets, limit {}", packed.size, limit));
  if (packed.how == Compression::none && packed.octets.size() != packed.size) return broken("size differs");
  if (packed.how == Compression::none) return {};
  if (packed.how != Compression::deflate && packed.how != Compression::zstd)
    return fault(FaultKind::unsupported, "sync", "The other end used a compression this version does not have.");
  if (packed.octets.size() > limit) return broken("impossible size");
  if (packed.how == Compression::deflate && packed.size / deflate_ratio > packed.octets.size())
    return broken("impossible size");
  return {};
}

Result<Bytes> inflated(const Packed& packed) {
  Bytes out;
  bool good = false;
  wire::append_filled(out, packed.size, [&](char* at) {
    good = packed.how == Compression::zstd ? frames().decompress_whole(packed.octets, at, packed.size)
                                           : streams().inflate_whole(packed.octets, at, packed.size);
  });
  if (!good) return broken(packed.how == Compression::zstd ? "zstd" : "deflate");
  return out;
}

}  // namespace

Packed pack(View octets, Compression allowed) {
  Packed packed{Compression::none, octets.size(), {}};
  const bool tried = allowed != Compression::none && octets.size() >= smallest && octets.size() < max_message * 64 &&
                     (octets.size() <= probed_from || sampled_entropy(octets) < random_from_bits);
  if (tried) {
    const std::size_t room = octets.size() - octets.size() / 16 - 8;  // a smaller gain is not worth the inflating
    std::size_t size = 0;
    wire::append_filled(packed.octets, room, [&](char* at) {
      size = allowed == Compression::zstd ? frames().compress_whole(octets, at, room)
                                          : streams().deflate_whole(octets, at, room);
    });
    packed.octets.resize(size);
  }
  if (packed.octets.empty())
    packed.octets = octets;
  else
    packed.how = allowed;
  return packed;
}

Result<Bytes> unpack(const Packed& packed, std::size_t limit) {
  if (auto good = check(packed, limit); !good) return std::unexpected(std::move(good.error()));
  if (packed.how == Compression::none) return packed.octets;
  return inflated(packed);
}

Result<Bytes> unpack(Packed&& packed, std::size_t limit) {
  if (auto good = check(packed, limit); !good) return std::unexpected(std::move(good.error()));
  if (packed.how == Compression::none) return std::move(packed.octets);
  return inflated(packed);
}

}  // namespace tidegate::e2e
