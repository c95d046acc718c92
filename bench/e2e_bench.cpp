// SPDX-License-Identifier: Apache-2.0
// The sealed stream against bare AES-256-GCM of OpenSSL in the same run, and the codecs of the hot path. Counter `mb_s`
// is content per second, in 10^6 octets.
#include <optional>
#include <random>

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "core/e2e/session.hpp"
#include "core/e2e/sync.hpp"
#include "core/wire/frame.hpp"

namespace {

using namespace tidegate;

constexpr std::size_t message_size = 16 * 1024 - 16 - 2 - 4;  // fills one Noise message to the last octet

e2e::Cipher cipher() {
  e2e::Key32 key{};
  key.fill(std::byte{42});
  return e2e::Cipher(e2e::Secret(key));
}
Octets octets_of(const Bytes& octets) { return {reinterpret_cast<const std::byte*>(octets.data()), octets.size()}; }
Bytes noise(std::size_t size) {
  std::mt19937_64 random(1);
  Bytes out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}
void report(benchmark::State& state, std::size_t octets) {
  state.counters["mb_s"] = benchmark::Counter(
      static_cast<double>(octets) * static_cast<double>(state.iterations()) / 1e6, benchmark::Counter::kIsRate);
}

void seal_mb_s_16k(benchmark::State& state) {
  e2e::Sealer sealer(cipher());
  const Bytes content = noise(message_size);
  for ([[maybe_unused]] auto _ : state) {
    Bytes message = content;
    sealer.push(std::move(message));
    benchmark::DoNotOptimize(sealer.next());
  }
  report(state, message_size);
}
BENCHMARK(seal_mb_s_16k);

// A frame opens once only: so a new Opener of the same key for each round of sixteen, its making within the clock.
void open_mb_s_16k(benchmark::State& state) {
  constexpr std::size_t round = 16;
  e2e::Sealer sealer(cipher());
  std::vector<Bytes> bodies;
  for (std::size_t i = 0; i < round; ++i) {
    sealer.push(noise(message_size));
    bodies.push_back(sealer.next());
  }
  std::optional<e2e::Opener> opener;
  std::size_t at = round;
  for ([[maybe_unused]] auto _ : state) {
    if (at == round) {
      opener.emplace(cipher(), e2e::max_message);
      at = 0;
    }
    const auto messages = opener->open(octets_of(bodies[at++]));
    if (!messages || messages->size() != 1) state.SkipWithError("did not open");
  }
  report(state, message_size);
}
BENCHMARK(open_mb_s_16k);

struct Raw {
  EVP_CIPHER* algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  unsigned char key[32] = {42};
  unsigned char iv[12] = {};
  unsigned char tag[16] = {};
  ~Raw() {
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(algorithm);
  }
};

void reference_evp_seal_mb_s_16k(benchmark::State& state) {
  Raw raw;
  const Bytes content = noise(message_size);
  Bytes out(message_size, '\0');
  int size = 0;
  EVP_EncryptInit_ex2(raw.ctx, raw.algorithm, raw.key, nullptr, nullptr);
  for ([[maybe_unused]] auto _ : state) {
    ++raw.iv[11];
    EVP_EncryptInit_ex2(raw.ctx, nullptr, nullptr, raw.iv, nullptr);
    EVP_EncryptUpdate(raw.ctx, reinterpret_cast<unsigned char*>(out.data()), &size,
                      reinterpret_cast<const unsigned char*>(content.data()), static_cast<int>(content.size()));
    EVP_EncryptFinal_ex(raw.ctx, raw.tag, &size);
    EVP_CIPHER_CTX_ctrl(raw.ctx, EVP_CTRL_AEAD_GET_TAG, 16, raw.tag);
    benchmark::DoNotOptimize(raw.tag);
  }
  report(state, message_size);
}
BENCHMARK(reference_evp_seal_mb_s_16k);

void reference_evp_open_mb_s_16k(benchmark::State& state) {
  Raw raw;
  const Bytes content = noise(message_size);
  Bytes sealed(message_size, '\0'), out(message_size, '\0');
  int size = 0;
  EVP_EncryptInit_ex2(raw.ctx, raw.algorithm, raw.key, raw.iv, nullptr);
  EVP_EncryptUpdate(raw.ctx, reinterpret_cast<unsigned char*>(sealed.data()), &size,
                    reinterpret_cast<const unsigned char*>(content.data()), static_cast<int>(content.size()));
  EVP_EncryptFinal_ex(raw.ctx, raw.tag, &size);
  EVP_CIPHER_CTX_ctrl(raw.ctx, EVP_CTRL_AEAD_GET_TAG, 16, raw.tag);
  EVP_DecryptInit_ex2(raw.ctx, raw.algorithm, raw.key, nullptr, nullptr);
  for ([[maybe_unused]] auto _ : state) {
    EVP_DecryptInit_ex2(raw.ctx, nullptr, nullptr, raw.iv, nullptr);
    EVP_DecryptUpdate(raw.ctx, reinterpret_cast<unsigned char*>(out.data()), &size,
                      reinterpret_cast<const unsigned char*>(sealed.data()), static_cast<int>(sealed.size()));
    EVP_CIPHER_CTX_ctrl(raw.ctx, EVP_CTRL_AEAD_SET_TAG, 16, raw.tag);
    if (EVP_DecryptFinal_ex(raw.ctx, raw.tag, &size) != 1) state.SkipWithError("did not open");
  }
  report(state, message_size);
}
BENCHMARK(reference_evp_open_mb_s_16k);

e2e::ToDevice item_of_1k() {
  return e2e::Item{.view = 1,
                   .seq = 123'456,
                   .gid = {std::byte{1}},
                   .folders = {{std::byte{2}}},
                   .received = 1'700'000'000,
                   .flags = 1,
                   .content_rev = "1",
                   .fingerprint = {std::byte{3}},
                   .size = 1024,
                   .first = {e2e::Compression::none, 1024, noise(1024)}};
}

void item_1k_encode(benchmark::State& state) {
  const e2e::ToDevice item = item_of_1k();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(e2e::encode(item));
  report(state, 1024);
}
BENCHMARK(item_1k_encode);

void item_1k_decode(benchmark::State& state) {
  const Bytes octets = e2e::encode(item_of_1k());
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(e2e::decode_to_device(octets_of(octets)));
  report(state, 1024);
}
BENCHMARK(item_1k_decode);

void frame_16k_encode(benchmark::State& state) {
  const wire::Frame frame{
      .target = wire::Target::device, .id = 70'000, .generation = 3, .type = 4, .number = 9000, .body = noise(16384)};
  Bytes out;
  for ([[maybe_unused]] auto _ : state) {
    out.clear();
    wire::encode_to(out, frame);
    benchmark::DoNotOptimize(out.data());
  }
  report(state, 16384);
}
BENCHMARK(frame_16k_encode);

// Everything a 1 KiB item passes through on its way out of the gateway: message, seal (several an envelope), frame.
void item_1k_to_frame(benchmark::State& state) {
  e2e::Sealer sealer(cipher());
  const e2e::ToDevice item = item_of_1k();
  Bytes out;
  for ([[maybe_unused]] auto _ : state) {
    sealer.push(e2e::encode(item));
    if (sealer.queued() >= 16'000) {
      out.clear();
      wire::encode_to(
          out,
          {.target = wire::Target::device, .id = 1, .generation = 1, .type = 4, .number = 1, .body = sealer.next()});
      benchmark::DoNotOptimize(out.data());
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(item_1k_to_frame);

}  // namespace

BENCHMARK_MAIN();
