// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/anchor.hpp"

#include <limits>

namespace tidegate::imap {
namespace {

constexpr char version = 1;
constexpr std::uint64_t max_uid = std::numeric_limits<Uid>::max();

void put(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
  out += static_cast<char>(value);
}

void put(std::string& out, const UidSet& set) {
  put(out, set.runs().size());
  std::uint64_t before = 0;
  for (const Run& run : set.runs()) {
    put(out, run.first - before);
    put(out, run.last - run.first);
    before = run.last;
  }
}

class Reader {
 public:
  explicit Reader(std::string_view octets) : left_(octets) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && left_.empty(); }

  std::uint64_t number(std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; ok_; shift += 7) {
      if (left_.empty() || shift > 63) return fail();
      const auto octet = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      if (shift == 63 && octet > 1) return fail();
      value |= std::uint64_t{octet & 0x7fU} << shift;
      if (octet < 0x80) return value <= most ? value : fail();
    }
    return 0;
  }

  UidSet set() {
    UidSet out;
    std::uint64_t before = 0;
    const std::uint64_t runs = number(left_.size());  // a run takes two octets at least
    for (std::uint64_t i = 0; i < runs && ok_; ++i) {
      const std::uint64_t first = before + number(max_uid);
      const std::uint64_t last = first + number(max_uid);
      // Runs that touch would have been one run: no other spelling of the same set is accepted.
      if (first == 0 || last > max_uid || (i > 0 && first <= before + 1)) fail();
      if (ok_) out.add(static_cast<Uid>(first), static_cast<Uid>(last));
      before = last;
    }
    return out;
  }

 private:
  std::uint64_t fail() {
    ok_ = false;
    return 0;
  }
  std::string_view left_;
  bool ok_ = true;
};

}  // namespace

void Anchor::learn(Uid uid) {
  if (exact && known.contains(uid)) return;
  if (exact) known.add(uid);
  ++count;
}

void Anchor::forget(const UidSet& gone) {
  const UidSet here = gone.within(known);
  known.subtract(here);
  count -= here.count();
}

std::string encode(Anchor a, std::size_t max_known) {
  std::string known;
  if (a.exact) put(known, a.known);
  if (known.size() > max_known) a.exact = false;
  std::string out = {'I', version};
  put(out, a.uidvalidity);
  put(out, a.uidnext);
  put(out, a.modseq);
  put(out, (a.listing ? 1U : 0U) | (a.exact ? 2U : 0U));
  put(out, a.sweep_below);
  put(out, a.sweep_modseq);
  put(out, a.todo);
  if (a.exact) {
    out += known;
  } else {
    put(out, a.count);
  }
  put(out, a.digests.shift);
  put(out, a.digests.buckets.size());
  std::uint64_t before = 0;
  for (const auto& [bucket, sum] : a.digests.buckets) {
    put(out, bucket - before);
    put(out, sum);
    before = bucket;
  }
  return out;
}

std::optional<Anchor> decode_anchor(std::string_view octets) {
  if (octets.size() < 2 || octets[0] != 'I' || octets[1] != version) return std::nullopt;
  Reader in(octets.substr(2));
  Anchor a;
  a.uidvalidity = static_cast<std::uint32_t>(in.number(max_uid));
  a.uidnext = in.number(max_uid + 1);
  a.modseq = in.number();
  const std::uint64_t bits = in.number(3);
  a.listing = (bits & 1) != 0;
  a.exact = (bits & 2) != 0;
  a.sweep_below = in.number(max_uid + 1);
  a.sweep_modseq = in.number();
  a.todo = in.set();
  if (a.exact) {
    a.known = in.set();
    a.count = a.known.count();
  } else {
    a.count = in.number(max_uid);
  }
  a.digests.shift = static_cast<std::uint32_t>(in.number(31));
  const std::uint64_t buckets = in.number(octets.size());
  std::uint64_t bucket = 0;
  for (std::uint64_t i = 0; i < buckets && in.ok(); ++i) {
    const std::uint64_t step = in.number(max_uid);
    if (i > 0 && step == 0) return std::nullopt;
    bucket += step;
    if (bucket > max_uid) return std::nullopt;
    a.digests.buckets[static_cast<std::uint32_t>(bucket)] = static_cast<std::uint32_t>(in.number(max_uid));
  }
  if (!in.at_end() || a.uidnext == 0) return std::nullopt;
  return a;
}

}  // namespace tidegate::imap
