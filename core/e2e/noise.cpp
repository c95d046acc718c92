// SPDX-License-Identifier: Apache-2.0
// The handshake of the Noise Protocol Framework, revision 34 (noiseprotocol.org); sections cited at the lines.
#include "core/e2e/noise.hpp"

#include <stdexcept>

#include <openssl/crypto.h>

#include "core/e2e/gcm.hpp"

namespace tidegate::e2e {
namespace {

enum class Token : std::uint8_t { none, e, s, ee, es, se, ss, psk };
using Message = std::array<Token, 4>;

struct Shape {
  const char* name;
  bool known_statics;  ///< both static keys are pre-messages
  bool psk;
  std::size_t messages;
  std::array<Message, 3> tokens;
};
// §7.5 (KK, XX), §9.4 (psk3)
constexpr Shape kk{.name = "Noise_KK_25519_AESGCM_SHA256",
                   .known_statics = true,
                   .psk = false,
                   .messages = 2,
                   .tokens = {{{Token::e, Token::es, Token::ss}, {Token::e, Token::ee, Token::se}, {}}}};
constexpr Shape xx_psk3{
    .name = "Noise_XXpsk3_25519_AESGCM_SHA256",
    .known_statics = false,
    .psk = true,
    .messages = 3,
    .tokens = {{{Token::e}, {Token::e, Token::ee, Token::s, Token::es}, {Token::s, Token::se, Token::psk}}}};

constexpr std::size_t key_size = 32;
constexpr std::size_t largest = 65535;  // §3

std::unexpected<Fault> broken(const char* cause) {
  return fault(FaultKind::invalid, "noise", "The handshake with the other end failed; it begins anew.", cause);
}
Octets octets_of(View view) { return {reinterpret_cast<const std::byte*>(view.data()), view.size()}; }
View view_of(Octets octets) { return {reinterpret_cast<const char*>(octets.data()), octets.size()}; }

/// §5.2
class Symmetric {
 public:
  explicit Symmetric(View name) {
    // A name over 32 octets is hashed, a shorter one padded; ck begins as h.
    if (name.size() <= hash_.size())
      std::copy_n(octets_of(name).begin(), name.size(), hash_.begin());
    else
      hash_ = sha256({octets_of(name)});
    chaining_ = Secret(hash_);
  }
  const Key32& hash() const noexcept { return hash_; }
  std::size_t overhead() const noexcept { return key_ ? Gcm::tag_size : 0; }

  void mix_hash(Octets octets) { hash_ = sha256({hash_, octets}); }
  void mix_key(Octets input) {
    std::array<std::byte, 64> out{};
    hkdf(chaining_.octets(), input, {}, out);
    chaining_ = Secret(std::span(out).first<32>());
    set_key(std::span(out).last<32>());
    OPENSSL_cleanse(out.data(), out.size());
  }
  void mix_key_and_hash(Octets input) {
    std::array<std::byte, 96> out{};
    hkdf(chaining_.octets(), input, {}, out);
    chaining_ = Secret(std::span(out).first<32>());
    mix_hash(std::span(out).subspan<32, 32>());
    set_key(std::span(out).last<32>());
    OPENSSL_cleanse(out.data(), out.size());
  }
  void encrypt_and_hash(Bytes& out, Octets plain) {
    const std::size_t before = out.size();
    if (key_) {
      out.resize(before + plain.size() + Gcm::tag_size);
      Gcm(*key_, Gcm::Direction::seal).seal(nonce_++, hash_, plain, out.data() + before);
    } else {
      out += view_of(plain);
    }
    mix_hash(octets_of(View(out).substr(before)));
  }
  bool decrypt_and_hash(Bytes& out, Octets sealed) {
    if (!key_) {
      out = view_of(sealed);
    } else {
      if (sealed.size() < Gcm::tag_size) return false;
      out.resize(sealed.size() - Gcm::tag_size);
      if (!Gcm(*key_, Gcm::Direction::open).open(nonce_, hash_, sealed, out.data())) {
        OPENSSL_cleanse(out.data(), out.size());
        return false;
      }
      ++nonce_;
    }
    mix_hash(sealed);
    return true;
  }
  std::pair<Secret, Secret> split() const {
    std::array<std::byte, 64> out{};
    hkdf(chaining_.octets(), {}, {}, out);
    std::pair<Secret, Secret> keys{Secret(std::span(out).first<32>()), Secret(std::span(out).last<32>())};
    OPENSSL_cleanse(out.data(), out.size());
    return keys;
  }

 private:
  void set_key(std::span<const std::byte, 32> key) {
    key_ = Secret(key);
    nonce_ = 0;
  }
  Key32 hash_{};
  Secret chaining_;
  std::optional<Secret> key_;
  std::uint64_t nonce_ = 0;
};

}  // namespace

/// §5.3. Written and read messages walk the same tokens; a failure of any of them ends the handshake for good.
struct Handshake::State {
  Config config;
  const Shape& shape;
  Symmetric symmetric;
  std::optional<KeyPair> ephemeral;
  std::optional<Key32> remote_ephemeral;
  std::size_t at = 0;  ///< messages done
  bool failed = false;

  explicit State(Config given)
      : config(std::move(given)), shape(config.pattern == Pattern::kk ? kk : xx_psk3), symmetric(shape.name) {
    if (shape.known_statics && !config.remote_static) throw std::invalid_argument("KK needs the other's static key");
    if (!shape.known_statics) config.remote_static.reset();
    symmetric.mix_hash(octets_of(config.prologue));
    if (!shape.known_statics) return;
    symmetric.mix_hash(config.initiator ? config.own.open : *config.remote_static);
    symmetric.mix_hash(config.initiator ? *config.remote_static : config.own.open);
  }
  bool done() const noexcept { return at == shape.messages; }
  bool our_turn() const noexcept { return !failed && !done() && (at % 2 == 0) == config.initiator; }

