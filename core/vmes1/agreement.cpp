// SPDX-License-Identifier: Apache-2.0
// VMES 5.2 §11.1, Table 4, over OpenSSL's curve arithmetic: its ladder for a single secret scalar takes constant time.
#include "core/vmes1/agreement.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

namespace tidegate::vmes1 {
namespace {

template <auto release>
struct Release {
  void operator()(auto* what) const noexcept { release(what); }
};
using Number = std::unique_ptr<BIGNUM, Release<BN_clear_free>>;
using Numbers = std::unique_ptr<BN_CTX, Release<BN_CTX_free>>;
using Point = std::unique_ptr<EC_POINT, Release<EC_POINT_clear_free>>;

// FIPS 186-4 §B.4.1: 64 bits more than n has, so that the remainder is as good as even.
constexpr std::size_t secret_random = field_size + 8;

void must(bool succeeded, const char* what) {
  if (!succeeded) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

const EC_GROUP* curve() {
  static const std::unique_ptr<EC_GROUP, Release<EC_GROUP_free>> group(EC_GROUP_new_by_curve_name(NID_sect283k1));
  must(group != nullptr, "sect283k1");
  return group.get();
}

Number secret_number() {
  Number number(BN_secure_new());
  must(number != nullptr, "BN_secure_new");
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  return number;
}

Numbers numbers() {
  Numbers ctx(BN_CTX_secure_new());
  must(ctx != nullptr, "BN_CTX_secure_new");
  return ctx;
}

Point new_point() {
  Point point(EC_POINT_new(curve()));
  must(point != nullptr, "EC_POINT_new");
  return point;
}

const unsigned char* raw(View octets) { return reinterpret_cast<const unsigned char*>(octets.data()); }

std::unexpected<Fault> refused(const char* cause) {
  ERR_clear_error();
  return fault(FaultKind::invalid, "vmes-1", "The other end's public key is not usable; the session ends.", cause);
}

/// What OpenSSL would take besides (hybrid points, infinity) is refused before it sees anything.
bool known_form(View point) {
  if (point.size() == point_size) return point[0] == 4;
  return point.size() == compressed_size && (point[0] == 2 || point[0] == 3);
}

/// ANSI X9.63 §5.6.3; one hash is more than K needs.
Key derive(const BIGNUM* z_number) {
  std::array<unsigned char, field_size + counter.size()> input{};
  must(BN_bn2binpad(z_number, input.data(), field_size) == static_cast<int>(field_size), "BN_bn2binpad");
  std::ranges::copy(counter, input.begin() + field_size);
  std::array<unsigned char, 20> hash{};
  must(EVP_Q_digest(nullptr, "SHA1", nullptr, input.data(), input.size(), hash.data(), nullptr) == 1, "SHA1");
  Key key(std::as_bytes(std::span(hash)).first<Key::size>());
  OPENSSL_cleanse(input.data(), input.size());
  OPENSSL_cleanse(hash.data(), hash.size());
  return key;
}

}  // namespace

Key::Key(std::span<const std::byte, size> octets) { std::ranges::copy(octets, octets_.begin()); }
Key::Key(Key&& other) noexcept : octets_(other.octets_) { OPENSSL_cleanse(other.octets_.data(), other.octets_.size()); }
Key& Key::operator=(Key&& other) noexcept {
  if (this != &other) {
    octets_ = other.octets_;
    OPENSSL_cleanse(other.octets_.data(), other.octets_.size());
  }
  return *this;
}
Key::~Key() { OPENSSL_cleanse(octets_.data(), octets_.size()); }

struct Ephemeral::State {
  Number secret;
};

Ephemeral::Ephemeral(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ephemeral::Ephemeral(Ephemeral&&) noexcept = default;
Ephemeral& Ephemeral::operator=(Ephemeral&&) noexcept = default;
Ephemeral::~Ephemeral() = default;

Ephemeral Ephemeral::make(const Random& random) {
  std::array<std::byte, secret_random> octets{};
  random(octets);
  auto ctx = numbers();
  auto wide = secret_number(), limit = secret_number();
  auto state = std::make_unique<State>(State{secret_number()});
  must(BN_bin2bn(reinterpret_cast<const unsigned char*>(octets.data()), octets.size(), wide.get()) != nullptr &&
           BN_copy(limit.get(), EC_GROUP_get0_order(curve())) != nullptr && BN_sub_word(limit.get(), 1) == 1 &&
           BN_mod(state->secret.get(), wide.get(), limit.get(), ctx.get()) == 1 &&
           BN_add_word(state->secret.get(), 1) == 1,
       "a private key");
  OPENSSL_cleanse(octets.data(), octets.size());
  return Ephemeral(std::move(state));
}

Result<Ephemeral> Ephemeral::from(View secret) {
  auto state = std::make_unique<State>(State{secret_number()});
  if (secret.size() > secret_random) return refused("a private key that is too long");
  must(BN_bin2bn(raw(secret), static_cast<int>(secret.size()), state->secret.get()) != nullptr, "BN_bin2bn");
  if (BN_is_zero(state->secret.get()) || BN_cmp(state->secret.get(), EC_GROUP_get0_order(curve())) >= 0)
    return refused("a private key out of range");
  return Ephemeral(std::move(state));
}

Bytes Ephemeral::point() const {
  auto ctx = numbers();
  auto open = new_point();
  Bytes out(point_size, '\0');
  must(EC_POINT_mul(curve(), open.get(), state_->secret.get(), nullptr, nullptr, ctx.get()) == 1 &&
           EC_POINT_point2oct(curve(), open.get(), POINT_CONVERSION_UNCOMPRESSED,
                              reinterpret_cast<unsigned char*>(out.data()), out.size(), ctx.get()) == point_size,
       "a public key");
  return out;
}

Result<Key> Ephemeral::agree(View point) const {
  if (!known_form(point)) return refused("neither uncompressed nor compressed");
  auto ctx = numbers();
  auto theirs = new_point(), shared = new_point();
  if (EC_POINT_oct2point(curve(), theirs.get(), raw(point), point.size(), ctx.get()) != 1)
    return refused("not on the curve");
  auto factor = secret_number(), z = secret_number();
  must(BN_mul(factor.get(), state_->secret.get(), EC_GROUP_get0_cofactor(curve()), ctx.get()) == 1, "h·d");
  // Whatever the curve's arithmetic makes of a stranger's point, it ends the session and no more.
  if (EC_POINT_mul(curve(), shared.get(), nullptr, theirs.get(), factor.get(), ctx.get()) != 1) return refused("h·d·Q");
  if (EC_POINT_is_at_infinity(curve(), shared.get()) == 1) return refused("P = O");
  if (EC_POINT_get_affine_coordinates(curve(), shared.get(), z.get(), nullptr, ctx.get()) != 1)
    return refused("x of P");
  return derive(z.get());
}

}  // namespace tidegate::vmes1
