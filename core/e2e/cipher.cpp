// SPDX-License-Identifier: Apache-2.0
// One direction's transport cipher: AESGCM as Noise rev 34 §12.3 uses it.
#include <limits>

#include <openssl/err.h>

#include "core/e2e/gcm.hpp"
#include "core/wire/fields.hpp"

namespace tidegate::e2e {

Gcm::Gcm(const Secret& key, Direction direction) : ctx_(EVP_CIPHER_CTX_new()), direction_(direction) {
  const auto init = direction == Direction::seal ? EVP_EncryptInit_ex2 : EVP_DecryptInit_ex2;
  must(ctx_ && init(ctx_.get(), aes_256_gcm(), raw(key.octets()), nullptr, nullptr) == 1, "AES-256-GCM");
}

bool Gcm::begin(std::uint64_t nonce, Octets ad) {
  std::array<unsigned char, 12> iv{};  // §12.3: 32 bits of zeros, then the nonce big-endian
  for (std::size_t i = 0; i < 8; ++i) iv[4 + i] = static_cast<unsigned char>(nonce >> (56 - 8 * i));
  const bool sealing = direction_ == Direction::seal;
  const auto init = sealing ? EVP_EncryptInit_ex2 : EVP_DecryptInit_ex2;
  int size = 0;
  if (init(ctx_.get(), nullptr, nullptr, iv.data(), nullptr) != 1) return false;
  return ad.empty() || EVP_CipherUpdate(ctx_.get(), nullptr, &size, raw(ad), static_cast<int>(ad.size())) == 1;
}

void Gcm::seal(std::uint64_t nonce, Octets ad, Octets plain, char* out) {
  auto* at = reinterpret_cast<unsigned char*>(out);
  int size = 0;
  must(begin(nonce, ad), "AES-256-GCM nonce");
  if (!plain.empty())
    must(EVP_EncryptUpdate(ctx_.get(), at, &size, raw(plain), static_cast<int>(plain.size())) == 1, "AES-256-GCM");
  at += plain.size();
  must(EVP_EncryptFinal_ex(ctx_.get(), at, &size) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx_.get(), EVP_CTRL_AEAD_GET_TAG, tag_size, at) == 1,
       "AES-256-GCM tag");
}

bool Gcm::open(std::uint64_t nonce, Octets ad, Octets sealed, char* out) {
  if (sealed.size() < tag_size) return false;
  const Octets body = sealed.first(sealed.size() - tag_size);
  // OpenSSL takes the expected tag as a plain pointer, and only reads it.
  auto* tag = const_cast<unsigned char*>(raw(sealed.last(tag_size)));
  auto* at = reinterpret_cast<unsigned char*>(out);
  int size = 0;
  const bool good =
      begin(nonce, ad) &&
      (body.empty() || EVP_DecryptUpdate(ctx_.get(), at, &size, raw(body), static_cast<int>(body.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(ctx_.get(), EVP_CTRL_AEAD_SET_TAG, tag_size, tag) == 1 &&
      EVP_DecryptFinal_ex(ctx_.get(), at + body.size(), &size) == 1;
  if (!good) ERR_clear_error();  // the thread's queue is shared with its TLS connections
  return good;
}

struct Cipher::State {
  Secret key;
  std::uint64_t nonce = 0;
  std::optional<Gcm> gcm;

  Gcm& ready(Gcm::Direction direction) {
    if (!gcm || gcm->direction() != direction) gcm.emplace(key, direction);
    return *gcm;
  }
  /// Counts on, and renews the key behind nonce k·2^20 − 1 (docs/wire.md §7; Noise §4.2, §11.3).
  void advance() {
    if (++nonce % rekey_every != 0) return;
    std::array<char, 32 + Gcm::tag_size> renewed{};
    const std::array<std::byte, 32> zeros{};
    Gcm(key, Gcm::Direction::seal).seal(std::numeric_limits<std::uint64_t>::max(), {}, zeros, renewed.data());
    key = Secret(std::as_bytes(std::span(renewed)).first<32>());
    OPENSSL_cleanse(renewed.data(), renewed.size());
    gcm.reset();
  }
};

Cipher::Cipher(Secret key) : state_(std::make_unique<State>()) { state_->key = std::move(key); }
Cipher::~Cipher() = default;
Cipher::Cipher(Cipher&&) noexcept = default;
Cipher& Cipher::operator=(Cipher&&) noexcept = default;

std::uint64_t Cipher::nonce() const noexcept { return state_->nonce; }
void Cipher::park() noexcept { state_->gcm.reset(); }

void Cipher::seal_to(Bytes& out, Octets plain) {
  Gcm& gcm = state_->ready(Gcm::Direction::seal);
  wire::append_filled(out, plain.size() + Gcm::tag_size, [&](char* at) { gcm.seal(state_->nonce, {}, plain, at); });
  state_->advance();
}

void Cipher::seal_over(Bytes& message) {
  const std::size_t plain = message.size();
  message.resize(plain + Gcm::tag_size);
  const Octets in(reinterpret_cast<const std::byte*>(message.data()), plain);
  state_->ready(Gcm::Direction::seal).seal(state_->nonce, {}, in, message.data());
  state_->advance();
}

Result<void> Cipher::open_to(Bytes& out, Octets sealed) {
  Gcm& gcm = state_->ready(Gcm::Direction::open);
  const std::size_t before = out.size();
  const std::size_t plain = sealed.size() < Gcm::tag_size ? 0 : sealed.size() - Gcm::tag_size;
  bool good = false;
  wire::append_filled(out, plain, [&](char* at) {
    good = gcm.open(state_->nonce, {}, sealed, at);
    if (!good) OPENSSL_cleanse(at, plain);  // nothing unauthenticated is left to be looked at
  });
  if (!good) {
    out.resize(before);
    return fault(FaultKind::invalid, "noise", "A sealed message did not open; the session ends and begins anew.",
                 "tag mismatch");
  }
  state_->advance();
  return {};
}

}  // namespace tidegate::e2e
