// SPDX-License-Identifier: Apache-2.0
#include "core/vmes1/seal.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <zlib.h>

namespace tidegate::vmes1 {
namespace {

constexpr int level = 6;
// A window as large as T may be: a frame that is compressed takes 128 KiB for that moment instead of 256.
constexpr int deflate_window = 14, deflate_memory = 7;

void must(bool succeeded, const char* what) {
  if (!succeeded) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

std::unexpected<Fault> broken(const char* cause) {
  return fault(FaultKind::invalid, "vmes-1",
               "A sealed message was not what it must be; the session ends and begins anew.", cause);
}

unsigned char* raw(Bytes& octets) { return reinterpret_cast<unsigned char*>(octets.data()); }
const unsigned char* raw(View octets) { return reinterpret_cast<const unsigned char*>(octets.data()); }
const unsigned char* raw(std::span<const std::byte> octets) {
  return reinterpret_cast<const unsigned char*>(octets.data());
}

void feed(z_stream& stream, View in, Bytes& out) {
  stream.next_in = const_cast<Bytef*>(raw(in));  // zlib's old signature; it only reads
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = raw(out);
  stream.avail_out = static_cast<uInt>(out.size());
}

Bytes compress(View text) {
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, -deflate_window, deflate_memory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  Bytes out(deflateBound(&stream, text.size()), '\0');
  feed(stream, text, out);
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  must(whole, "deflate");
  return out;
}

Result<Bytes> inflated(View compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  Bytes out(most_text, '\0');
  feed(stream, compressed, out);
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0;
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  if (!whole) return broken("not one deflate stream within its bound");
  return out;
}

std::array<std::byte, mac_size> mac_of(const Key& key, View compressed) {
  std::array<unsigned char, 20> whole{};
  std::size_t size = 0;
  must(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA1", nullptr, key.octets().data(), Key::size, raw(compressed),
                 compressed.size(), whole.data(), whole.size(), &size) != nullptr &&
           size == whole.size(),
       "HMAC-SHA1");
  std::array<std::byte, mac_size> mac{};
  std::ranges::copy(std::as_bytes(std::span(whole)).first<mac_size>(), mac.begin());
  return mac;
}

/// "AES-128-CFB" is the full-block mode, CFB128.
const EVP_CIPHER* cfb128() {
  static const std::unique_ptr<EVP_CIPHER, void (*)(EVP_CIPHER*)> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-128-CFB", nullptr), EVP_CIPHER_free);
  must(cipher != nullptr, "AES-128-CFB");
  return cipher.get();
}

Bytes crypt(const Key& key, const unsigned char* iv, View in, bool encrypt) {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> ctx(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  Bytes out(in.size(), '\0');
  int size = 0;
  must(ctx && EVP_CipherInit_ex2(ctx.get(), cfb128(), raw(key.octets()), iv, encrypt ? 1 : 0, nullptr) == 1 &&
           EVP_CipherUpdate(ctx.get(), raw(out), &size, raw(in), static_cast<int>(in.size())) == 1 &&
           static_cast<std::size_t>(size) == in.size(),
       "AES-128-CFB");
  return out;
}

}  // namespace

Bytes seal_compressed(const Key& key, const Iv& iv, View compressed) {
  const auto mac = mac_of(key, compressed);
  Bytes sealed(reinterpret_cast<const char*>(iv.data()), iv.size());
  sealed.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  sealed += crypt(key, raw(iv), compressed, true);
  return sealed;
}

Bytes seal(const Key& key, const Iv& iv, View text) { return seal_compressed(key, iv, compress(text)); }

Result<Bytes> open(const Key& key, View sealed) {
  if (sealed.size() > most_sealed) return broken("over 16 KiB");
  if (sealed.size() <= iv_size + mac_size) return broken("nothing behind the MAC");
  const auto compressed = crypt(key, raw(sealed), sealed.substr(iv_size + mac_size), false);
  const auto mac = mac_of(key, compressed);
  if (CRYPTO_memcmp(mac.data(), sealed.data() + iv_size, mac_size) != 0) return broken("another MAC");
  return inflated(compressed);
}

Bytes Writer::seal(View octets) {
  if (octets.size() > most_octets) throw std::length_error("more than a vmes-1 frame holds");
  Bytes text(1, static_cast<char>(direction_));
  for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(next_ >> shift);
  ++next_;
  text += octets;
  Iv iv{};
  random_(iv);
  return vmes1::seal(key_, iv, text);
}

Result<Bytes> Reader::open(View sealed) {
  if (std::exchange(failed_, true)) return broken("after a fault");  // until all of it proved good
  auto text = vmes1::open(key_, sealed);
  if (!text) return text;
  if (text->size() < head_size) return broken("no number");
  if (static_cast<std::uint8_t>(text->front()) != static_cast<std::uint8_t>(direction_)) return broken("turned round");
  std::uint64_t number = 0;
  for (std::size_t at = 1; at < head_size; ++at) number = number << 8 | static_cast<std::uint8_t>((*text)[at]);
  if (number != next_) return broken("repeated, or one is missing");
  ++next_;
  failed_ = false;
  text->erase(0, head_size);
  return text;
}

}  // namespace tidegate::vmes1
