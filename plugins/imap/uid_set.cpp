// SPDX-License-Identifier: Apache-2.0
#include "plugins/imap/uid_set.hpp"

#include <algorithm>
#include <ranges>

namespace tidegate::imap {

UidSet UidSet::of(std::vector<Uid> uids) {
  std::ranges::sort(uids);
  UidSet set;
  for (const Uid uid : uids) set.add(uid);
  return set;
}

UidSet UidSet::of_runs(std::vector<Run> runs) {
  std::ranges::sort(runs, {}, &Run::first);
  UidSet out;
  for (const Run& run : runs) {
    // Ascending, so that each only meets the last one: linear, whoever made the list.
    if (run.first == 0 || run.first > run.last) continue;
    if (!out.runs_.empty() && (out.runs_.back().last == UINT32_MAX || run.first <= out.runs_.back().last + 1)) {
      out.runs_.back().last = std::max(out.runs_.back().last, run.last);
    } else {
      out.runs_.push_back(run);
    }
  }
  return out;
}

void UidSet::add(Uid first, Uid last) {
  if (first == 0 || first > last) return;
  // The ordinary case is growth at the end; 64-bit sums because 4294967295 is a legal UID.
  if (runs_.empty() || first > std::uint64_t{runs_.back().last} + 1) {
    runs_.push_back({first, last});
    return;
  }
  auto begin = std::ranges::partition_point(runs_, [&](const Run& r) { return std::uint64_t{r.last} + 1 < first; });
  auto end = begin;
  while (end != runs_.end() && end->first <= std::uint64_t{last} + 1) {
    first = std::min(first, end->first);
    last = std::max(last, end->last);
    ++end;
  }
  const auto at = runs_.erase(begin, end);
  runs_.insert(at, {first, last});
}

void UidSet::add(const UidSet& other) {
  for (const Run& r : other.runs_) add(r.first, r.last);
}

void UidSet::subtract(Uid first, Uid last) {
  if (first == 0 || first > last) return;
  UidSet cut;
  cut.runs_.push_back({first, last});
  subtract(cut);
}

void UidSet::subtract(const UidSet& other) {
  std::vector<Run> kept;
  kept.reserve(runs_.size());
  auto cut = other.runs_.begin();
  for (Run run : runs_) {
    while (cut != other.runs_.end() && cut->last < run.first) ++cut;
    auto here = cut;
    bool left = true;
    for (; left && here != other.runs_.end() && here->first <= run.last; ++here) {
      if (here->first > run.first) kept.push_back({run.first, here->first - 1});
      left = here->last < run.last;
      if (left) run.first = here->last + 1;
    }
    if (left) kept.push_back(run);
  }
  runs_ = std::move(kept);
}

bool UidSet::contains(Uid uid) const {
  const auto run = std::ranges::partition_point(runs_, [&](const Run& r) { return r.last < uid; });
  return run != runs_.end() && run->first <= uid;
}

std::uint64_t UidSet::count() const {
  std::uint64_t n = 0;
  for (const Run& r : runs_) n += std::uint64_t{r.last} - r.first + 1;
  return n;
}

UidSet UidSet::newest(std::uint64_t how_many) const {
  UidSet out;
  for (auto run = runs_.rbegin(); run != runs_.rend() && how_many > 0; ++run) {
    const std::uint64_t here = std::min<std::uint64_t>(how_many, std::uint64_t{run->last} - run->first + 1);
    out.runs_.push_back({static_cast<Uid>(run->last - (here - 1)), run->last});
    how_many -= here;
  }
  std::ranges::reverse(out.runs_);
  return out;
}

UidSet UidSet::within(const UidSet& other) const {
  UidSet out;
  auto theirs = other.runs_.begin();
  for (const Run& run : runs_) {
    while (theirs != other.runs_.end() && theirs->last < run.first) ++theirs;
    for (auto here = theirs; here != other.runs_.end() && here->first <= run.last; ++here) {
      out.add(std::max(run.first, here->first), std::min(run.last, here->last));
    }
  }
  return out;
}

std::vector<Uid> UidSet::newest_first() const {
  std::vector<Uid> out;
  out.reserve(count());
  for (const Run& run : std::views::reverse(runs_)) {
    for (Uid uid = run.last;; --uid) {
      out.push_back(uid);
      if (uid == run.first) break;
    }
  }
  return out;
}

std::vector<std::string> UidSet::texts(std::size_t max_text, std::uint64_t max_uids) const {
  std::vector<std::string> out;
  std::string text;
  std::uint64_t uids = 0;
  const auto close = [&] {
    if (!text.empty()) out.push_back(std::move(text));
    text.clear();
    uids = 0;
  };
  for (Run run : std::views::reverse(runs_)) {
    for (bool left = true; left;) {
      const std::uint64_t size = std::uint64_t{run.last} - run.first + 1;
      const std::uint64_t take = std::min(size, max_uids - uids);
      const Uid first = static_cast<Uid>(run.last - (take - 1));
      std::string item = std::to_string(first);
      if (first != run.last) item += ':' + std::to_string(run.last);
      if (!text.empty() && text.size() + 1 + item.size() > max_text) {
        close();
        continue;
      }
      if (!text.empty()) text += ',';
      text += item;
      uids += take;
      if (uids == max_uids) close();
      left = take < size;
      if (left) run.last = first - 1;
    }
  }
  close();
  return out;
}

}  // namespace tidegate::imap
