// SPDX-License-Identifier: Apache-2.0
// Items of this device by their words (`tidegate-device search`). Looks at the files themselves, so that it finds what
// a program has just written or moved; works beside a running device and without one, and changes nothing.
#pragma once
#include <string>
#include <vector>

#include "core/sim/files.hpp"
#include "device/tree.hpp"

namespace tidegate::device {

struct SearchWish {
  std::vector<std::string> words;  ///< all of them must be there, as parts of words, whatever their case
  std::string kind;                ///< mail, event, task, contact, note; empty: any
  std::string folder;              ///< its path for people, "Work/Plans"; empty: all
  std::size_t most = 100;          ///< hits, newest first
};

struct SearchHit {
  Kind kind = Kind::mail;
  std::string folder, path, gid;  ///< gid: empty for what the device does not know yet
  std::string title, who;
  std::int64_t received = 0;
  bool part = false;  ///< a mail that is here only in part: its attachments were not looked at
};

struct SearchResult {
  std::vector<SearchHit> hits;
  bool more = false;  ///< there are more than wished for
};

/// Fault invalid, not_found: no such kind, folder.
Result<SearchResult> search(sim::Files&, Index&, const Places&, const SearchWish&);

std::string search_text(const SearchResult&);
/// [{"kind":…,"folder":…,"title":…,"who":…,"received_unix":n,"path":…,"gid":…,"part":bool}, …]
std::string search_json(const SearchResult&);

}  // namespace tidegate::device
