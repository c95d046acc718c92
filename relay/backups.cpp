// SPDX-License-Identifier: Apache-2.0
#include "relay/backups.hpp"

#include <utility>

#include <fmt/format.h>

#include "relay/crypto.hpp"

namespace tidegate::relay {
namespace {

using wire::Code;

wire::Answer answer(Code code, std::string text, std::uint64_t number = 0) {
  return {.code = code, .text = std::move(text), .number = number};
}
wire::Answer there(std::uint64_t octets) { return answer(Code::ok, {}, octets); }
wire::Answer failed(const Fault& why) {
  if (why.kind != FaultKind::quota) return answer(code_of(why), why.text);
  auto full = answer(Code::unavailable, "the relay's disk is full; its operator has to make room");
  full.retry_after_ms = 60'000;
  return full;
}

}  // namespace

std::string Backups::part_path(View guid) const { return directory_ + "/" + hex(guid) + ".part"; }
std::string Backups::path(View guid, std::uint64_t version) const {
  return fmt::format("{}/{}-{}", directory_, hex(guid), version);
}

wire::Answer Backups::begin(Accounts& accounts, View guid, const wire::BackupBegin& said) {
  if (said.version == 0 || said.version > INT64_MAX || said.size == 0 || said.sha256.size() != 32 ||
      said.restore_key.size() != 32)
    return answer(Code::invalid, "a backup has a version, a size, a SHA-256 and a restore key");
  if (quota_ == 0) return answer(Code::too_large, "this relay keeps no backups; its operator can change backup_quota");
  if (said.size > quota_)
    return answer(Code::too_large, fmt::format("the backup has {} MiB, the relay takes {}; its operator can raise "
                                               "backup_quota",
                                               (said.size >> 20) + 1, quota_ >> 20));
  const auto whole = accounts.backup(guid);
  if (!whole) return failed(whole.error());
  if (*whole && (*whole)->version == said.version && (*whole)->sha256 == said.sha256) return there(said.size);
  if (*whole && (*whole)->version >= said.version)
    return answer(Code::conflict, "the relay has a backup that is no older", (*whole)->version);
  auto& coming = coming_[Bytes(guid)];
  if (coming.digest && coming.said.version == said.version && coming.said.sha256 == said.sha256 &&
      coming.said.size == said.size)
    return there(coming.have);
  coming = {said, 0, std::unique_ptr<EVP_MD_CTX, Free>(EVP_MD_CTX_new())};
  auto room = make_room(guid);
  if (room && (!coming.digest || EVP_DigestInit_ex(coming.digest.get(), EVP_sha256(), nullptr) != 1))
    room = fault(FaultKind::unavailable, "backup", "the relay is out of memory; try again shortly");
  if (room) return there(0);
  coming_.erase(Bytes(guid));
  return failed(room.error());
}

Result<void> Backups::make_room(View guid) {
  if (auto made = files_.make_directories(directory_); !made) return made;
  if (auto gone = files_.remove(part_path(guid)); !gone && gone.error().kind != FaultKind::not_found) return gone;
  return files_.create(part_path(guid), {}, 0600);
}

wire::Answer Backups::append(Accounts& accounts, View guid, const wire::BackupPart& part, std::int64_t now) {
  const auto found = coming_.find(Bytes(guid));
  if (found == coming_.end() || found->second.said.version != part.version) {
    // The last part again, whose answer was lost?
    const auto whole = accounts.backup(guid);
    if (whole && *whole && (*whole)->version == part.version) return there((*whole)->size);
    return answer(Code::not_found, "this backup is not under way here; begin it again");
  }
  auto& coming = found->second;
  if (part.from != coming.have || part.octets.empty()) return there(coming.have);
  Result<void> done;
  if (part.octets.size() > coming.said.size - coming.have)
    done = fault(FaultKind::invalid, "backup", "the backup is longer than was said");
  else
    done = files_.append(part_path(guid), part.octets);
  if (done) {
    coming.have += part.octets.size();
    EVP_DigestUpdate(coming.digest.get(), part.octets.data(), part.octets.size());
    if (coming.have < coming.said.size) return there(coming.have);
    done = keep(accounts, guid, coming, now);
  }
  const auto size = coming.said.size;
  if (!done) (void)files_.remove(part_path(guid));
  coming_.erase(found);
  return done ? there(size) : failed(done.error());
}

/// The file is durable under its name before the database says that it counts; the one before goes after that.
Result<void> Backups::keep(Accounts& accounts, View guid, Coming& coming, std::int64_t now) {
  Bytes digest(32, '\0');
  EVP_DigestFinal_ex(coming.digest.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  const auto& said = coming.said;
  if (digest != said.sha256)
    return fault(FaultKind::invalid, "backup", "the backup did not arrive as it was sent; send it again");
  auto done = files_.sync(part_path(guid));
  if (done) done = files_.rename(part_path(guid), path(guid, said.version));
  if (done) done = files_.sync_directory(directory_);
  if (done) done = accounts.backup_put({Bytes(guid), {}, said.version, said.size, said.sha256, said.restore_key, now});
  if (done) drop_others(guid, said.version);
  return done;
}

void Backups::drop_others(View guid, std::uint64_t version) {
  const auto all = files_.list(directory_);
  if (!all) return;  // the next one sweeps
  for (const auto& file : *all) {
    const auto other = directory_ + "/" + file.name;
    if (file.name.starts_with(hex(guid) + "-") && other != path(guid, version)) (void)files_.remove(other);
  }
}

Result<wire::Retrieved> Backups::read(Accounts& accounts, View restore_key, std::uint64_t from) const {
  const auto whole = accounts.backup_for(restore_key);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole)
    return fault(FaultKind::not_found, "backup",
                 "the relay has no backup for this recovery key; check the key, and that relay = names the relay that "
                 "the lost gateway used");
  const auto& record = **whole;
  wire::Retrieved out{.version = record.version,
                      .size = record.size,
                      .sha256 = record.sha256,
                      .at = static_cast<std::uint64_t>(record.at),
                      .octets = {}};
  if (from >= record.size) return out;
  auto piece = files_.read_part(path(record.guid, record.version), from, wire::retrieved_piece);
  if (!piece || piece->empty())
    return fault(FaultKind::unavailable, "backup",
                 "the relay cannot read its copy of the backup; its operator has to look at its disk");
  out.octets = std::move(*piece);
  return out;
}

}  // namespace tidegate::relay
