// SPDX-License-Identifier: Apache-2.0
// A whole compare of a DiskFixture with a ScriptedLog.
#pragma once
#include <map>
#include <utility>
#include <vector>

#include "device/compare.hpp"
#include "tests/device/disk_fixture.hpp"

namespace tidegate::device {

/// What a gateway answers, from the log.
struct Gateway {
  const ScriptedLog& log;
  std::map<std::pair<Gid, std::uint32_t>, std::vector<const ScriptedLog::Entry*>> buckets() const {
    std::map<std::pair<Gid, std::uint32_t>, std::vector<const ScriptedLog::Entry*>> out;
    for (const auto& [number, entry] : log.entries)
      if (entry.seq_gone == 0) out[{entry.folder, month_of(entry.received)}].push_back(&entry);
    return out;
  }
  e2e::CompareDigests digests() const {
    e2e::CompareDigests out{log.view, log.epoch, log.head, {}, true};
    for (const auto& [bucket, entries] : buckets()) {
      e2e::CompareDigests::Digest digest{bucket.first, bucket.second, static_cast<std::uint32_t>(entries.size()), {}};
      for (const auto* entry : entries) e2e::compare_digest_add(digest.digest, entry->gid, entry->seq());
      out.digests.push_back(digest);
    }
    return out;
  }
  std::vector<e2e::ToDevice> pages(const e2e::CompareWant& want) const {
    std::vector<e2e::ToDevice> out;
    const auto all = buckets();
    for (const auto& bucket : want.buckets) {
      e2e::ComparePage page{log.view, bucket.folder, bucket.month, {}, true};
      const auto found = all.find({bucket.folder, bucket.month});
      for (const auto* entry : found == all.end() ? std::vector<const ScriptedLog::Entry*>() : found->second) {
        e2e::ComparePage::Entry named{entry->gid, entry->seq(), {}};
        named.fingerprint[0] = static_cast<std::byte>(entry->number);
        if (entry->kind != Kind::mail) named.revision = e2e::compare_revision(entry->revision());  // of mails not told
        page.entries.push_back(named);
      }
      out.emplace_back(std::move(page));
    }
    for (const auto& gid : want.metas)
      for (const auto& [number, entry] : log.entries)
        if (entry.gid == gid)
          out.emplace_back(e2e::Meta{log.view, 0, entry.seq(), entry.gid, {entry.folder}, entry.flags, {}});
    for (const auto& gid : want.items)
      for (const auto& [number, entry] : log.entries)
        if (entry.gid == gid) out.emplace_back(log.item(entry));
    return out;
  }
};

struct Talk {
  std::size_t buckets = 0, items = 0;
  bool last = false;
};

inline Talk compare(DiskFixture& disk, const ScriptedLog& log, bool end = true) {
  const Gateway gateway{log};
  Talk talk;
  std::vector<e2e::ToDevice> next{log.hello_ack(true), log.tree(), gateway.digests()};
  while (!next.empty()) {
    auto done = disk.shelf->apply(std::move(next));
    EXPECT_TRUE(done) << done.error().text << done.error().cause;
    next.clear();
    if (!done) break;
    for (const auto& answer : done->answers)
      if (const auto* want = std::get_if<e2e::CompareWant>(&answer)) {
        talk.buckets += want->buckets.size();
        talk.items += want->items.size();
        talk.last |= want->last;
        for (auto& message : gateway.pages(*want)) next.push_back(std::move(message));
      }
  }
  if (end) {
    const auto done = disk.shelf->apply({e2e::CompareEnd{log.mark(log.head).position}});
    EXPECT_TRUE(done);
    EXPECT_EQ(done->answers.size(), 1U);
  }
  return talk;
}

}  // namespace tidegate::device
