// SPDX-License-Identifier: Apache-2.0
// Feed's other half: resync by compare (docs/wire.md §8; design: state). Nothing is downloaded again that is there.
#include <algorithm>

#include "core/e2e/windows.hpp"
#include "core/push/feed.hpp"
#include "core/push/policy.hpp"

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
  position_ = {.view = view_.id, .epoch = head.epoch, .live = head.head, .jobs = {}, .base = head.head};
  list_buckets(head);
}

void Feed::compare_when_looked_through() {
  comparing_ = compare_waits_ = true;
  sink_.progress();
}

void Feed::end_wait() {
  if (asking_ || !wiring_.accounts.looked_through(user_)) return;
  asking_ = true;
  wiring_.log.head(view_.id, [weak = weak_from_this()](Result<store::Head> head) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!head) return self->ask_later("a compare", head.error());
    self->answered();
    self->compare_waits_ = false;
    self->start_compare(*head);
  });
}

void Feed::list_buckets(const store::Head& head) {
  asking_ = true;
  auto again = [weak = weak_from_this(), head] {
    if (auto self = weak.lock()) self->list_buckets(head);
  };
  wiring_.log.folders(view_.id, [weak = weak_from_this(), head, again](Result<std::vector<store::FolderRow>> rows) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!rows) return self->ask_later("a compare", rows.error(), again);
    self->policy_due_ = false;
    self->position_.windows = windows_of(self->settings_, *rows, self->wiring_.unix_now());
    std::vector<store::Since> folders;
    for (const auto& row : *rows) {
      const auto from = e2e::since(self->position_.windows, row.gid, row.kind);
      if (!row.gone && from != e2e::nowhere) folders.push_back({row.gid, from});
    }
    self->wiring_.log.buckets(self->view_.id, std::move(folders),
                              [weak, head, again](Result<std::vector<store::Bucket>> buckets) {
                                auto after = weak.lock();
                                if (!after || after->stopped_) return;
                                if (!buckets) return after->ask_later("a compare", buckets.error(), again);
                                after->answered();
                                after->push_digests(head, *buckets);
                                after->sink_.progress();
                              });
  });
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
  wanted_metas_.insert(wanted_metas_.end(), want.metas.begin(), want.metas.end());
  compare_last_ |= want.last;
  sink_.progress();
}

void Feed::compare_pages() {
  auto bucket = wanted_buckets_.front();
  wanted_buckets_.pop_front();
  asking_ = true;
  wiring_.log.bucket(view_.id, bucket.folder, bucket.month,
                     [weak = weak_from_this(), bucket](Result<std::vector<store::ItemRow>> rows) {
                       auto self = weak.lock();
                       if (!self || self->stopped_) return;
                       if (!rows) {
                         self->wanted_buckets_.push_front(bucket);
                         return self->ask_later("a compare", rows.error());
                       }
                       self->answered();
                       std::erase_if(*rows, [&](const store::ItemRow& row) {
                         return !e2e::covered(self->position_.windows, {bucket.folder}, row.kind, row.received);
                       });
                       std::size_t at = 0;
                       do {
                         e2e::ComparePage page{
                             .view = self->view_.id, .folder = bucket.folder, .month = bucket.month, .entries = {}};
                         for (; at < rows->size() && page.entries.size() < entries_a_page; ++at)
                           page.entries.push_back({.gid = (*rows)[at].gid,
                                                   .seq = (*rows)[at].seq(),
                                                   .fingerprint = (*rows)[at].fingerprint,
                                                   .revision = e2e::compare_revision((*rows)[at].content_rev)});
                         page.last = at >= rows->size();
                         self->sink_.push(std::move(page));
                       } while (at < rows->size());
                       self->sink_.progress();
                     });
}

void Feed::compare_items() {
  const auto what = wanted_items_.empty() ? What::meta : What::content;
  auto& wanted = what == What::meta ? wanted_metas_ : wanted_items_;
  std::vector<Gid> gids;
  while (!wanted.empty() && gids.size() < items_a_batch) {
    gids.push_back(wanted.front());
    wanted.pop_front();
  }
  asking_ = true;
  wiring_.log.items(view_.id, gids, [weak = weak_from_this(), gids, what](Result<std::vector<store::ItemRow>> rows) {
    auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (!rows) {
      // CompareEnd says that nothing is lacking: what was asked for must not be forgotten.
      auto& again = what == What::meta ? self->wanted_metas_ : self->wanted_items_;
      again.insert(again.begin(), gids.begin(), gids.end());
      return self->ask_later("a compare", rows.error());
    }
    self->answered();
    for (auto& row : *rows)
      if (row.seq_gone == 0) self->enqueue(std::move(row), 0, what);
    self->sink_.progress();
  });
}

void Feed::ended_compare() {
  comparing_ = compare_last_ = false;
  sink_.push(e2e::CompareEnd{.position = position_});
  mark_due_ = false;
  started_ = true;
  sink_.progress();
}

}  // namespace tidegate::push
