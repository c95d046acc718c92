// SPDX-License-Identifier: Apache-2.0
// How the whole of a message takes the place of its stub: ranges are appended to a file in the Maildir's tmp/ and are
// durable before the next one is asked for; the complete file gets the message's name, and only the transaction that
// says so lets the stub go (design: state, rule 2). Cut short anywhere, the next life goes on from there.
#include <chrono>

#include "device/fetches.hpp"
#include "device/group.hpp"
#include "device/mail_header.hpp"
#include "device/names.hpp"
#include "device/scan.hpp"
#include "device/shelf.hpp"
#include "device/trouble.hpp"

namespace tidegate::device {
namespace {

constexpr std::string_view part_prefix = "tidegate-fetch-";
constexpr std::uint64_t copy_part = std::uint64_t{256} << 10;

bool passing(FaultKind kind) {
  return kind == FaultKind::unavailable || kind == FaultKind::throttled || kind == FaultKind::cancelled ||
         kind == FaultKind::auth;
}

}  // namespace

std::string Shelf::parts_of(std::uint64_t view, const Gid& gid) const {
  return places_.maildir + "/tmp/" + std::string(part_prefix) + std::to_string(view) + "-" + gid_text(gid);
}

Result<NextFetch> Shelf::next_fetch() {
  NextFetch out;
  if (!sound_) return out;
  try {
    for (auto& row : Fetches(index_->database()).waiting()) {
      auto item = index_->item(row.view, row.gid);
      if (!item || !item->stub) {
        forget_fetch(row);
      } else if (!row.sha256.empty()) {
        out.waiting += put_whole(row, std::move(*item)) ? 0 : 1;
      } else if (++out.waiting; !out.fetch) {
        resume(row);
        out.fetch = e2e::Fetch{.view = row.view,
                               .gid = row.gid,
                               .content_rev = item->content_rev,
                               .from = row.have,
                               .length = e2e::max_content_part};
      }
    }
  } catch (const Trouble& trouble) {
    sound_ = false;
    return std::unexpected(trouble.fault);
  }
  return out;
}

/// The file of parts has what the row says: what an earlier life wrote and did not record is cut off.
void Shelf::resume(FetchRow& row) {
  const auto path = parts_of(row.view, row.gid);
  const auto info = need(files_.info(path));
  if (info && info->size == row.have) return;
  if (!info || info->size < row.have) row.have = 0;  // tmp/ was tidied up by somebody
  if (info && row.have != 0) {
    const auto shorter = path + ".new";
    if (need(files_.info(shorter))) need(files_.remove(shorter));
    need(files_.create(shorter, {}));
    for (std::uint64_t at = 0; at < row.have; at += copy_part)
      need(files_.append(shorter, need(files_.read_part(path, at, std::min(copy_part, row.have - at)))));
    need(files_.sync(shorter));
    need(files_.rename(shorter, path));
  } else {
    need(files_.make_directories(directory_of(path)));
    if (info) need(files_.remove(path));
    need(files_.create(path, {}));
  }
  need(files_.sync_directory(directory_of(path)));
  Fetches(index_->database()).put(row);
}

void Shelf::take(const e2e::Range& range) {
  Fetches fetches(index_->database());
  auto row = fetches.find(range.view, range.gid);
  applied_.fetched = true;
  if (!row || !row->text.empty() || !row->sha256.empty()) return;
  if (range.fault != 0) {
    const auto kind = static_cast<FaultKind>(range.fault - 1);
    applied_.fetch_later |= passing(kind);
    if (passing(kind)) return;
    row->text = range.text.empty() ? "The gateway cannot give it." : range.text;
    row->have = row->total = 0;
    fetches.put(*row);
    applied_.notes.push_back("Not fetched: " + row->text);
    return;
  }
  const auto content = need(e2e::unpack(range.octets));
  const auto path = parts_of(range.view, range.gid);
  const auto info = need(files_.info(path));
  if (range.offset != row->have || !info || info->size != row->have) return;  // next_fetch() begins anew
  // The total may change until the end is seen: servers estimate sizes.
  const bool possible = range.total >= row->have && content.size() <= range.total - row->have;
  if (!possible || (content.empty() && row->have < range.total)) {
    applied_.fetch_later = true;  // the store does not know what it has; perhaps it does in a while
    row->have = row->total = 0;
    fetches.put(*row);
    return;
  }
  if (!content.empty()) need(files_.append(path, content));
  need(files_.sync(path));
  row->have += content.size();
  row->total = range.total;
  if (row->have == row->total) row->sha256 = hash_file(files_, path);
  fetches.put(*row);
}

/// False: not now, and it is to be fetched anew.
bool Shelf::put_whole(FetchRow fetch, ItemRow row) {
  const auto parts = parts_of(fetch.view, fetch.gid);
  const auto recorded = row.folder;
  const auto stub = locate(row);
  if (!stub || edited(row, *stub)) return true;  // the next look at the Maildir decides what that means
  const auto info = need(files_.info(parts));
  if (!info || info->size != fetch.total) {
    fetch.have = fetch.total = 0;
    fetch.sha256.clear();
    Fetches(index_->database()).put(fetch);
    return false;
  }
  row.size = fetch.total;
  row.sha256 = fetch.sha256;
  row.stub = false;
  row.name = renamed_for(row.name, mail_base(row.gid, row.size), flags_of_name(row.name));
  const auto target = path_of(row);
  const auto head = need(files_.read_part(parts, 0, header_limit));
  need(files_.rename(parts, target));
  need(files_.sync_directory(directory_of(target)));
  need(files_.sync_directory(directory_of(parts)));
  describe(row);
  const auto* folder = tree_->find(row.view, row.folder);
  Arrival arrival{.view = row.view, .gid = row.gid, .folder = tree_->shown(*folder), .size = row.size};
  arrival.sha256 = row.sha256, arrival.path = target, arrival.live = false;
  const auto now = world_.reactor().wall().time_since_epoch();
  arrival.at_unix_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  const auto header = read_mail_header(head);
  arrival.subject = header.subject, arrival.from = header.from;
  row.folder = recorded;  // moved by somebody: the next look finds that out
  replaced(row, *stub);
  if (arrived_) arrived_(std::move(arrival));
  return true;
}

/// The row speaks of the whole from now on; the stub goes after that is durable.
void Shelf::replaced(const ItemRow& row, const std::string& stub) {
  Transaction change(index_->database());
  index_->put(row);
  index_->leave(stub);
  Fetches(index_->database()).erase(row.view, row.gid);
  change.commit();
  finish_leaving();
}

void Shelf::forget_fetch(const FetchRow& row) {
  Fetches(index_->database()).erase(row.view, row.gid);
  const auto parts = parts_of(row.view, row.gid);
  if (need(files_.info(parts))) need(files_.remove(parts));
}

/// A life that ended between the whole's name and its transaction: `path` is the whole of what the row has as a stub.
bool Shelf::settle_fetched(ItemRow row, const std::string& path) {
  const auto fetch = Fetches(index_->database()).find(row.view, row.gid);
  if (!row.stub || !fetch || fetch->sha256.empty() || hash_file(files_, path) != fetch->sha256) return false;
  const auto stub = locate(row);
  row.size = fetch->total;
  row.sha256 = fetch->sha256;
  row.stub = false;
  const auto* folder = tree_->find(row.view, row.folder);
  if (folder == nullptr || directory_of(directory_of(path)) != tree_->path(*folder)) return false;
  row.name = path.substr(tree_->path(*folder).size() + 1);
  describe(row);
  index_->put(row);
  if (stub && *stub != path) index_->leave(*stub);
  Fetches(index_->database()).erase(row.view, row.gid);
  return true;
}

/// Of messages that nobody waits for any more: an earlier life may have left them.
void Shelf::erase_parts() {
  const auto tmp = places_.maildir + "/tmp/";
  const auto listed = files_.list(places_.maildir + "/tmp");
  if (!listed) return;
  std::set<std::string> wanted;
  for (const auto& row : Fetches(index_->database()).list()) wanted.insert(parts_of(row.view, row.gid));
  for (const auto& file : *listed)
    if (file.name.starts_with(part_prefix) && !wanted.contains(tmp + file.name)) need(files_.remove(tmp + file.name));
}

}  // namespace tidegate::device