  Result<void> mix_shared(const KeyPair& own, const std::optional<Key32>& other) {
    if (!other) return broken("a key is missing");
    auto shared = x25519(own.secret, *other);
    if (!shared) return std::unexpected(std::move(shared.error()));
    symmetric.mix_key(shared->octets());
    return {};
  }
  /// What is mixed alike at both ends. es: the initiator's ephemeral with the responder's static; se the reverse.
  Result<void> mix(Token token) {
    const bool initiator = config.initiator;
    switch (token) {
      case Token::ee:
        return mix_shared(*ephemeral, remote_ephemeral);
      case Token::es:
        return initiator ? mix_shared(*ephemeral, config.remote_static) : mix_shared(config.own, remote_ephemeral);
      case Token::se:
        return initiator ? mix_shared(config.own, remote_ephemeral) : mix_shared(*ephemeral, config.remote_static);
      case Token::ss:
        return mix_shared(config.own, config.remote_static);
      case Token::psk:
        if (!config.psk) return broken("no pairing code is known");
        symmetric.mix_key_and_hash(config.psk->octets());
        return {};
      case Token::none:
      case Token::e:
      case Token::s:
        break;
    }
    return {};
  }
  void mix_ephemeral(const Key32& open) {
    symmetric.mix_hash(open);
    if (shape.psk) symmetric.mix_key(open);  // §9.2
  }

  Result<Bytes> write(Octets payload) {
    Bytes out;
    for (const Token token : shape.tokens[at]) {
      if (token == Token::e) {
        ephemeral = config.ephemeral ? std::move(*config.ephemeral) : make_x25519(config.random);
        config.ephemeral.reset();
        out += view_of(ephemeral->open);
        mix_ephemeral(ephemeral->open);
      } else if (token == Token::s) {
        symmetric.encrypt_and_hash(out, config.own.open);
      } else if (auto mixed = mix(token); !mixed) {
        return std::unexpected(std::move(mixed.error()));
      }
    }
    if (out.size() + payload.size() + symmetric.overhead() > largest) return broken("payload too long");
    symmetric.encrypt_and_hash(out, payload);
    return out;
  }

  Result<Bytes> read(Octets message) {
    if (message.size() > largest) return broken("message too long");
    const auto take = [&message](std::size_t size) {
      const Octets taken = message.first(std::min(size, message.size()));
      message = message.subspan(taken.size());
      return taken;
    };
    for (const Token token : shape.tokens[at]) {
      if (token == Token::e) {
        const Octets open = take(key_size);
        if (open.size() != key_size) return broken("cut short");
        remote_ephemeral.emplace();
        std::copy(open.begin(), open.end(), remote_ephemeral->begin());
        mix_ephemeral(*remote_ephemeral);
      } else if (token == Token::s) {
        Bytes open;
        if (!symmetric.decrypt_and_hash(open, take(key_size + symmetric.overhead())) || open.size() != key_size)
          return broken("static key did not open");
        config.remote_static.emplace();
        std::copy_n(octets_of(open).begin(), key_size, config.remote_static->begin());
      } else if (auto mixed = mix(token); !mixed) {
        return std::unexpected(std::move(mixed.error()));
      }
    }
    Bytes payload;
    if (!symmetric.decrypt_and_hash(payload, message)) return broken("payload did not open");
    return payload;
  }

  Result<Bytes> step(Octets octets, Result<Bytes> (State::*act)(Octets)) {
    auto result = (this->*act)(octets);
    if (result)
      ++at;
    else
      failed = true;
    return result;
  }
};

Handshake::Handshake(Config config) : state_(std::make_unique<State>(std::move(config))) {}
Handshake::~Handshake() = default;
Handshake::Handshake(Handshake&&) noexcept = default;
Handshake& Handshake::operator=(Handshake&&) noexcept = default;

bool Handshake::to_write() const noexcept { return state_ && state_->our_turn(); }
bool Handshake::finished() const noexcept { return state_ && !state_->failed && state_->done(); }
const Key32& Handshake::hash() const noexcept { return state_->symmetric.hash(); }

std::optional<Key32> Handshake::remote_static() const {
  return state_ && !state_->failed ? state_->config.remote_static : std::nullopt;
}

void Handshake::set_psk(Secret psk) {
  if (state_) state_->config.psk = std::move(psk);
}

Result<Bytes> Handshake::write(Octets payload) {
  if (!to_write()) return broken("written out of turn");
  return state_->step(payload, &State::write);
}

Result<Bytes> Handshake::read(Octets message) {
  if (!state_ || state_->failed || state_->done() || state_->our_turn()) return broken("read out of turn");
  return state_->step(message, &State::read);
}

Split Handshake::split() {
  if (!finished()) throw std::logic_error("Handshake::split before the handshake is finished");
  auto [first, second] = state_->symmetric.split();
  const bool initiator = state_->config.initiator;
  Split split{.send = Cipher(std::move(initiator ? first : second)),
              .receive = Cipher(std::move(initiator ? second : first)),
              .hash = state_->symmetric.hash(),
              .remote_static = *state_->config.remote_static};
  state_.reset();  // its keys, the ephemeral first of all, are wiped with it
  return split;
}

}  // namespace tidegate::e2e
