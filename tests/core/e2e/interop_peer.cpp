// SPDX-License-Identifier: Apache-2.0
// Our end of a handshake as a line protocol, driven by interop.py. Every line is answered by one:
//   init KK|XXpsk3 initiator|responder PROLOGUE SECRET REMOTE_STATIC|- PSK|-    → ok PUBLIC_KEY
//   write PAYLOAD | read MESSAGE                                                → ok OCTETS
//   split                                                                       → ok HASH REMOTE_STATIC
//   seal PLAIN | open SEALED                                                    → ok OCTETS
//   skip N      (seals N empty messages and drops them)                         → ok
// Octets in hexadecimal, "." for none; anything refused answers "fault SENTENCE".
#include <iostream>
#include <sstream>

#include <openssl/rand.h>

#include "tests/core/e2e/fixtures.hpp"

namespace tidegate::e2e {
namespace {

using namespace test;

Bytes octets(const std::string& hex) { return hex == "." ? Bytes() : from_hex(hex); }
std::string shown(View view) { return view.empty() ? "." : to_hex(view); }
std::string answer(const Result<Bytes>& result) {
  return result ? "ok " + shown(*result) : "fault " + result.error().text;
}

class Peer {
 public:
  std::string obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb, first;
    words >> verb;
    if (verb == "init") return init(words);
    words >> first;
    if (verb == "write") return answer(handshake_->write(octets_of(octets(first))));
    if (verb == "read") return answer(handshake_->read(octets_of(octets(first))));
    if (verb == "split") return split();
    if (verb == "seal") return seal(octets(first));
    if (verb == "open") return open(octets(first));
    if (verb == "skip") {
      for (std::uint64_t n = std::stoull(first); n > 0; --n) seal({});
      return "ok";
    }
    return "fault unknown verb";
  }

 private:
  std::string init(std::istringstream& words) {
    std::string pattern, role, prologue, secret, remote, psk;
    words >> pattern >> role >> prologue >> secret >> remote >> psk;
    Handshake::Config config{.pattern = pattern == "KK" ? Pattern::kk : Pattern::xx_psk3,
                             .initiator = role == "initiator",
                             .prologue = octets(prologue),
                             .own = std::move(*x25519_from(secret_of(octets(secret)))),
                             .random = [](std::span<std::byte> out) {
                               RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
                             }};
    const std::string open = to_hex(config.own.open);
    if (remote != "-") config.remote_static = key_of(octets(remote));
    if (psk != "-") config.psk = secret_of(octets(psk));
    split_.reset();
    handshake_.emplace(std::move(config));
    return "ok " + open;
  }
  std::string split() {
    if (!handshake_->finished()) return "fault not finished";
    split_.emplace(handshake_->split());
    return "ok " + to_hex(split_->hash) + " " + to_hex(split_->remote_static);
  }
  std::string seal(const Bytes& plain) {
    Bytes out;
    split_->send.seal_to(out, octets_of(plain));
    return "ok " + shown(out);
  }
  std::string open(const Bytes& sealed) {
    Bytes out;
    const auto opened = split_->receive.open_to(out, octets_of(sealed));
    return opened ? "ok " + shown(out) : "fault " + opened.error().text;
  }

  std::optional<Handshake> handshake_;
  std::optional<Split> split_;
};

}  // namespace
}  // namespace tidegate::e2e

int main() {
  tidegate::e2e::Peer peer;
  for (std::string line; std::getline(std::cin, line);) std::cout << peer.obey(line) << std::endl;
}
