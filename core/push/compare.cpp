// SPDX-License-Identifier: Apache-2.0
// Feed's other half: resync by compare (docs/wire.md §8; design: state). Nothing is downloaded again that is there.
#include <algorithm>

#include "core/push/feed.hpp"

namespace tidegate::push {
namespace {
constexpr std::size_t digests_a_message = 2000;
constexpr std::size_t entries_a_page = 4000;
constexpr std::size_t items_a_batch = 128;
}  // namespace

void Feed::start_compare(const store::Head& head) {
  comparing_ = true;
  compare_last_ = false;
  head_ = std::max(head_, head.head);
  position_ = {.view = view_.id, .epoch = head.epoch, .live = head.head, .jobs = {}};
  asking_ = true;
  wiring_.log.folders(view_.id, [weak = weak_from_this(), head](Result<std::vector<store::FolderRow>> rows) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!rows) return self->cannot_compare(rows.error());
    std::vector<Gid> folders;
    for (const auto& row : *rows)
      if (!row.gone) folders.push_back(row.gid);
    self->wiring_.log.buckets(self->view_.id, std::move(folders),
                              [weak, head](Result<std::vector<store::Bucket>> buckets) {
                                auto again = weak.lock();
                                if (!again || again->stopped_) return;
                                again->asking_ = false;
                                if (!buckets) return again->cannot_compare(buckets.error());
                                again->push_digests(head, *buckets);
                                again->sink_.progress();
                              });
  });
}

/// The session ends by silence and begins anew; nothing was dropped, since a compare counts only when it is complete.
void Feed::cannot_compare(const Fault& why) {
  asking_ = false;
  wiring_.note(4, "a compare for " + user_ + " cannot begin: " + why.text);
}

void Feed::push_digests(const store::Head& head, const std::vector<store::Bucket>& buckets) {
  std::size_t at = 0;
  do {
    e2e::CompareDigests message{.view = view_.id, .epoch = head.epoch, .head = head.head, .digests = {}};
    for (; at < buckets.size() && message.digests.size() < digests_a_message; ++at)
      message.digests.push_back({.folder = buckets[at].folder,
                                 .month = buckets[at].month,
                                 .count = buckets[at].count,
                                 .digest = buckets[at].digest});
    message.last = at >= buckets.size();
    sink_.push(std::move(message));
  } while (at < buckets.size());
}

void Feed::want(const e2e::CompareWant& want) {
  if (!comparing_) return;
  wanted_buckets_.insert(wanted_buckets_.end(), want.buckets.begin(), want.buckets.end());
  wanted_items_.insert(wanted_items_.end(), want.items.begin(), want.items.end());
  compare_last_ |= want.last;
  sink_.progress();
}

void Feed::compare_pages() {
  auto bucket = wanted_buckets_.front();
  wanted_buckets_.pop_front();
  asking_ = true;
  wiring_.log.bucket(
      view_.id, bucket.folder, bucket.month,
      [weak = weak_from_this(), bucket](Result<std::vector<store::ItemRow>> rows) {
        auto self = weak.lock();
        if (!self || self->stopped_) return;
        self->asking_ = false;
        if (!rows) {
          self->wanted_buckets_.push_front(bucket);
          self->wiring_.note(4, "a compare for " + self->user_ + " waits: " + rows.error().text);
          return;
        }
        std::size_t at = 0;
        do {
          e2e::ComparePage page{.view = self->view_.id, .folder = bucket.folder, .month = bucket.month, .entries = {}};
          for (; at < rows->size() && page.entries.size() < entries_a_page; ++at)
            page.entries.push_back(
                {.gid = (*rows)[at].gid, .seq = (*rows)[at].seq(), .fingerprint = (*rows)[at].fingerprint});
          page.last = at >= rows->size();
          self->sink_.push(std::move(page));
        } while (at < rows->size());
        self->sink_.progress();
      });
}

void Feed::compare_items() {
  std::vector<Gid> gids;
  while (!wanted_items_.empty() && gids.size() < items_a_batch) {
    gids.push_back(wanted_items_.front());
    wanted_items_.pop_front();
  }
  asking_ = true;
  wiring_.log.items(view_.id, std::move(gids), [weak = weak_from_this()](Result<std::vector<store::ItemRow>> rows) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    self->asking_ = false;
    if (rows) self->take_compared(std::move(*rows));
    self->sink_.progress();
  });
}

void Feed::take_compared(std::vector<store::ItemRow> rows) {
  for (auto& row : rows)
    if (row.seq_gone == 0) enqueue(std::move(row), 0, true);
}

void Feed::ended_compare() {
  comparing_ = compare_last_ = false;
  sink_.push(e2e::CompareEnd{.position = position_});
  mark_due_ = false;
  started_ = true;
  sink_.progress();
}

}  // namespace tidegate::push
