// SPDX-License-Identifier: Apache-2.0
#include "device/search.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "device/charsets.hpp"
#include "device/display.hpp"
#include "device/folder_files.hpp"
#include "device/item_text.hpp"
#include "device/names.hpp"
#include "device/policy.hpp"
#include "device/trouble.hpp"
#include "device/vdir_object.hpp"

namespace tidegate::device {
namespace {

constexpr std::uint64_t read_limit = std::uint64_t{8} << 20;  // of a file; what follows is an attachment's
constexpr std::array<std::pair<const char*, Kind>, 5> kinds{{{"mail", Kind::mail},
                                                             {"event", Kind::event},
                                                             {"task", Kind::task},
                                                             {"contact", Kind::contact},
                                                             {"note", Kind::note}}};

const char* name_of(Kind kind) {
  const auto found = std::ranges::find(kinds, kind, &std::pair<const char*, Kind>::second);
  return found == kinds.end() ? "item" : found->first;
}

struct Candidate {
  std::string folder;
  Kind kind;  ///< of the folder
  std::string path;
  std::optional<Gid> gid{};
  std::int64_t received = 0;
  bool part = false;
};

class Search {
 public:
  Search(sim::Files& files, Index& index, const Places& places, const SearchWish& wish)
      : files_(files), index_(index), places_(places), wish_(wish) {
    for (const auto& word : wish.words) words_.push_back(folded(word));
  }
  Result<SearchResult> run() {
    if (!wish_.kind.empty()) {
      const auto found = std::ranges::find_if(kinds, [&](const auto& each) { return wish_.kind == each.first; });
      if (found == kinds.end())
        return fault(FaultKind::invalid, "search", "The kinds are mail, event, task, contact and note.");
      kind_ = found->second;
    }
    const auto folders = named_folders(index_);
    std::optional<FolderRow> only;
    if (!wish_.folder.empty()) {
      auto found = find_folder(folders, wish_.folder);
      if (!found) return std::unexpected(found.error());
      only = std::move(*found);
    }
    for (const auto& folder : folders)
      if (!only || (only->view == folder.row.view && only->info.gid == folder.row.info.gid)) list(folder);
    std::ranges::sort(candidates_, [](const Candidate& a, const Candidate& b) {
      return a.received != b.received ? a.received > b.received : a.path < b.path;
    });
    SearchResult out;
    for (const auto& candidate : candidates_) {
      auto hit = look(candidate);
      if (!hit) continue;
      out.more = out.hits.size() == wish_.most;
      if (out.more) break;
      out.hits.push_back(std::move(*hit));
    }
    return out;
  }

 private:
  void list(const NamedFolder& named) {
    const auto& folder = named.row;
    const bool mail = folder.info.kind == Kind::mail;
    if (kind_ && (mail != (*kind_ == Kind::mail) || vdir_collection(*kind_) != vdir_collection(folder.info.kind)))
      return;
    std::map<std::string, Gid> by_name;  // of a vdir: its names say nothing
    if (!mail) index_.each_in(folder.view, folder.info.gid, [&](const PlaceRow& row) { by_name[row.name] = row.gid; });
    each_file(files_, places_, folder, [&](std::string path, const sim::FileInfo& file) {
      Candidate found{named.path, folder.info.kind, std::move(path)};
      found.received = file.mtime_ns / 1'000'000'000;
      if (const auto name = mail ? parse_mail_name(file.name) : std::nullopt) found.gid = name->gid;
      if (const auto name = by_name.find(file.name); name != by_name.end()) found.gid = name->second;
      if (const auto row = found.gid ? index_.item(folder.view, *found.gid) : std::nullopt) {
        found.received = row->received;
        found.part = row->stub;
      }
      candidates_.push_back(std::move(found));
    });
  }

  /// None: its words are not in it, or it was taken away meanwhile.
  std::optional<SearchHit> look(const Candidate& candidate) {
    const auto octets = files_.read_part(candidate.path, 0, read_limit);
    if (!octets) return std::nullopt;
    const auto of = candidate.kind;
    const auto kind = of == Kind::mail || of == Kind::file ? of : read_object(*octets, of).kind;
    if (kind_ && kind != *kind_) return std::nullopt;
    auto text = of == Kind::mail ? read_mail_text(*octets) : read_object_text(*octets, kind);
    const auto words = folded(text.words);
    if (!std::ranges::all_of(words_, [&](const std::string& word) { return words.contains(word); }))
      return std::nullopt;
    return SearchHit{kind,
                     candidate.folder,
                     candidate.path,
                     candidate.gid ? gid_text(*candidate.gid) : std::string(),
                     std::move(text.title),
                     std::move(text.who),
                     candidate.received,
                     candidate.part};
  }

  sim::Files& files_;
  Index& index_;
  const Places& places_;
  const SearchWish& wish_;
  std::optional<Kind> kind_;
  std::vector<std::string> words_;
  std::vector<Candidate> candidates_;
};

}  // namespace

Result<SearchResult> search(sim::Files& files, Index& index, const Places& places, const SearchWish& wish) {
  return Search(files, index, places, wish).run();
}

std::string search_text(const SearchResult& result) {
  std::string out;
  for (const auto& hit : result.hits)
    out += fmt::format(
        "{:%Y-%m-%d}  {}  {}  {}{}{}\n            {}\n", fmt::localtime(static_cast<std::time_t>(hit.received)),
        name_of(hit.kind), for_people(hit.folder), hit.title.empty() ? "(no title)" : hit.title,
        hit.who.empty() ? "" : "  " + hit.who, hit.part ? "  (here only in part)" : "", for_people(hit.path));
  if (result.more) out += "There are more: --most N shows N.\n";
  return out.empty() ? "nothing was found\n" : out;
}

std::string search_json(const SearchResult& result) {
  std::string out;
  for (const auto& hit : result.hits)
    out += fmt::format(
        R"({}{{"kind":{},"folder":{},"title":{},"who":{},"received_unix":{},"path":{},"gid":{},"part":{}}})",
        out.empty() ? "" : ",", json_text(name_of(hit.kind)), json_text(hit.folder), json_text(hit.title),
        json_text(hit.who), hit.received, json_text(hit.path), json_text(hit.gid), hit.part);
  return "[" + out + "]\n";
}

}  // namespace tidegate::device
