// SPDX-License-Identifier: Apache-2.0
#include "device/compare.hpp"

#include <chrono>
#include <cstring>

namespace tidegate::device {
namespace {
constexpr std::size_t want_limit = 4096;  // buckets or items in one CompareWant: well below a message's limit
}

std::uint32_t month_of(std::int64_t received_unix) {
  const auto day = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(received_unix)));
  const std::chrono::year_month_day date(day);
  return static_cast<std::uint32_t>((static_cast<int>(date.year()) - 1970) * 12 +
                                    static_cast<int>(static_cast<unsigned>(date.month())) - 1);
}

void Compare::digests(const e2e::CompareDigests& message) {
  for (const auto& digest : message.digests) theirs_[{digest.folder, digest.month}] = digest;
}

void Compare::ours(const Gid& gid, const std::vector<Gid>& folders, std::int64_t received, std::uint64_t seq) {
  for (const auto& folder : folders) {
    auto& sum = own_[{folder, month_of(received)}];
    ++sum.count;
    e2e::compare_digest_add(sum.digest, gid, seq);
    sum.gids.push_back(gid);
  }
}

std::vector<e2e::CompareWant> Compare::wants() {
  asked_ = true;
  std::vector<e2e::CompareWant> out(1);
  for (const auto& [bucket, theirs] : theirs_) {
    const auto own = own_.find(bucket);
    if (own != own_.end() && own->second.count == theirs.count && own->second.digest == theirs.digest) {
      named_.insert(own->second.gids.begin(), own->second.gids.end());
      continue;
    }
    waiting_.insert(bucket);
    if (out.back().buckets.size() == want_limit) out.emplace_back();
    out.back().buckets.push_back({bucket.first, bucket.second});
  }
  own_.clear();
  for (auto& want : out) {
    want.view = view_;
    want.last = false;
  }
  out.back().last = waiting_.empty();
  return out;
}

bool Compare::entry(const e2e::ComparePage::Entry& entry, const std::optional<Held>& held) {
  named_.insert(entry.gid);
  const bool alike = held && held->fingerprint.size() == entry.fingerprint.size() &&
                     std::memcmp(held->fingerprint.data(), entry.fingerprint.data(), entry.fingerprint.size()) == 0;
  if (alike && held->seq == entry.seq) return false;
  const bool content = alike && e2e::compare_revision(held->content_rev) == entry.revision;
  (content ? older_ : lacking_).push_back(entry.gid);
  return true;
}

std::vector<e2e::CompareWant> Compare::page_done(const e2e::ComparePage& page) {
  const bool was_waiting = !waiting_.empty();
  if (page.last) waiting_.erase({page.folder, page.month});
  if (waiting_.empty() && was_waiting) return ask_items(true);
  return lacking_.size() + older_.size() >= want_limit ? ask_items(false) : std::vector<e2e::CompareWant>();
}

std::vector<e2e::CompareWant> Compare::ask_items(bool last) {
  std::vector<e2e::CompareWant> out;
  const auto part = [](const std::vector<Gid>& of, std::size_t at) {
    const auto begin = of.begin() + static_cast<std::ptrdiff_t>(std::min(of.size(), at));
    return std::vector<Gid>(begin, begin + std::min<std::ptrdiff_t>(of.end() - begin, want_limit / 2));
  };
  for (std::size_t at = 0; at < std::max(lacking_.size(), older_.size()) || (last && out.empty()); at += want_limit / 2)
    out.push_back(
        {.view = view_, .buckets = {}, .items = part(lacking_, at), .metas = part(older_, at), .last = false});
  if (last && !out.empty()) out.back().last = true;
  lacking_.clear();
  older_.clear();
  return out;
}

}  // namespace tidegate::device
