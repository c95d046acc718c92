// SPDX-License-Identifier: Apache-2.0
#include "core/e2e/backup.hpp"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "core/e2e/gcm.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::e2e {
namespace {

constexpr View magic = "tidegate-backup1";
constexpr std::uint32_t last_bit = std::uint32_t{1} << 31;
constexpr std::size_t guid_size = 16, salt_size = 32, length_size = 4;
static_assert(magic.size() + guid_size + 8 + salt_size == backup_head);

void put(Bytes& out, std::uint64_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}
std::uint64_t number(View octets) {
  std::uint64_t value = 0;
  for (const unsigned char c : octets) value = value << 8 | c;
  return value;
}

Secret key_of(View recovery_key, View salt, View use) {
  if (recovery_key.size() != recovery_key_size) throw std::invalid_argument("a recovery key has 32 octets");
  std::array<std::byte, 32> key{};
  hkdf(wire::octets_of(salt), wire::octets_of(recovery_key), wire::octets_of(use), key);
  Secret made{std::span<const std::byte, 32>(key)};
  OPENSSL_cleanse(key.data(), key.size());
  return made;
}
Secret chunk_key(View recovery_key, View salt) { return key_of(recovery_key, salt, "tidegate backup 1"); }

/// Who it is of, which version, which chunk, and whether one follows: none of it can be changed.
Bytes associated(const BackupHead& head, std::uint64_t chunk, bool last) {
  Bytes out = head.guid;
  put(out, head.version, 8);
  put(out, chunk, 8);
  out += last ? '\1' : '\0';
  return out;
}

std::unexpected<Fault> broken(const char* text) { return fault(FaultKind::invalid, "backup", text); }

}  // namespace

KeyPair restore_login(View recovery_key) {
  auto made = ed25519_from(key_of(recovery_key, {}, "tidegate restore login"));
  must(made.has_value(), "Ed25519");  // any 32 octets are a seed
  return std::move(*made);
}

// --- sealing

struct BackupSealer::State {
  BackupHead head;
  Gcm gcm;
  std::uint64_t chunk = 0;
  bool begun = false;
  Bytes waiting;
};

BackupSealer::BackupSealer(View recovery_key, View guid, std::uint64_t version, const Random& random) {
  if (guid.size() != guid_size) throw std::invalid_argument("a GUID has 16 octets");
  BackupHead head{Bytes(guid), version, Bytes(salt_size, '\0')};
  random(std::as_writable_bytes(std::span(head.salt)));
  auto key = chunk_key(recovery_key, head.salt);
  state_.reset(new State{.head = std::move(head), .gcm = Gcm(key, Gcm::Direction::seal), .waiting = {}});
}
BackupSealer::~BackupSealer() {
  if (state_) OPENSSL_cleanse(state_->waiting.data(), state_->waiting.size());
}

namespace {
void seal_chunk(Gcm& gcm, const BackupHead& head, std::uint64_t number, View plain, bool last, Bytes& out) {
  const auto size = plain.size() + Gcm::tag_size;
  put(out, (last ? last_bit : 0) | static_cast<std::uint32_t>(size), length_size);
  const auto data = associated(head, number, last);
  wire::append_filled(out, size,
                      [&](char* at) { gcm.seal(number, wire::octets_of(data), wire::octets_of(plain), at); });
}
}  // namespace

void BackupSealer::add(View plain, Bytes& sealed) {
  auto& s = *state_;
  if (!std::exchange(s.begun, true)) {
    sealed += magic;
    sealed += s.head.guid;
    put(sealed, s.head.version, 8);
    sealed += s.head.salt;
  }
  while (!plain.empty()) {
    const auto taken = std::min(plain.size(), backup_chunk - s.waiting.size());
    s.waiting += plain.substr(0, taken);
    plain.remove_prefix(taken);
    // A full chunk waits for what follows it: it may be the last.
    if (s.waiting.size() < backup_chunk || plain.empty()) continue;
    seal_chunk(s.gcm, s.head, s.chunk++, s.waiting, false, sealed);
    s.waiting.clear();
  }
}

void BackupSealer::finish(Bytes& sealed) {
  add({}, sealed);  // the head, if nothing was added
  seal_chunk(state_->gcm, state_->head, state_->chunk++, state_->waiting, true, sealed);
}

// --- opening

struct BackupOpener::State {
  Secret recovery_key;
  std::optional<BackupHead> head;
  std::optional<Gcm> gcm;
  std::uint64_t chunk = 0;
  bool ended = false;
  Bytes in;
};

BackupOpener::BackupOpener(View recovery_key) : state_(std::make_unique<State>()) {
  if (recovery_key.size() != recovery_key_size) throw std::invalid_argument("a recovery key has 32 octets");
  state_->recovery_key = Secret(wire::octets_of(recovery_key).first<32>());
}
BackupOpener::~BackupOpener() = default;

const std::optional<BackupHead>& BackupOpener::head() const { return state_->head; }

Result<void> BackupOpener::feed(View sealed, Bytes& plain) {
  auto& s = *state_;
  s.in += sealed;
  View in = s.in;
  if (!s.head) {
    if (!magic.starts_with(in.substr(0, magic.size()))) return broken("This is not a sealed backup of a gateway.");
    if (in.size() < backup_head) return {};
    in.remove_prefix(magic.size());
    s.head = {Bytes(in.substr(0, guid_size)), number(in.substr(guid_size, 8)),
              Bytes(in.substr(guid_size + 8, salt_size))};
    in.remove_prefix(backup_head - magic.size());
    s.gcm.emplace(chunk_key(wire::view_of(s.recovery_key.octets()), s.head->salt), Gcm::Direction::open);
  }
  while (!in.empty()) {
    if (s.ended) return broken("Something was appended to the backup; fetch it again, or take another copy.");
    if (in.size() < length_size) break;
    const auto said = static_cast<std::uint32_t>(number(in.substr(0, length_size)));
    const bool last = (said & last_bit) != 0;
    const std::size_t size = said & ~last_bit;
    if (size < Gcm::tag_size || size > backup_chunk + Gcm::tag_size)
      return broken("The backup was altered or is damaged; fetch it again, or take another copy.");
    if (in.size() < length_size + size) break;
    const auto data = associated(*s.head, s.chunk, last);
    const auto before = plain.size();
    bool good = false;
    wire::append_filled(plain, size - Gcm::tag_size, [&](char* at) {
      good = s.gcm->open(s.chunk, wire::octets_of(data), wire::octets_of(in.substr(length_size, size)), at);
      if (!good) OPENSSL_cleanse(at, size - Gcm::tag_size);  // nothing unproven is left to be looked at
    });
    if (!good) {
      plain.resize(before);
      return broken(s.chunk == 0
                        ? "The backup does not open with this recovery key (or its beginning was altered); check the "
                          "key, and that it is this gateway's."
                        : "The backup was altered, cut or put together wrongly; fetch it again, or take another copy.");
    }
    ++s.chunk;
    s.ended = last;
    in.remove_prefix(length_size + size);
  }
  s.in.erase(0, s.in.size() - in.size());
  return {};
}

Result<void> BackupOpener::finish() const {
  if (state_->ended && state_->in.empty()) return {};
  return broken("The backup is not whole: its end is missing; fetch it again, or take another copy.");
}

}  // namespace tidegate::e2e
